"""`nightdesk up`: the processes of one machine, started, watched, stopped in order.

The parent holds no money and no state: it shows what the node publishes, restarts a node that died, and at the
end has the node cancel what is open before anything else is stopped.
"""

import json
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from nightdesk.adapters.control_socket import ControlClient, NoNode
from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.adapters.system import SystemProcesses
from nightdesk.config.load import load
from nightdesk.config.presets import PRESETS, PRODUCTION, Addresses
from nightdesk.config.schema import Config, Paper
from nightdesk.control.messages import ExitCode, Sample, sample_of
from nightdesk.model.errors import BadInput, LeaseHeld, OperatingError
from nightdesk.model.ids import InstrumentId, instrument_key, venue_of
from nightdesk.node.compose import control_path, journal_path
from nightdesk.node.practice import (
    BALANCES,
    CONFIG_FILE,
    JOURNAL,
    SOCKET,
    VENUE_LOG,
    WALLETS,
    accounts_text,
    calm_pause_ms,
    fresh_folder,
    held_by,
    practice_text,
    refuse_unlisted,
    write_keys,
    write_private,
)
from nightdesk.node.result import Result
from nightdesk.wiring.nodes import STOP_WITHIN_S, Nodes, python, spawn
from nightdesk.wiring.roles import LEADER, PAIR, STANDBY
from nightdesk.wiring.told import lab_get, result_at

PAPER_KIND, PAPER_SYMBOLS = "binance-spot", ["BTCUSDT", "ETHUSDT"]  # without a config
LAB_REFUSED = 2  # what a lab ends with whose options cannot be met
SILENT_S = 2.0  # a leader that tells nothing for so long is looked for anew
SLOW_S = 10.0  # a desk that has not started by then says why
LAB_URL = "lab.url"  # where the practice exchange of a folder answers, for nodes that join


class UpOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed."""

    config: Path | None
    on_lab: bool  # start a practice exchange and trade there, whatever the config's venue
    paper: bool = False  # its market is the live one of the config's venue
    live: str = ""  # the fingerprint of a desk that may risk real money
    replay: Sequence[str]
    usdm_replay: Sequence[str]
    speed: str
    seed: int
    duration_s: float | None
    folder: Path
    json_logs: bool
    role: str = PAIR
    rank: int = 1  # of who stands by


class ChildFailed(OperatingError):
    """A process of ours could not be started; says what it printed."""


class Up:
    """The tree of one machine. `show` is called with each sample and a line of state, `told` with the share
    of the recordings that was read."""

    def __init__(
        self,
        options: UpOptions,
        show: Callable[[Sample | None, str], None],
        say: Callable[[str], None],
        told: Callable[[float], None] = lambda _share: None,
    ) -> None:
        self._options = options
        self._show = show
        self._say = say
        self._told = told
        self._lab: subprocess.Popen[bytes] | None = None
        self._nodes: Nodes | None = None
        self._url = ""
        self._stopping = False
        self._config = options.config
        self._log = options.folder / "node.log"
        self._log_from = 0  # where in the node's log this run begins
        self._seen = False  # whether the desk was heard of in this run

    def run(self) -> tuple[int, Result | Sample | None]:
        """Everything from start to stop; returns the exit code and the result, or, on a venue whose log
        cannot be read, the node's last sample."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._interrupted)
        try:
            self._options.folder.mkdir(parents=True, exist_ok=True)
            self._log_from = self._log.stat().st_size if self._log.exists() else 0
            if self._options.on_lab and self._options.role == STANDBY:
                self._join_lab()
            elif self._options.on_lab:
                self._start_lab()
            self._nodes = nodes = Nodes(self._log, self._journal(), self._say)
            self._start_nodes(nodes)
            code = self._watch(nodes)
            if code is not None:
                return code, None
            sample = self._stop_nodes(nodes)
            if sample is None:
                return ExitCode.FAILED if self._options.role != STANDBY else ExitCode.OK, None
            return ExitCode.OK, self._result(sample) if self._lab else sample
        finally:
            if self._nodes is not None:
                self._nodes.end()
            self._end(self._lab)

    def _interrupted(self, _number: int, _frame: object) -> None:
        self._stopping = True

    def _start_lab(self) -> None:
        folder = self._options.folder
        _refuse_second(folder / JOURNAL)
        fresh_folder(folder)
        key, secret = write_keys(folder)
        write_private(folder / "accounts.toml", self._account(key, secret))
        command = python("-m", "nightdesk.lab", "--port", "0")
        command += ["--seed", str(self._options.seed), "--speed", self._options.speed]
        command += ["--accounts", str(folder / "accounts.toml"), "--with-parent"]
        if self._options.paper:
            command += self._live_markets()
        for path in self._options.replay:
            command += ["--replay", path]
        if self._config is not None and any(v.contracts for v in self._loaded().venue.values()):
            command.append("--usdm")
        for path in self._options.usdm_replay:
            command += ["--usdm-replay", path]
        (folder / "lab.log").unlink(missing_ok=True)
        # Its standard input is never written: it ends when ours does, however we end.
        self._lab = spawn(command, folder / "lab.log", stdin=subprocess.PIPE)
        self._url = _url_of(self._lab, folder / "lab.log")
        (folder / LAB_URL).write_text(self._url)
        listed = lab_get(self._url, "/api/v3/exchangeInfo")["symbols"]
        symbols = [symbol["symbol"] for symbol in listed]
        if self._config is not None:
            refuse_unlisted(self._loaded(), symbols, self._perpetuals())
        else:
            self._config = folder / CONFIG_FILE
            self._config.write_text(practice_text(self._url, symbols, calm_pause_ms(symbols)))

    def _join_lab(self) -> None:
        """Trade on the practice exchange that another `up` has started in this folder."""
        folder = self._options.folder
        try:
            self._url = (folder / LAB_URL).read_text()
        except OSError as error:
            raise BadInput(
                f"no practice desk has run in {folder} that a node could stand by; start one with: nightdesk up"
            ) from error
        self._config = self._config or folder / CONFIG_FILE

    def _loaded(self) -> Config:
        assert self._config is not None, "a practice config was written, or one was given"
        return load(self._config.read_text(), str(self._config))

    def _perpetuals(self) -> list[str]:
        """What the lab lists beside spot."""
        if not any(venue.contracts for venue in self._loaded().venue.values()):
            return []
        listed = lab_get(self._url, "/fapi/v1/exchangeInfo")["symbols"]
        return [symbol["symbol"] for symbol in listed]

    def _account(self, key: str, secret: str) -> str:
        """The lab's accounts file; on paper the account holds what the config says, if it says anything."""
        if self._config is None:
            return accounts_text(key, secret)
        config = self._loaded()
        given = config.paper if self._options.paper else Paper()
        held, wallets = (
            {asset: f"{amount:f}" for asset, amount in amounts.items()}
            for amounts in (given.balances, given.wallets)
        )
        return accounts_text(key, secret, held or BALANCES, wallets or WALLETS, held_by(config))

    def _live_markets(self) -> list[str]:
        """Where the lab finds its markets, their rules and which instruments of them are traded."""
        if self._config is None:
            return _live("", PRESETS[PAPER_KIND][PRODUCTION], PAPER_SYMBOLS)
        config, command = self._loaded(), []
        for name, venue in config.venue.items():
            ours = [InstrumentId(i.id) for i in config.instrument]
            symbols = [instrument_key(i) for i in ours if venue_of(i) == name]
            command += _live("usdm-" if venue.contracts else "", venue.addresses, symbols)
        return command

    def _start_nodes(self, nodes: Nodes) -> None:
        role = self._options.role
        if role == LEADER:
            nodes.start(self._node())
            return
        if role == PAIR:  # whoever typed this may have changed the config: one of them leads by it
            nodes.start(self._node("--stand-by"), "--lead")
        nodes.start(self._node("--stand-by", "--rank", str(self._options.rank)))

    def _node(self, *more: str) -> list[str]:
        """How one is started."""
        assert self._config is not None, "a practice config was written, or one was given"
        command = python("-m", "nightdesk.cli.main", "node", "--config", str(self._config))
        command += ["--seed", str(self._options.seed), "--with-parent", "--result", *more]
        if self._options.live:
            command += ["--live", self._options.live]
        if self._url:
            command += ["--lab", self._url, "--folder", str(self._options.folder)]
        if self._options.json_logs:
            command.append("--json-logs")
        return command

    def _journal(self) -> Path:
        if self._url:
            return self._options.folder / JOURNAL
        assert self._config is not None, "a practice config was written, or one was given"
        return journal_path(self._loaded(), self._config.parent)

    def _watch(self, nodes: Nodes) -> int | None:
        """Show samples until it is time to stop; an exit code when the desk ended for good."""
        begun = time.monotonic()  # noqa: TID251 the parent only waits; nothing is traded by it
        client: ControlClient | None = None
        told = False
        while not self._stopping:
            code = nodes.look()
            if code == ExitCode.OK:
                return None  # it was told to stop: so are the others
            if code is not None:
                said = (
                    self._log_tail() if self._seen else self._not_started("the desk did not start")
                )
                self._say(said)
                return code
            client = self._sample(client)
            elapsed = time.monotonic() - begun  # noqa: TID251 as above
            if not (self._seen or told) and elapsed >= SLOW_S and self._options.role != STANDBY:
                told = True
                self._say(self._not_started("the desk has not started, and goes on trying"))
            if self._options.duration_s is not None and elapsed >= self._options.duration_s:
                return None
            if self._played():
                return None
        return None

    def _played(self) -> bool:
        """Whether every recording was played to its end; tells how far they are."""
        options = self._options
        if not (options.replay or options.usdm_replay):
            return False
        status = lab_get(self._url, "/lab/status")
        recordings = [status["market"]] if options.replay else []
        if options.usdm_replay:
            recordings.append(status["usdm"]["market"])
        self._told(min(market["read_share"] for market in recordings))
        return all(market["ended"] for market in recordings)

    def _sample(self, client: ControlClient | None) -> ControlClient | None:
        """One sample, or a short wait for the node to listen."""
        try:
            if client is None:
                client = ControlClient(self._socket(), SILENT_S)
                client.watch()
            self._show(sample_of(client.next()), "")
            self._seen = True
        except (NoNode, TimeoutError) as error:
            self._show(None, str(error))
            time.sleep(0.2)
            return None
        return client

    def _not_started(self, what: str) -> str:
        config = "" if self._options.config is None else f" --config {self._options.config}"
        return (
            f"{what}: {_tail(self._log, 1, self._log_from)}\n"
            f"its log is {self._log}; what it needs is checked by: nightdesk doctor{config}"
        )

    def _log_tail(self) -> str:
        return _tail(self._log, after=self._log_from)

    def _socket(self) -> Path:
        if self._url:
            return self._options.folder / SOCKET
        assert self._config is not None, "a practice config was written, or one was given"
        return socket_of(self._config)

    def _stop_nodes(self, nodes: Nodes) -> Sample | None:
        """Have the desk cancel what is open, wait for it, and take its last sample."""
        self._say(
            "standing down"
            if self._options.role == STANDBY
            else "stopping: the desk cancels what is open at the venue"
        )
        out = nodes.stop()
        if out is None:
            self._say(f"the node did not stop within {STOP_WITHIN_S:.0f} s; ending it")
            return None
        lines = out.splitlines()
        if not lines and self._options.role == STANDBY:
            return None  # it never led
        if not lines:
            self._say(
                self._log_tail() if self._seen else self._not_started("the desk never started")
            )
            return None
        sample = msgspec.json.decode(lines[-1], type=Sample)
        open_now = sample.orders_live
        self._say(
            "stopped: nothing is open at the venue"
            if not open_now
            else f"stopped with {open_now} orders still open at the venue"
        )
        return sample

    def _result(self, sample: Sample) -> Result:
        journal = self._options.folder / JOURNAL
        result = result_at(
            self._url,
            journal,
            sample,
            self._loaded(),
            speed=self._options.speed,
            seed=self._options.seed,
        )
        files = ["--journal", str(journal), "--venue-log", str(journal.with_name(VENUE_LOG))]
        self._say(
            f"held against the laws, law by law, by: {shlex.join(['nightdesk', 'audit', *files])}"
        )
        return result

    def _end(self, child: subprocess.Popen[bytes] | None) -> None:
        if child is None or child.poll() is not None:
            return
        child.terminate()
        try:
            child.wait(5.0)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _live(of: str, addresses: Addresses, symbols: Sequence[str]) -> list[str]:
    """What a lab is told of one live market."""
    command = [f"--{of}live-rest", addresses.rest, f"--{of}live-stream", addresses.stream]
    return command + [part for symbol in symbols for part in (f"--{of}symbol", symbol)]


def socket_of(config: Path) -> Path:
    """The control socket of the desk that `config` describes."""
    return control_path(load(config.read_text(), str(config)), config.parent)


def _refuse_second(journal: Path) -> None:
    """A second desk on the same journal would be fenced; refuse before anything is wiped."""
    if not journal.exists():
        return
    file = SqliteJournal(str(journal), readonly=True)
    try:
        holder = file.lease().holder
    finally:
        file.close()
    if holder is not None and not SystemProcesses().gone(holder):
        raise LeaseHeld(
            f"a practice desk already runs: {holder.name} (pid {holder.pid}); stop it first, "
            "or give this one its own folder with --folder"
        )


def _url_of(lab: "subprocess.Popen[bytes]", log: Path) -> str:
    """The address the lab printed when it was ready."""
    assert lab.stdout is not None, "started with a pipe"
    line = lab.stdout.readline()
    if not line:
        lab.wait()
        kind = BadInput if lab.returncode == LAB_REFUSED else ChildFailed
        raise kind(f"the lab did not start:\n{_tail(log)}")
    return str(json.loads(line)["url"])


def _tail(log: Path, lines: int = 12, after: int = 0) -> str:
    """The last lines a child wrote, `after` so many bytes of others before it."""
    try:
        return "\n".join(log.read_bytes()[after:].decode(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
