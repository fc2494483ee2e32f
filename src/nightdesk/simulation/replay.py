"""A whole desk against a whole lab in one process, as fast as this machine can: `nightdesk up --speed max`.

The node, the codecs, the journal's engine and the lab's core are the production ones; time, chance and the
network between them are simulated. The same recording, config and seed give the same bytes.
"""

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import msgspec

from nightdesk.adapters.journal_file import history_of
from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.audit.venue_log import Entry
from nightdesk.config.load import load
from nightdesk.config.schema import Config
from nightdesk.desk.desk import Desk
from nightdesk.lab.core import Lab
from nightdesk.lab.generated import GeneratedMarket
from nightdesk.lab.launch import LaunchOptions, LaunchRefused, prepare_both
from nightdesk.lab.market import Market
from nightdesk.lab.recorded import RecordedMarket
from nightdesk.lab.settings import AccountSettings
from nightdesk.lab.wire import Respond, RestCall
from nightdesk.model.errors import BadInput
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.node.compose import plan_of
from nightdesk.node.node import Node
from nightdesk.node.plan import Pace, World
from nightdesk.node.practice import (
    BALANCES,
    WALLETS,
    booked,
    markets,
    practice_config,
    refuse_unlisted,
    refuse_unplayed,
)
from nightdesk.node.result import Result, result_of
from nightdesk.ports.process import LogSink
from nightdesk.runtime.lease import Term
from nightdesk.simulation.clocks import MachineClock, TrueTime
from nightdesk.simulation.engine import InlineJournal
from nightdesk.simulation.link import Link
from nightdesk.simulation.loop import SimLoop, run
from nightdesk.simulation.network import LabNetwork, SimHttp, SimStreams
from nightdesk.simulation.own_step import held_to_bars, repeat_quotes
from nightdesk.simulation.processes import Alone, ProcessEntropy
from nightdesk.simulation.setting import KEY, SECRET, contracts_of, outside

# A fixed beginning: the calendar must not change a result.
START = Wall(1_723_161_254 * SECOND_NS)
LOOK_AFTER_S = 0.1  # by then what the venue did has arrived, and what follows at once was decided
LEAD_NS = 5 * SECOND_NS  # a desk is up before the first bar is told
TELL_STEP = 0.005  # a bar on a screen cannot show less
LAB_URL = "http://lab"
HOUR_NS = 3_600 * SECOND_NS


# No other process wants the lease, no clock drifts, no file is moved, nobody else trades on the account: what
# only finds such things may be rare. None of it decides anything here (tests/simulation/test_replay.py).
UNHURRIED = Pace(
    look_every_ns=HOUR_NS,
    lease=Term(ttl_ns=4 * HOUR_NS, renew_every_ns=HOUR_NS),
    clock_every_s=3_600.0,
    journal_every_s=600.0,
    account_every_ns=HOUR_NS,
    streams_watched=False,
)
QUIET_STREAM_S = 3_600.0  # no link is cut here: what would find that out may be rare


class ReplayOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What to replay, of spot and of perpetuals (`usdm`), and for how long (virtual seconds; None: to the
    recordings' end). The journal stays at `journal`, or nowhere; `looks` is shown the desk after everything
    that the venue did, at most ten times a virtual second, `told` hears now and then which share of the
    files was read, and `says` what a person should know of the run. `pace` is how often the desk looks after
    what cannot go wrong here; pulses are `pulse_ns` apart, or None: as far apart as `stale_after_ms` allows."""

    replay: Sequence[str]
    seed: int
    duration_s: float | None
    config: Path | None
    journal: Path | None = None
    looks: Callable[[Desk, Wall], None] = lambda _desk, _at: None
    told: Callable[[float], None] = lambda _share: None
    says: Callable[[str], None] = lambda _text: None
    pace: Pace = UNHURRIED
    pulse_ns: int | None = None
    usdm: Sequence[str] = ()


class Quiet:
    """A log that keeps nothing: the ring has what matters."""

    def log(self, level: str, event: str, fields: dict[str, object]) -> None:
        """Nothing."""


def run_replay(options: ReplayOptions, log: LogSink | None = None) -> Result:
    """Run to the end; raises `BadInput` for what cannot be replayed."""
    if options.duration_s is None and not (options.replay or options.usdm):
        raise BadInput(
            "the generated market never ends: say how long with --duration, or name recorded files"
        )
    with TemporaryDirectory(prefix="nightdesk-replay-") as folder:
        path = options.journal or Path(folder) / "desk.journal"
        return run(lambda: _main(options, path, log or Quiet()))


async def _main(options: ReplayOptions, path: Path, log: LogSink) -> Result:
    given = _given(options)
    lab = _lab(options, given)
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimLoop), "a replay lives in virtual time"
    time = TrueTime(loop, _start_of(lab))
    clock = MachineClock(time)
    entropy = ProcessEntropy(str(options.seed), Random(f"{options.seed}/nonces"))
    acted = asyncio.Event()
    network = LabNetwork(lab, time, heard=acted.set, ping_after_s=QUIET_STREAM_S)
    link = Link("10.0.0.1", entropy.stream("network"))
    markets = _markets(lab)
    config, said = held_to_bars(given or _practice(lab), markets)
    base = Path() if options.config is None else options.config.parent
    perpetuals = [] if lab.usdm is None else list(lab.usdm.exchange.rules)
    refuse_unlisted(config, list(lab.exchange.rules), perpetuals)
    repeat_quotes(config, markets, options.pulse_ns)
    for text in said:
        options.says(text)
    journal = SqliteJournal(str(path))
    world = World(
        clock=clock,
        entropy=entropy,
        processes=Alone(),
        log=log,
        journal=InlineJournal(lambda: journal, entropy.stream("journal")),
        venues=outside(
            config, [SimHttp(network, link)], SimStreams(network, link, clock), alone=True
        ),
        log_dropped=lambda: 0,
    )
    plan = msgspec.structs.replace(plan_of(config, base), pace=options.pace)
    node = Node(plan, world)
    network.advance()

    def look() -> None:
        if node.ready.is_set():
            options.looks(node.shell.desk, clock.wall())

    async with asyncio.TaskGroup() as group:
        running = group.create_task(node.run(), name="node")
        running.add_done_callback(lambda _: acted.set())
        await _until_over(options, lab, running, look, acted)
        node.stop()
    look()  # the end: what is told of the run is told of this moment
    journal.close()
    return _result(options, lab, node, path, clock, config)


async def _until_over(
    options: ReplayOptions,
    lab: Lab,
    running: "asyncio.Task[None]",
    look: Callable[[], None],
    acted: asyncio.Event,
) -> None:
    """Until the recording or the time asked for has ended, or the node has failed. `acted` is set whenever the
    venue does anything: nothing that a look could show changes otherwise."""
    loop = asyncio.get_running_loop()
    if options.duration_s is not None:
        loop.call_at(options.duration_s, acted.set)
    told, markets = 0.0, list(_markets(lab).values())
    recordings = [market for market in markets if not isinstance(market, GeneratedMarket)]
    while not running.done():
        await acted.wait()
        acted.clear()
        await asyncio.sleep(LOOK_AFTER_S)
        look()
        share = min(market.report().read_share for market in recordings or markets)
        if share - told >= TELL_STEP:
            told = share
            options.told(share)
        if options.duration_s is not None and loop.time() >= options.duration_s:
            return
        if recordings and all(market.ended for market in recordings):
            return


def _lab(options: ReplayOptions, config: Config | None) -> Lab:
    """With a market of perpetuals beside spot where one is recorded, or traded by `config`."""
    contracts = config is not None and any(venue.contracts for venue in config.venue.values())
    launch = LaunchOptions(
        replay=list(options.replay),
        seed=options.seed,
        usdm=contracts,
        usdm_replay=list(options.usdm),
    )
    try:
        settings, market, perpetuals = prepare_both(launch)
    except LaunchRefused as error:
        raise BadInput(str(error)) from error
    account = AccountSettings(
        name="practice",
        api_key=KEY,
        secret=SECRET,
        balances={asset: Decimal(amount) for asset, amount in BALANCES.items()},
        usdm={asset: Decimal(amount) for asset, amount in WALLETS.items()},
        contracts={} if config is None else contracts_of(config),
    )
    if (
        config is not None
        and not options.replay
        and all(v.contracts for v in config.venue.values())
    ):
        market = GeneratedMarket((), options.seed)  # nobody is there to see it
    try:
        settings = msgspec.structs.replace(
            settings, accounts=(account,), only_seconds_that_matter=True, connection_life_ns=0
        )
    except ValueError as error:
        raise BadInput(str(error)) from error
    return Lab(settings, market, perpetuals)


def _markets(lab: Lab) -> dict[bool, Market]:
    """By whether they are of contracts."""
    return {False: lab.market} if lab.usdm is None else {False: lab.market, True: lab.usdm.market}


def _start_of(lab: Lab) -> Wall:
    """The recording's own time where bars are played: their minutes, hours and days are then the venue's."""
    recorded = [m.clock_ns for m in _markets(lab).values() if isinstance(m, RecordedMarket)]
    begins = [recorded_ns for recorded_ns in recorded if recorded_ns is not None]
    return Wall(min(begins) - LEAD_NS) if begins else START


def _given(options: ReplayOptions) -> Config | None:
    path = options.config
    config = None if path is None else load(path.read_text(), str(path))
    refuse_unplayed(options.usdm, config)
    return config


def _practice(lab: Lab) -> Config:
    return practice_config(LAB_URL, list(lab.exchange.rules))


def _result(
    options: ReplayOptions,
    lab: Lab,
    node: Node,
    path: Path,
    clock: MachineClock,
    config: Config,
) -> Result:
    entries = msgspec.convert(msgspec.to_builtins(lab.log), list[Entry], strict=False)
    return result_of(
        node.sampler.sample(),
        entries,
        booked(_account(lab, clock), config),
        history_of(path),
        account_name="practice",
        speed="max",
        seed=options.seed,
        feed=markets(lab.state(clock.wall())),
    )


def _account(lab: Lab, clock: MachineClock) -> object:
    call = RestCall(id=-1, method="GET", path="/lab/account", query="name=practice")
    for out in lab.handle(call, clock.wall()):
        if isinstance(out, Respond) and out.call == -1:
            return msgspec.json.decode(out.body)
    raise AssertionError("the lab did not tell its account")
