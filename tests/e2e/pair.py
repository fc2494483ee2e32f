"""A lab of both markets, two nodes of a desk that holds, protects and rests an order, and its guardian."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.crash.harness import ROOT, Rig

from nightdesk.node.practice import BALANCES

WITHIN_S = 120.0
IDEAS = """\
from decimal import Decimal

from nightdesk.model.mode import Mode
from nightdesk.model.order import Side
from nightdesk.strategy.api import Strategy


class Holds(Strategy):
    def on_quote(self, ctx, quote):
        rules = ctx.instruments[quote.instrument]
        ctx.target(quote.instrument, Decimal("0.05"))
        if ctx.position(quote.instrument) > 0 and quote.instrument not in self.told:
            self.told.add(quote.instrument)
            ctx.protect(quote.instrument, stop=rules.price_down(quote.bid * Decimal("0.8")))

    def on_start(self, ctx):
        self.told = set()


class Rests(Strategy):
    def on_start(self, ctx):
        self.placed = set()

    def on_quote(self, ctx, quote):
        rules = ctx.instruments[quote.instrument]
        if ctx.mode(quote.instrument) is Mode.NORMAL and quote.instrument not in self.placed:
            self.placed.add(quote.instrument)
            price = rules.price_down(quote.bid * Decimal("0.9"))
            ctx.place(quote.instrument, Side.BUY, Decimal("0.01"), price)
"""
CONFIG = """\
[desk]
name = "crash"
journal = "desk.journal"
control = "desk.sock"
order_ttl_ms = 500

[venue.binance]
kind = "binance-spot"
rest = "{url}"
stream = "{stream}"
private = "{stream}"
read_lag_ms = 300

[venue.binance.account]
key = "file:key"
secret = "file:secret"

[venue.usdm]
kind = "binance-usdm"
rest = "{url}"
stream = "{stream}"
private = "{stream}"
read_lag_ms = 300
dead_man_s = 0

[venue.usdm.account]
key = "file:key"
secret = "file:secret"

[limits]
order_qty_max = "0.5"
order_notional_max = "20000"
position_max = "1"
gross_max = "200000"
collar_bps = "2000"

[[instrument]]
id = "binance:BTCUSDT"

[[instrument]]
id = "usdm:BTCUSDT"
leverage = 20

[[strategy]]
name = "holds"
class = "ideas.py:Holds"
instruments = ["binance:BTCUSDT", "usdm:BTCUSDT"]

[[strategy]]
name = "rests"
class = "ideas.py:Rests"
instruments = ["binance:BTCUSDT", "usdm:BTCUSDT"]

[baseline]
BTC = "{btc}"

[guardian]
policy = "{policy}"
after_s = 10
blind = {blind}
notify = ["{python}", "{folder}/notify.py", "{folder}/{name}.told"]

[guardian.account.binance]
key = "file:key"
secret = "file:secret"

[guardian.account.usdm]
key = "file:key"
secret = "file:secret"
"""
NOTIFY = """\
import sys

with open(sys.argv[1], "a") as told:
    told.write(sys.stdin.read())
"""


class Pair:
    """What was started; everything by its own handle."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rig = Rig(folder, seed=1)
        self.nodes: list[subprocess.Popen[bytes]] = []
        self.guardians: dict[str, subprocess.Popen[bytes]] = {}
        (folder / "ideas.py").write_text(IDEAS)
        (folder / "notify.py").write_text(NOTIFY)
        self.config()

    def config(self, policy: str = "tell", *, blind: bool = False, name: str = "desk") -> Path:
        """A config of this desk, as `name`."""
        url = self.rig.url
        text = CONFIG.format(
            url=url,
            stream=url.replace("http", "ws", 1),
            btc=BALANCES.get("BTC", "0"),
            policy=policy,
            blind=str(blind).lower(),
            python=sys.executable,
            folder=self.folder,
            name=name,
        )
        path = self.folder / f"{name}.toml"
        path.write_text(text)
        return path

    def node(self, *more: str) -> "subprocess.Popen[bytes]":
        """One more node."""
        command = ["node", "--config", str(self.folder / "desk.toml"), *more]
        child = self._spawn("node", command)
        self.nodes.append(child)
        return child

    def guardian(self, policy: str, *, blind: bool = False) -> str:
        """One more guardian; its name, by which it is told of."""
        name = f"guardian{len(self.guardians)}"
        path = self.config(policy, blind=blind, name=name)
        command = ["guardian", "--config", str(path), "--json-logs", "--debug"]
        self.guardians[name] = self._spawn(name, command)
        self.until_said(name, "guardian.looked")
        return name

    def _spawn(self, name: str, command: list[str]) -> "subprocess.Popen[bytes]":
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "nightdesk.cli.main", *command],
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=ROOT,
            )

    def kill_nodes(self) -> None:
        """All at once, with SIGKILL."""
        for child in self.nodes:
            child.kill()
        for child in self.nodes:
            child.wait()

    def close(self) -> None:
        """End what was started."""
        self.kill_nodes()
        for child in self.guardians.values():
            child.kill()
            child.wait()
        self.rig.close()

    def said(self, name: str) -> list[dict[str, Any]]:
        """What a guardian logged."""
        lines = (self.folder / f"{name}.log").read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("\n")]

    def events(self, name: str) -> list[str]:
        """The same, short."""
        return [line["event"].removeprefix("guardian.") for line in self.said(name)]

    def until_said(self, name: str, event: str) -> dict[str, Any]:
        """Wait for a line of a guardian's log."""

        def found() -> dict[str, Any] | None:
            return next((line for line in self.said(name) if line["event"] == event), None)

        return self.until(found, f"{event} of {name}")

    def until(self, wanted: Callable[[], Any], what: str) -> Any:
        """Wait; the condition is polled, the deadline is a failure."""
        deadline = time.monotonic() + WITHIN_S
        while time.monotonic() < deadline:
            found = wanted()
            if found:
                return found
            time.sleep(0.1)
        logs = "\n".join(log.read_text()[-1500:] for log in sorted(self.folder.glob("*.log")))
        raise AssertionError(f"not within {WITHIN_S} s: {what}\n{logs}")

    def asked(self, *command: str) -> Any:
        """What a command tells a program, a halted desk's too; None where it tells nothing."""
        done = subprocess.run(
            [sys.executable, "-m", *command, "--json", "--config", str(self.folder / "desk.toml")],
            capture_output=True,
            cwd=ROOT,
            check=False,
        )
        return json.loads(done.stdout) if done.stdout else None

    def account(self) -> dict[str, list[Any]]:
        """What the venues hold and have open: entries, stops, and what is held beyond the baseline."""
        told = self.asked("nightdesk.emergency", "status")
        orders = [order for venue in told["venues"] for order in venue["orders"]]
        held = [
            row for venue in told["venues"] for row in venue["held"] if row["name"][:3] == "BTC"
        ]
        return {
            "entries": [order for order in orders if not order["protective"]],
            "stops": [order for order in orders if order["protective"]],
            "held": [row for row in held if float(row["beyond"]) > 0.0001],
        }

    def until_built(self) -> None:
        """It leads, holds and protects at both venues, and rests an order at both; asked of the desk, since
        each question to a venue is taken off what it allows."""
        socket = self.folder / "desk.sock"
        what = "a position, its stop and an entry at both venues"
        self.until(lambda: socket.exists() and self._open(), what)
        assert [len(rows) for rows in self.account().values()] == [2, 2, 2]

    def _open(self) -> bool:
        orders = self.asked("nightdesk.cli.main", "orders")
        return [order["state"] for order in orders or []] == ["open"] * 4

    def status(self) -> Any:
        """A running desk's own word, None where none answers."""
        return self.asked("nightdesk.cli.main", "status")


@contextmanager
def pair() -> Iterator[Pair]:
    """In a folder with a short name: pytest's own are too long for a socket."""
    with TemporaryDirectory(prefix="nd") as folder:
        started = Pair(Path(folder))
        try:
            yield started
        finally:
            started.close()
