"""Every kind of fault strikes a whole trading world, is felt there, and is over when its time is."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from nightdesk.lab import asked
from nightdesk.model.errors import BadInput
from nightdesk.model.time import MS_NS, SECOND_NS
from nightdesk.simulation.faults import KINDS, Fault
from nightdesk.simulation.incarnation import Life
from nightdesk.simulation.judge import Judge
from nightdesk.simulation.loop import run
from nightdesk.simulation.setting import Ended, WorldOptions
from nightdesk.simulation.strikes import Missed, strike
from nightdesk.simulation.trading_world import REST_S, TradingWorld, run_world
from nightdesk.simulation.watching import Watch

AT_S, SECONDS = 6.0, 20.0
LASTING_MAX_S = 5.0
EPSILON_S = 0.01
NEEDS_AN_ORDER = "venue.manual_cancel"
NEEDS_A_STOP = "venue.stop_dropped"  # the desk of these worlds keeps none
NEED_A_POSITION = ("venue.liquidate", "venue.adl")
NEEDS_A_TRADE = "venue.fill_taken_back"
OF_CONTRACTS = (
    *NEED_A_POSITION,
    *("venue.wallet_transfer", "venue.funding_shock", "venue.rules_changed", NEEDS_A_TRADE),
)
OF_SEVERAL = ("standby.kill", "standby.freeze", "operator.switchover")
SEED, SEED_OF_CONTRACTS = 2, 5  # of the second one, the desk holds a perpetual when a fault strikes
SEED_OF_A_SPOOL = 3


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without asyncio's debug mode, which makes as many worlds as there are kinds three times as slow."""
    monkeypatch.setattr("asyncio.coroutines._is_debug_mode", lambda: False)


def a_fault(name: str, end: int) -> Fault:
    """One of its kind, with the least (0) or the most (-1) of what may be drawn with it."""
    kind = KINDS[name]
    args = dict(kind.always) | {arg: values[end] for arg, values in kind.args.items()}
    for_s = min(kind.lasts_s[end], LASTING_MAX_S)
    return Fault(kind=name, at_s=AT_S, for_s=for_s, args=args)


def wrong(world: TradingWorld) -> dict[str, object]:
    """Everything that faults put wrong and that must be right again when they are over."""
    machine = world.machine
    lab = msgspec.json.decode(world.lab_door("GET", "/lab/faults"))
    return {
        "links": [
            (
                *(link.up_cut, link.down_cut, link.extra_ns, link.loss, link.bytes_per_s),
                *(link.refuses, *sorted(link.clogged)),
            )
            for link in machine.lanes
        ],
        "traps": machine.traps.waiting,
        "crashing": world.crew.crashing,
        "disk": (machine.disk.full, machine.disk.sync_fails),
        "stalled": machine.stalled_until > world.time.now(),
        "spool": (machine.spool_fails, machine.spool_away_until > world.time.now()),
        "drift": machine.clock.drift_ppm,
        "frozen": [p.name for p in machine.processes if p.life is Life.FROZEN],
        "seconds": [p.name for p in machine.processes if "second" in p.name and _lives(p.life)],
        "lab": [fault["kind"] for fault in lab if fault["active"]],
    }


def _lives(life: Life) -> bool:
    return life is not Life.DEAD


class Lived:
    """A world with a look at it before, while and after its fault."""

    def __init__(self, *faults: Fault, looks_s: tuple[float, ...] = ()) -> None:
        self.judge = Judge(
            flat_within_ns=30 * SECOND_NS,
            resolve_within_ns=int(REST_S - 5) * SECOND_NS,
            keep=100_000,
        )
        self.looks: list[dict[str, object]] = []
        self.ended: Ended
        self.world: TradingWorld

        async def look(at_s: float) -> None:
            await asyncio.sleep(at_s)
            self.looks.append(wrong(self.world))

        async def main() -> None:
            seed = SEED_OF_CONTRACTS if any(f.kind in OF_CONTRACTS for f in faults) else SEED
            if any(f.kind.startswith("spool.") for f in faults):
                seed = SEED_OF_A_SPOOL
            several = any(f.kind in OF_SEVERAL for f in faults)
            nodes = 2 if several else 1
            options = WorldOptions(seed=seed, faults=faults, seconds=SECONDS, nodes=nodes)
            self.world = TradingWorld(options, self.judge)
            async with asyncio.TaskGroup() as group:
                for at_s in looks_s:
                    group.create_task(look(at_s))
                self.ended = await self.world.live()

        run(main)

    def says(self, text: str) -> bool:
        return any(text in line for line in self.judge.lines)


ONCE: dict[str, Callable[[Lived], object]] = {
    "standby.kill": lambda lived: lived.says("dies: kill") and len(lived.world.crew.nodes) == 3,
    "operator.switchover": lambda lived: lived.says("standby.leads why=it was handed over"),
    "process.kill": lambda lived: lived.says("dies: kill") and len(lived.world.crew.nodes) == 2,
    "machine.power": lambda lived: lived.says("dies: power") and len(lived.world.crew.nodes) == 2,
    "clock.step": lambda lived: lived.world.machine.clock.offset_ns == 10_000 * MS_NS,
    "net.reset": lambda lived: lived.says("connection reset"),
    "stream.drop": lambda lived: lived.says("fault_fired"),
    "stream.mute": lambda lived: lived.says("market.doubts"),
    "stream.ending": lambda lived: lived.says("market.rollovers"),
    "operator.pause": lambda lived: lived.says("operator         pause"),
    "operator.resume": lambda lived: lived.says("operator         resume"),
    "operator.cancel-all": lambda lived: lived.says("operator         cancel-all"),
    "venue.manual_order": lambda lived: lived.says("accept web_"),
    "venue.manual_cancel": lambda lived: lived.says("fault_fired"),
    "venue.transfer": lambda lived: lived.says("transfer"),
    "venue.wallet_transfer": lambda lived: lived.says("transfer"),
    "venue.fill_taken_back": lambda lived: lived.says("accept taken-back-"),
    "venue.rules_changed": lambda lived: lived.says("fault_fired"),
    "venue.liquidate": lambda lived: lived.says("position.forced of=usdm:ETHUSDT why=liquidation"),
    "venue.adl": lambda lived: lived.says("position.forced of=usdm:ETHUSDT why=adl"),
    "venue.funding_shock": lambda lived: lived.says("funding at 75 bps"),
    "net.half_open": lambda lived: lived.says("no answer to a ping"),
    "process.task_ends": lambda lived: lived.says("'tick' ended by itself"),
    "strategy.raises": lambda lived: lived.says("a strategy's bug"),
    "operator.flatten": lambda lived: lived.says("operator         flatten"),
    "operator.limit": lambda lived: lived.says("operator         limit"),
}


def test_every_kind_that_does_not_last_is_in_the_table_of_those() -> None:
    once = {name for name, kind in KINDS.items() if not kind.lasts_s[1]}
    assert {*ONCE, NEEDS_A_STOP} == once


@pytest.mark.parametrize("kind", [k for k in KINDS if k != NEEDS_A_STOP])
def test_a_fault_is_felt_while_it_lasts_and_leaves_a_world_that_ends_clean(kind: str) -> None:
    fault = a_fault(kind, -1)
    over = AT_S + fault.for_s
    lived = Lived(fault, looks_s=(AT_S - EPSILON_S, over - EPSILON_S, over + EPSILON_S))
    before, during, after = lived.looks
    assert before == after, "not undone"
    assert ONCE[kind](lived) if kind in ONCE else before != during, "never felt"
    assert lived.ended.broke == ""
    assert lived.judge.findings == []
    assert lived.ended.virtual_s == SECONDS + REST_S
    assert lived.ended.flat_s is not None
    assert lived.judge.struck_kinds[kind][0] == 1


def test_a_fill_of_spot_that_is_taken_back_moves_its_money_and_its_coins_back() -> None:
    lived = Lived(a_fault(NEEDS_A_TRADE, 0))
    assert lived.says("venue            transfer")
    assert not lived.says("operator         resume")
    assert lived.judge.findings == []
    assert lived.ended.flat_s is not None


@pytest.mark.parametrize("at_s", [AT_S, SECONDS - 0.5])
def test_a_person_adopts_a_perpetual_that_was_taken_back_or_nobody_gets_out_of_it(
    at_s: float,
) -> None:
    lived = Lived(msgspec.structs.replace(a_fault(NEEDS_A_TRADE, -1), at_s=at_s))
    assert lived.says("accept taken-back-")
    assert lived.says("operator         resume")
    assert lived.judge.findings == []
    assert lived.ended.flat_s is not None
    shell = lived.world.crew.nodes[-1].node.shell
    assert shell.desk.views.difference == {}


@pytest.mark.parametrize("end", [0, -1])
@pytest.mark.parametrize(
    "kind",
    [
        k
        for k in KINDS
        if k.startswith(("venue.", "market.", "stream."))
        and k not in (NEEDS_AN_ORDER, NEEDS_A_STOP, NEEDS_A_TRADE, *NEED_A_POSITION)
    ],
)
def test_the_lab_takes_every_fault_of_the_venue_that_may_be_drawn(kind: str, end: int) -> None:
    async def main() -> list[object]:
        world = TradingWorld(
            WorldOptions(seed=SEED_OF_CONTRACTS if kind in OF_CONTRACTS else SEED, faults=()),
            Judge(flat_within_ns=1, resolve_within_ns=1),
        )
        strike(world, a_fault(kind, end))
        world.machine.bury()
        return msgspec.json.decode(world.lab_door("GET", "/lab/faults"))

    assert len(run(main)) == 1


def test_a_fault_that_finds_nobody_does_not_count_as_one_that_struck() -> None:
    """The second kill finds nobody: the supervisor has not started another yet."""
    kill = a_fault("process.kill", 0)
    others = ("process.freeze", "process.task_ends", "machine.power", "operator.pause")
    lived = Lived(kill, kill, *(a_fault(kind, 0) for kind in others))
    assert lived.judge.findings == []
    assert len(lived.world.crew.nodes) == 2
    assert lived.judge.struck_kinds.keys() == {"process.kill"}
    assert lived.judge.struck_kinds["process.kill"][0] == 1


@pytest.mark.parametrize("kind", OF_SEVERAL)
def test_where_nobody_stands_by_nobody_is_struck(kind: str) -> None:
    async def main() -> None:
        alone = TradingWorld(
            WorldOptions(seed=SEED, faults=()), Judge(flat_within_ns=1, resolve_within_ns=1)
        )
        try:
            with pytest.raises(Missed):
                strike(alone, a_fault(kind, -1))
        finally:
            alone.machine.bury()

    run(main)


@pytest.mark.parametrize("kind", [NEEDS_AN_ORDER, NEEDS_A_STOP])
def test_what_the_venue_would_let_nobody_do_did_not_strike(kind: str) -> None:
    nothing_open = a_fault(kind, 0)
    lived = Lived(msgspec.structs.replace(nothing_open, at_s=0.0))
    assert lived.says(kind)
    assert lived.judge.struck_kinds == {}


def test_the_venue_loses_a_stop_that_waits() -> None:
    async def main() -> list[object]:
        world = TradingWorld(
            WorldOptions(seed=SEED, faults=()), Judge(flat_within_ns=1, resolve_within_ns=1)
        )
        account = next(iter(world.lab.exchange.accounts.values()))
        symbol = next(iter(world.lab.exchange.rules))
        sell = {"symbol": symbol, "side": "SELL", "type": "STOP_LOSS", "quantity": "0.001"}
        stop = asked.new_order(sell | {"stopPrice": "1"}, world.lab.exchange.rules)
        record = world.lab.exchange.place(account, stop, 0)
        strike(world, a_fault(NEEDS_A_STOP, 0))
        world.machine.bury()
        return [str(record.now.status), record.now.expiry]

    assert run(main) == ["EXPIRED", "EXCHANGE_CANCELED"]


@pytest.mark.parametrize(
    ("longer", "shorter"),
    [("net.cut", "net.up_cut"), ("net.cut", "net.down_cut"), ("net.up_cut", "net.cut")],
)
def test_the_end_of_one_fault_is_not_the_end_of_another(longer: str, shorter: str) -> None:
    faults = (
        Fault(kind=longer, at_s=AT_S, for_s=5.0),
        Fault(kind=shorter, at_s=AT_S + 1, for_s=1.0),
    )
    lived = Lived(*faults, looks_s=(AT_S + 0.5, AT_S + 3.0))
    alone, behind = lived.looks
    assert behind["links"][0] == alone["links"][0]


@pytest.mark.parametrize("kind", ["venue.nope", "stream.nope", "disk.nope", "nope"])
def test_a_fault_that_there_is_not_is_told(kind: str) -> None:
    with pytest.raises(BadInput, match="nope"):
        told_to(Fault(kind=kind, at_s=AT_S, for_s=1.0))


def test_a_fault_that_the_lab_refuses_is_told() -> None:
    with pytest.raises(BadInput, match="the lab says"):
        told_to(Fault(kind="venue.delay", at_s=AT_S, for_s=1.0, args={"percent": 300, "ms": 5}))


def told_to(fault: Fault) -> None:
    run_world(WorldOptions(seed=2, faults=[fault], seconds=SECONDS), Watch())


def test_an_asset_that_nobody_has_is_told_and_one_that_this_world_lacks_is_let_be() -> None:
    args: dict[str, object] = {"amount": "0.5"}
    with pytest.raises(BadInput, match="DOGE"):
        told_to(Fault(kind="venue.transfer", at_s=AT_S, args={**args, "asset": "DOGE"}))
    faults = [Fault(kind="venue.transfer", at_s=AT_S, args={**args, "asset": "ETH"})]
    narrow = WorldOptions(seed=2, faults=faults, seconds=SECONDS, symbols=("BTCUSDT",))
    judge = Judge(flat_within_ns=SECOND_NS * 30, resolve_within_ns=SECOND_NS * 40)
    assert run_world(narrow, judge).broke == ""
    assert judge.struck_kinds == {}
