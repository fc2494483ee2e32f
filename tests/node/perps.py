"""A whole desk of perpetuals in virtual time, on a lab that plays the venue from its documents."""

import asyncio
from decimal import Decimal
from pathlib import Path

from builders import D
from nightdesk.desk.events import Proposed
from nightdesk.model.ids import InstrumentId, StrategyId, VenueId
from nightdesk.strategy.messages import FromStrategy, Proposal, Target
from worlds import Life, SimWorld

VENUE = VenueId("usdm")
BTC, ETH = InstrumentId("usdm:BTCUSDT"), InstrumentId("usdm:ETHUSDT")
TREND = StrategyId("trend")
WALLET = "usdm/USDT"
CONFIG = """
[desk]
name = "perps"
journal = "desk.journal"

[venue.usdm]
kind = "binance-usdm"
rest = "http://lab"
stream = "ws://lab"
private = "ws://lab"
private_copies = 1
read_lag_ms = 1000

[venue.usdm.account]
key = "file:key"
secret = "file:secret"

[limits]
order_qty_max = "0.5"
order_notional_max = "50000"
position_max = "2"
gross_max = "400000"
open_orders_max = 20
orders_per_second_max = 20
collar_bps = "50"
stale_after_ms = 2000

[[instrument]]
id = "usdm:BTCUSDT"
leverage = 20

[[instrument]]
id = "usdm:ETHUSDT"
leverage = 20

[[strategy]]
name = "trend"
class = "nightdesk.strategy.examples.trend:Trend"
instruments = ["usdm:BTCUSDT", "usdm:ETHUSDT"]
params = { size = "0.02", fast = 40, slow = 200, band_bps = 0.15, both_ways = true }
"""
QUIET = ("band_bps = 0.15", "band_bps = 1000000.0")  # a strategy that wants nothing by itself


class PerpWorld(SimWorld):
    """The lab's perpetuals beside its spot, and desks that trade perpetuals only."""

    def __init__(
        self,
        folder: Path,
        *,
        seed: int = 1,
        quiet: bool = False,
        replace: tuple[tuple[str, str], ...] = (),
    ) -> None:
        replace += (QUIET,) if quiet else ()
        super().__init__(folder, seed=seed, text=CONFIG, replace=replace, usdm=True)

    def contracts(self) -> dict[str, Decimal]:
        """What the venue holds for us, by the names in the books."""
        account = self.rest("GET", "/lab/account", query="name=practice")["usdm"]
        held = {WALLET: D(account["balances"]["USDT"]["wallet"])}
        return held | {f"usdm:{s}": D(p["amount"]) for s, p in account["positions"].items()}

    async def holding(self, qty: str = "0.02", *, instrument: InstrumentId = BTC) -> Life:
        """A desk whose strategy wants to hold so much, and does."""
        life = await self.desk().up()
        await asyncio.sleep(3)
        want(life, Target(instrument=instrument, qty=D(qty)))
        await asyncio.sleep(3)
        assert life.state.position(TREND, instrument).qty == D(qty)
        return life


def want(life: Life, *actions: FromStrategy) -> None:
    """The strategy wishes it, whatever its code does."""
    life.node.shell.handle(Proposed(strategy=TREND, proposal=Proposal(actions=actions)))
