"""Tests of idea.py: run this file with python, or give it to pytest."""

import subprocess
import sys
import unittest
from decimal import Decimal
from pathlib import Path
from random import Random

from nightdesk.model.ids import InstrumentId, StrategyId, VenueId
from nightdesk.model.instrument import Instrument
from nightdesk.model.market import Quote
from nightdesk.model.time import Mono, Wall
from nightdesk.node.compose import load_strategy
from nightdesk.strategy.host import Host
from nightdesk.strategy.messages import Market, Proposal, Started, Target, TargetSuspended
from nightdesk.strategy.prepare import prepare

FILE = Path(__file__).with_name("idea.py")
BTC = Instrument(
    id=InstrumentId("binance:BTCUSDT"),
    venue=VenueId("binance"),
    symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    tick=Decimal("0.01"),
    lot=Decimal("0.00001"),
    qty_min=Decimal("0.00001"),
    qty_max=Decimal(9000),
    price_max=Decimal(1_000_000),
    notional_min=Decimal(5),
)


class Decisions(unittest.TestCase):
    """What it wants, quote by quote: a message in, its wishes out."""

    def setUp(self) -> None:
        """A strategy that the desk has just started."""
        kind = load_strategy(f"{FILE.name}:Idea", FILE.parent)
        params = {"size": "0.02", "dip_bps": 5.0, "quotes": 10}
        strategy = prepare(kind, params, None)
        self.host = Host(StrategyId("idea"), strategy, {BTC.id: BTC}, Random(1))
        self.host.handle(Started(at=Wall(0), positions={}, orders=()))

    def quote(self, mid: int) -> Proposal:
        """The market at `mid`, a cent to each side."""
        event = Quote(
            instrument=BTC.id,
            bid=mid - BTC.tick,
            bid_qty=Decimal(1),
            ask=mid + BTC.tick,
            ask_qty=Decimal(1),
            update_id=1,
            received=Mono(0),
        )
        done = self.host.handle(Market(at=Wall(0), event=event))
        self.assertEqual(done.crash, "")
        return done

    def warm(self) -> None:
        """As many quotes as its average wants."""
        for _ in range(10):
            self.quote(60_000)

    def test_it_wants_nothing_while_the_price_stands_still(self) -> None:
        """Nor before its average is warm."""
        self.warm()
        self.assertEqual(self.quote(60_000).actions, ())

    def test_it_holds_after_a_dip_and_lets_go_when_the_price_is_back(self) -> None:
        """Each wish is said once."""
        self.warm()
        self.assertEqual(
            self.quote(59_900).actions, (Target(instrument=BTC.id, qty=Decimal("0.02")),)
        )
        self.assertEqual(self.quote(59_900).actions, ())
        self.assertEqual(self.quote(60_100).actions, (Target(instrument=BTC.id, qty=Decimal(0)),))

    def test_after_somebody_else_changed_the_position_it_decides_anew(self) -> None:
        """A suspended target stays so until it says what it wants again."""
        self.warm()
        self.quote(59_900)
        self.host.handle(TargetSuspended(at=Wall(0), instrument=BTC.id, why="flatten"))
        self.assertEqual(len(self.quote(59_800).actions), 1)


class Worlds(unittest.TestCase):
    """A few worlds in which venue, network, disk and process fail; more of them: `--seeds 0..99 --jobs 2`."""

    def test_no_law_is_broken_in_a_few_of_them(self) -> None:
        """The command that you would type."""
        command = [sys.executable, "-m", "nightdesk.cli.main", "simulate"]
        command += ["--strategy", f"{FILE}:Idea", "--seeds", "0..2"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
