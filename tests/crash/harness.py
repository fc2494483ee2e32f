"""kill -9 a real desk on a real lab, again and again, then hold the journal against the venue's log.

`python -m tests.crash.harness --kills 200`, or `make crash KILLS=200`. Two thirds of the kills come at chosen
points around a send, the others at random moments; the lab loses requests and answers, delays, doubles and
reorders meanwhile. Each round is one line in the rounds file, so that a long proof can be watched and resumed
by eye. Exit 1 when a law is broken or when fewer than half of the kills met an order in flight.
"""

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import Request, urlopen

import msgspec
from rich.console import Console
from rich.progress import Progress
from tests.crash.victim import POINTS

from nightdesk.adapters.control_socket import ControlClient, NoNode
from nightdesk.adapters.journal_file import history_of
from nightdesk.audit.intents import Intents
from nightdesk.config.load import load
from nightdesk.control.messages import Request as Command
from nightdesk.control.messages import Sample, sample_of
from nightdesk.model.ids import Epoch, InstrumentId, Seq
from nightdesk.model.order import Origin
from nightdesk.model.records import Answered, CancelAsked, Executed, Record
from nightdesk.model.time import Wall
from nightdesk.node.practice import JOURNAL, SOCKET, accounts_text, write_keys, write_private
from nightdesk.node.result import Result
from nightdesk.wiring.told import result_at

ROOT = Path(__file__).parents[2]
START_WITHIN_S = 30.0
CHOSEN_WITHIN_S = 12.0  # a chosen point that is not passed by then becomes a random kill
CHOSEN_SHARE = 0.7


def maker_of(params: str, kind: str = "nightdesk.strategy.examples.maker:Maker") -> str:
    """A maker of both markets, as a part of a template like `CONFIG`."""
    return f"""\
[[strategy]]
name = "maker"
class = "{kind}"
instruments = ["binance:BTCUSDT", "binance:ETHUSDT"]
params = {{{{ size = "0.01", inventory_max = "0.1", {params} }}}}
"""


CONFIG = """\
[desk]
name = "crash"
journal = "desk.journal"
control = "desk.sock"
order_ttl_ms = 500

[venue.binance]
kind = "binance-spot"
rest = "{rest}"
stream = "{stream}"
private = "{stream}"
read_lag_ms = 300

[venue.binance.account]
key = "file:key"
secret = "file:secret"

[limits]
order_qty_max = "0.5"
order_notional_max = "20000"
position_max = "1"
gross_max = "200000"
open_orders_max = 50
orders_per_second_max = 100
collar_bps = "100"
duplicate_window_ms = 0

[[instrument]]
id = "binance:BTCUSDT"

[[instrument]]
id = "binance:ETHUSDT"

[[strategy]]
name = "trend"
class = "nightdesk.strategy.examples.trend:Trend"
instruments = ["binance:BTCUSDT", "binance:ETHUSDT"]
params = {{ size = "0.02", fast = 5, slow = 20, band_bps = 0.0, both_ways = true }}
"""

BOTH = """\
[venue.usdm]
kind = "binance-usdm"
rest = "{rest}"
stream = "{stream}"
private = "{stream}"
read_lag_ms = 300

[venue.usdm.account]
key = "file:key"
secret = "file:secret"

[[instrument]]
id = "usdm:BTCUSDT"
leverage = 20

[[instrument]]
id = "usdm:ETHUSDT"
leverage = 20

"""
MAKER = """\
[[strategy]]
name = "maker"
class = "nightdesk.strategy.examples.maker:Maker"
instruments = ["binance:BTCUSDT", "binance:ETHUSDT", "usdm:BTCUSDT"]
params = {{ size = "0.01", follow_ticks = 2, inventory_max = "0.1", pause_ms = 20 }}
"""

GUARDED = """\
[[strategy]]
name = "guarded"
class = "nightdesk.simulation.guarded:Guarded"
instruments = ["binance:BTCUSDT", "binance:ETHUSDT", "usdm:BTCUSDT", "usdm:ETHUSDT"]
params = {{ size = "1500", every = 10 }}
"""

# What the lab does to the desk all the while: kind, probability, arguments.
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "lost_request", "probability": 0.02, "how": "close"},
    {"kind": "lost_response", "probability": 0.03, "how": "close"},
    {"kind": "delay", "probability": 0.2, "ms": 120},
    {"kind": "late_response", "probability": 0.4, "ms": 200},
    {"kind": "error_503", "probability": 0.01, "effect": True},
    {"kind": "error_503", "probability": 0.01, "effect": False},
    {"kind": "truncated_body", "probability": 0.02, "effect": True},
    {"kind": "empty_body", "probability": 0.01, "effect": True},
    {"kind": "html_body", "probability": 0.01, "effect": False},
    {"kind": "duplicate_report", "probability": 0.05},
    {"kind": "late_report", "probability": 0.05, "ms": 150},
)


def in_flight(
    history: Iterable[tuple[Seq, Epoch, Wall, Record]], *, cancels: bool = True
) -> list[InstrumentId]:
    """Of orders whose send (or cancel) had been written down, and of whose end the journal knows nothing: the
    instrument of each."""
    intents, answered, cancelling = Intents(), set[str](), set[str]()
    for _, epoch, at, record in history:
        intents.read(record, epoch=epoch, decided_at=at, heard_ns=at)
        if isinstance(record, Answered):
            answered.add(record.client_id)
        elif cancels and isinstance(record, CancelAsked):
            cancelling.add(record.client_id)
    return [
        known.intent.instrument
        for client_id, known in intents.known.items()
        if not known.ended
        and (client_id in cancelling or not (known.told or client_id in answered))
    ]


class Rig:
    """One lab, one journal, one node after the other."""

    def __init__(
        self,
        folder: Path,
        seed: int,
        plant: str = "",
        *,
        makers: bool = True,
        lab_by: Sequence[str] = (),
        host: str = "127.0.0.1",
        node_by: Sequence[str] = (),
    ) -> None:
        """`lab_by` and `node_by` are commands that run another in a place of its own; `host` is the lab's."""
        self._node_by, self._host = node_by, host
        self.plant = plant
        self.folder = folder
        self.rng = Random(f"crash/{seed}")
        self.seed = seed
        self.node: subprocess.Popen[bytes] | None = None
        key, secret = write_keys(folder)
        write_private(folder / "accounts.toml", accounts_text(key, secret))
        command = [*lab_by, sys.executable, "-m", "nightdesk.lab", "--port", "0", "--host", host]
        command += ["--seed", str(seed)]
        command += ["--accounts", str(folder / "accounts.toml")]
        if makers:
            command.append("--usdm")
        self._lab_log = (folder / "lab.log").open("wb")
        self.lab = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._lab_log)
        assert self.lab.stdout is not None
        self.url = json.loads(self.lab.stdout.readline())["url"]
        config = CONFIG + (BOTH + MAKER + GUARDED if makers else "")
        config = config.format(rest=self.url, stream=self.url.replace("http", "ws", 1))
        (folder / "desk.toml").write_text(config)
        self.config = load(config, "desk.toml")

    def close(self) -> None:
        """End what this rig started, by its own handles."""
        for child in (self.node, self.lab):
            if child is not None and child.poll() is None:
                child.kill()
                child.wait()
        self._lab_log.close()

    def post_faults(self, faults: Sequence[dict[str, Any]]) -> None:
        for fault in faults:
            body = json.dumps(fault).encode()
            request = Request(f"{self.url}/lab/faults", data=body, method="POST")
            with urlopen(request, timeout=10.0):
                pass

    def clear_faults(self) -> None:
        with urlopen(Request(f"{self.url}/lab/faults", method="DELETE"), timeout=10.0):
            pass

    def start(self, point: str | None = None, after: int = 1) -> None:
        """Start a node, armed with a point or not."""
        chosen = [] if point is None else ["--point", point, "--after", str(after)]
        self.node = self.spawn(self._node_by, "tests.crash.victim", *chosen)

    def spawn(self, by: Sequence[str], program: str, *more: str) -> "subprocess.Popen[bytes]":
        """A node of this desk; `by` is a command that runs another in a place of its own."""
        command = [*by, sys.executable, "-m", program, "--here", self._host]
        command += ["--config", str(self.folder / "desk.toml"), *more]
        if self.plant:
            command += ["--plant", self.plant]
        with (self.folder / "node.log").open("ab") as errors:
            return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, cwd=ROOT)

    def until_trading(self) -> bool:
        """Whether the node came to trade; False when it died before."""
        deadline = time.monotonic() + START_WITHIN_S
        while time.monotonic() < deadline:
            assert self.node is not None
            if self.node.poll() is not None:
                return False
            try:
                client = ControlClient(self.folder / SOCKET, timeout_s=2.0)
            except NoNode:
                time.sleep(0.05)
                continue
            try:
                if sample_of(client.ask(Command(verb="status"))).trading:
                    return True
            except (NoNode, TimeoutError):
                pass
            finally:
                client.close()
            time.sleep(0.05)
        log = (self.folder / "node.log").read_text()[-3000:]
        raise RuntimeError(f"the node does not come to trade within {START_WITHIN_S} s:\n{log}")

    def kill_at_random(self) -> None:
        if not self.until_trading():
            self._killed()
        time.sleep(self.rng.uniform(0.02, 1.5))
        assert self.node is not None
        self.node.kill()
        self.node.wait()
        self._killed()

    def kill_at(self, point: str) -> bool:
        """Whether the chosen point was met."""
        assert self.node is not None
        try:
            self.node.wait(CHOSEN_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.node.kill()
            self.node.wait()
            return False
        self._killed()
        return True

    def _killed(self) -> None:
        """A node may only end by our SIGKILL; any other end is a defect that the proof must not hide."""
        assert self.node is not None
        if self.node.returncode != -9:
            log = (self.folder / "node.log").read_text()[-3000:]
            raise RuntimeError(f"the node ended by itself with {self.node.returncode}:\n{log}")

    def protective(self) -> Counter[str]:
        """Orders that protected positions, and how many of them traded."""
        intents = Intents()
        for _, epoch, at, record in history_of(self.folder / JOURNAL):
            intents.read(record, epoch=epoch, decided_at=at, heard_ns=at)
        ours = [k for k in intents.known.values() if k.intent.origin is Origin.PROTECT]
        return Counter(
            orders=len(ours),
            in_pairs=sum(k.intent.other is not None for k in ours),
            traded=sum(k.filled > 0 for k in ours),
        )

    def traded(self) -> Counter[str]:
        """Trades by market."""
        kept = (record for *_, record in history_of(self.folder / JOURNAL))
        return Counter(r.execution.instrument for r in kept if isinstance(r, Executed))

    def finish(self) -> tuple[Sample, Result]:
        """Heal, run on, stop in order, and hold the books together."""
        self.clear_faults()
        self.start()
        if not self.until_trading():
            raise RuntimeError((self.folder / "node.log").read_text()[-3000:])
        time.sleep(3.0)
        return self.finish_running()

    def finish_running(self) -> tuple[Sample, Result]:
        """Stop the running node in order, and hold the books together."""
        assert self.node is not None
        self.node.terminate()
        out, _ = self.node.communicate(timeout=40.0)
        assert self.node.returncode == 0, (self.folder / "node.log").read_text()[-3000:]
        (last,) = out.splitlines()  # one, however often it led: nobody reads before it ends
        sample = msgspec.json.decode(last, type=Sample)
        return sample, self.audit(sample)

    def audit(self, sample: Sample) -> Result:
        journal = self.folder / JOURNAL
        return result_at(self.url, journal, sample, self.config, speed="1", seed=self.seed)


def crash(
    kills: int,
    seed: int,
    rounds: Path | None,
    console: Console,
    *,
    plant: str = "",
    only: Sequence[str] = (),
    faults: Sequence[dict[str, Any]] = FAULTS,
    passages: tuple[int, int] = (1, 12),
    makers: bool = True,
) -> dict[str, Any]:
    """Do it; returns the report. `plant` names a bug of the victim's, `only` the points to die at;
    `passages` how often a point may be passed before; without `makers` every order crosses the spread at one
    venue, and nothing is protected."""

    met: Counter[str] = Counter()
    with_order = 0
    with TemporaryDirectory(prefix="nightdesk-crash-") as folder, Progress(console=console) as bar:
        rig = Rig(Path(folder), seed, plant, makers=makers)
        try:
            rig.post_faults(faults)
            task = bar.add_task("kills", total=kills)
            points = list(only or POINTS)
            for number in range(kills):
                chosen = bool(only) or rig.rng.random() < CHOSEN_SHARE
                point = points[number % len(points)] if chosen else None
                rig.start(point, after=rig.rng.randint(*passages) if point else 1)
                if point is None:
                    rig.kill_at_random()
                    where = "at random"
                else:
                    where = point if rig.kill_at(point) else "at random"
                met[where] += 1
                flying = len(in_flight(history_of(rig.folder / JOURNAL)))
                with_order += flying > 0
                if rounds is not None:
                    with rounds.open("a") as file:
                        file.write(
                            json.dumps({"kill": number + 1, "where": where, "in_flight": flying})
                            + "\n"
                        )
                bar.update(task, advance=1)
            sample, result = rig.finish()
            protective, traded = rig.protective(), rig.traded()
        finally:
            rig.close()
    return {
        "kills": kills,
        "with_order_in_flight": with_order,
        "where": dict(sorted(met.items())),
        "epochs": result.epochs,
        "orders": result.orders,
        "fills": result.fills,
        "protective": dict(protective),
        "traded": dict(traded),
        "duplicates": result.duplicates,
        "unknown": result.unknown,
        "position_diff": {k: str(v) for k, v in result.position_diff.items()},
        "findings": [msgspec.to_builtins(f) for f in result.findings],
        "mode": sample.mode,
        "causes": [msgspec.to_builtins(c) for c in sample.causes],
        "clean": result.clean,
    }


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=Path, default=ROOT / "var" / "crash-rounds.jsonl")
    given = parser.parse_args()
    given.rounds.parent.mkdir(exist_ok=True)
    console = Console(stderr=True)
    report = crash(given.kills, given.seed, given.rounds, console)
    (given.rounds.parent / "crash.json").write_text(json.dumps(report, indent=1))
    print(json.dumps(report, indent=1))
    enough = report["with_order_in_flight"] * 2 >= report["kills"]
    if not enough:
        console.print("fewer than half of the kills met an order in flight: this proves too little")
    return 0 if report["clean"] and enough else 1


if __name__ == "__main__":
    sys.exit(main())
