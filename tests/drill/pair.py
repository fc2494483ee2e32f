"""A pair of nodes on a lab: who leads, what the journal and the venue's log say meanwhile, and the audit."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from tests.crash.harness import CONFIG, ROOT, Rig, in_flight, maker_of
from tests.e2e.disk import StallingDisk
from tests.e2e.links import VENUE, Links
from tests.e2e.status import sample

from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.audit.venue_log import Entry
from nightdesk.config.load import load
from nightdesk.control.messages import Sample
from nightdesk.journal.frame import decode_frame
from nightdesk.model.ids import ClientOrderId, Epoch, InstrumentId, Seq
from nightdesk.model.records import EpochOpened, Intended, Record, decode_record
from nightdesk.model.time import Wall
from nightdesk.node.practice import BALANCES, JOURNAL
from nightdesk.node.result import Result
from nightdesk.wiring.told import LOG_PAGE, lab_get

T = TypeVar("T")
WITHIN_S = 90.0  # of a busy machine
LOOK_EVERY_S = 0.02
ROWS = 5_000
STOP_WITHIN_S = 40.0
# Slow enough for what the venue allows, with an order or a cancel on its way most of the time.
MAKER = maker_of("follow_ticks = 10, pause_ms = 700")
# What it quotes rests, so that whoever begins finds something to cancel.
SWEEPER = maker_of("away_ticks = 1000, follow_ticks = 3000", "tests.drill.sweeps:Sweeps")
GUARDIAN = """
[baseline]
BTC = "{btc}"
ETH = "{eth}"

[guardian]
policy = "flatten"
after_s = 10

[guardian.account.binance]
key = "file:key"
secret = "file:secret"
"""
GUARDIAN_LOG = "guardian.log"
DUST = {"BTC": Decimal("0.0002"), "ETH": Decimal("0.004")}  # about what the exchange takes least
Kept = tuple[Seq, Epoch, Wall, Record]


class Failed(Exception):
    """What had to happen did not."""


class Pair(Rig):
    """Two nodes of one desk, by rank; `links` are the namespaces that they run in, each in one of its own,
    `disk` is the one of `folder`, if that can stall."""

    def __init__(
        self,
        folder: Path,
        seed: int,
        *,
        links: Links | None = None,
        disk: StallingDisk | None = None,
        plant: str = "",
        maker: str = MAKER,
    ) -> None:
        self.links = links
        self.disk = disk
        self.nodes: dict[int, subprocess.Popen[bytes]] = {}
        self._guardian: subprocess.Popen[bytes] | None = None
        self.history: list[Kept] = []
        self.log: list[Entry] = []
        self.last: Sample | None = None
        self.release = 0  # how many later than this one the nodes are that are started
        lab_by = [] if links is None else links.by(links.venue)
        host = "127.0.0.1" if links is None else VENUE
        super().__init__(folder, seed, plant, makers=False, lab_by=lab_by, host=host)
        stream, had = (
            self.url.replace("http", "ws", 1),
            {"btc": BALANCES["BTC"], "eth": BALANCES["ETH"]},
        )
        text = (CONFIG + maker + GUARDIAN).format(rest=self.url, stream=stream, **had)
        (folder / "desk.toml").write_text(text)
        self.config = load(text, "desk.toml")

    def close(self) -> None:
        """End what this pair started, by its own handles."""
        for node in (*self.nodes.values(), self._guardian):
            if node is not None and node.poll() is None:
                node.kill()
                node.wait()
        super().close()

    def begin(self, rank: int, *, lead: bool = False) -> None:
        """Start the node of this rank; `lead` is for the first start of a desk."""
        by = [] if self.links is None else self.links.by(self.links.desks[rank])
        options = ["--rank", str(rank), "--releases", str(self.release)]
        options += ["--lead"] if lead else []
        self.nodes[rank] = self.spawn(by, "tests.drill.node", *options)

    def begin_both(self) -> None:
        """The start of a desk, as `up` makes it."""
        self.begin(0, lead=True)
        self.begin(1)

    def guarded(self) -> None:
        """From now on a guardian watches, too."""
        if self._guardian is not None:
            return
        command = [sys.executable, "-m", "nightdesk.cli.main", "guardian", "--json-logs", "--debug"]
        with (self.folder / GUARDIAN_LOG).open("ab") as log:
            self._guardian = subprocess.Popen(
                [*command, "--config", str(self.folder / "desk.toml")],
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=ROOT,
            )
        self.until("the guardian looks", lambda: self.guardian_said("guardian.looked"))

    def guardian_said(self, event: str) -> list[str]:
        """The lines of its log about it."""
        lines = (self.folder / GUARDIAN_LOG).read_text().splitlines(keepends=True)
        return [line for line in lines if f'"event": "{event}"' in line and line.endswith("\n")]

    def flat(self) -> bool:
        """Whether the account has no order open, and of nothing but money more than it began with."""
        told = self.ask_lab("/lab/account?name=practice")
        purses = {asset: told["balances"][asset] for asset in DUST}
        return not told["open_orders"] and all(
            sum(Decimal(purse[part]) for part in ("free", "locked")) - Decimal(purse["initial"])
            < DUST[asset]
            for asset, purse in purses.items()
        )

    def there(self, ask: Callable[[], T]) -> T:
        """The same where the lab can be reached."""
        return ask() if self.links is None else self.links.inside(ask)

    def ask_lab(self, path: str) -> Any:
        """One answer of the lab."""
        return self.there(lambda: lab_get(self.url, path))

    def struck(self, faults: Sequence[dict[str, Any]]) -> None:
        """Set these faults, and no others."""

        def anew() -> None:
            self.clear_faults()
            self.post_faults(faults)

        self.there(anew)

    def until(self, what: str, test: Callable[[], T | None], within_s: float = 0.0) -> T:
        """What `test` finds; it is asked again and again, and a deadline is a failure."""
        within_s = within_s or WITHIN_S
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            found = test()
            if found:
                return found
            time.sleep(LOOK_EVERY_S)
        raise Failed(f"not within {within_s:g} s: {what}\n{self.said()}")

    def runs(self) -> Sample:
        """Wait until one node leads, trades in NORMAL and hears of the other, which could lead."""

        def running() -> Sample | None:
            told = sample(self)
            self.last = told or self.last
            if told is None or told.pid not in self.pids() or not told.trading:
                return None
            fit = {each.pid for each in told.standbys if not each.unfit}
            others = self.pids() - {told.pid}
            return told if told.mode == "NORMAL" and fit >= others and others else None

        return self.until("a node leads and the other stands by", running)

    def heard(self) -> Sample | None:
        """What the node that leads tells of itself, where it answers."""
        return sample(self)

    def pids(self) -> set[int]:
        """Of nodes that have not ended."""
        return {node.pid for node in self.nodes.values() if node.poll() is None}

    def rank_of(self, pid: int) -> int:
        """Which of the two that is."""
        return next(rank for rank, node in self.nodes.items() if node.pid == pid)

    def ended(self, rank: int) -> int | None:
        """How that node ended; None while it runs."""
        return self.nodes[rank].poll()

    def read(self) -> None:
        """Hear what the journal and the venue's log have to say that was not heard before."""
        after = self.history[-1][0] if self.history else Seq(0)
        journal = SqliteJournal(str(self.folder / JOURNAL), readonly=True)
        try:
            while rows := journal.rows(after, ROWS):
                for row in rows:
                    frame = decode_frame(row.data)
                    kept = (frame.seq, frame.epoch, frame.at, decode_record(frame.body))
                    self.history.append(kept)
                after = rows[-1].seq
        finally:
            journal.close()
        self.read_log()

    def read_log(self) -> None:
        """The same of the venue alone."""
        while True:
            last = self.log[-1].seq if self.log else 0
            page = self.ask_lab(f"/lab/log?after={last}&limit={LOG_PAGE}")["entries"]
            if not page:
                return
            self.log += msgspec.convert(page, list[Entry], strict=False)

    def opened(self, after: int) -> tuple[int, int] | None:
        """The newest epoch beyond `after`, and when its first record was written."""
        self.read()
        for _, epoch, at, record in reversed(self.history):
            if isinstance(record, EpochOpened):
                return (epoch, at) if epoch > after else None
        return None

    def head(self) -> int:
        """The last slot that was heard of."""
        return self.history[-1][0] if self.history else 0

    def flying_at(self, at_ns: int) -> int:
        """How many orders and cancels were on their way then."""
        return len(in_flight(kept for kept in self.history if kept[2] <= at_ns))

    def unsure_at(self, at_ns: int) -> set[InstrumentId]:
        """In which instruments an order was that nobody had heard of."""
        return set(in_flight((kept for kept in self.history if kept[2] <= at_ns), cancels=False))

    def first_orders(self, since_ns: int, after: int) -> dict[InstrumentId, int]:
        """By instrument, when the first order came to the venue whose intent is in a slot behind `after`, not
        before `since_ns`."""
        intents = {
            record.intent.client_id: record.intent.instrument
            for seq, _, _, record in self.history
            if seq > after and isinstance(record, Intended)
        }
        found: dict[InstrumentId, int] = {}
        for entry in self.log:
            instrument = intents.get(ClientOrderId(entry.client_order_id or ""))
            if entry.places and entry.at_ns >= since_ns and instrument is not None:
                found.setdefault(instrument, entry.at_ns)
        return found

    def first_cancel(self, since_ns: int) -> int | None:
        """The same of a cancel."""
        cancels = (e for e in self.log if e.kind == "arrival" and (e.what or "")[:6] == "DELETE")
        return next((e.at_ns for e in cancels if e.at_ns >= since_ns), None)

    def said(self, lines: int = 15) -> str:
        """The end of the nodes' log."""
        text = (self.folder / "node.log").read_bytes().decode(errors="replace")
        last = "" if self.last is None else f"{self.last.causes} {self.last.standbys}"
        return "\n".join([last, *text.splitlines()[-lines:]])

    def told_of(self, event: str) -> list[str]:
        """The lines of the nodes' log about it."""
        text = (self.folder / "node.log").read_bytes().decode(errors="replace")
        return [line.rstrip() for line in text.splitlines() if f"] {event} " in line]

    def tracebacks(self) -> int:
        """How often a node was surprised."""
        logs = [self.folder / name for name in ("node.log", GUARDIAN_LOG)]
        return sum(log.read_bytes().count(b"Traceback") for log in logs if log.exists())

    def stopped(self) -> tuple[Sample, Result]:
        """Heal, wait until nothing is unknown, stop in order, and hold the books together."""
        self.struck(())
        if self._guardian is not None:
            self._guardian.terminate()  # it would see to a desk that was stopped
            if self._guardian.wait(STOP_WITHIN_S):
                raise Failed(f"the guardian ended with {self._guardian.returncode}")
        told = self.runs()
        self.until("nothing is unknown", self._all_known)
        leads = self.rank_of(told.pid)
        for rank, node in self.nodes.items():
            if rank != leads:
                self.stood_down(node)
        self.node = self.nodes[leads]
        return self.there(self.finish_running)

    def _all_known(self) -> bool:
        told = sample(self)
        return told is not None and told.mode == "NORMAL" and not told.orders_unknown

    def stood_down(self, node: "subprocess.Popen[bytes]") -> None:
        node.terminate()
        try:
            node.communicate(timeout=STOP_WITHIN_S)
        except subprocess.TimeoutExpired as error:
            raise Failed(f"a node that stands by does not stand down\n{self.said()}") from error
        if node.returncode:
            raise Failed(f"a node that stood by ended with {node.returncode}\n{self.said()}")
