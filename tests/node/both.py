"""A desk of spot and perpetuals at once, in virtual time on one lab that plays both."""

from decimal import Decimal
from pathlib import Path

from builders import D
from nightdesk.desk.events import Proposed
from nightdesk.model.ids import InstrumentId, StrategyId, VenueId
from nightdesk.node.practice import booked
from nightdesk.strategy.messages import FromStrategy, Proposal
from worlds import Life, SimWorld

SPOT, USDM = VenueId("binance"), VenueId("usdm")
COIN, PERP = InstrumentId("binance:BTCUSDT"), InstrumentId("usdm:BTCUSDT")
HOLDER = StrategyId("holder")
VENUES = """
[desk]
name = "both"
journal = "desk.journal"
control = "desk.sock"

[venue.binance]
kind = "binance-spot"
rest = "http://lab"
stream = "ws://lab"
private = "ws://lab"
private_copies = 1

[venue.binance.account]
key = "file:key"
secret = "file:secret"

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
open_orders_max = 40
orders_per_second_max = 40
collar_bps = "50"
stale_after_ms = 2000

[[instrument]]
id = "binance:BTCUSDT"

[[instrument]]
id = "usdm:BTCUSDT"
leverage = 20
"""
QUIET = (
    VENUES
    + """
[[strategy]]
name = "holder"
class = "nightdesk.strategy.examples.trend:Trend"
instruments = ["binance:BTCUSDT", "usdm:BTCUSDT"]
params = { size = "0.02", fast = 40, slow = 200, band_bps = 1000000.0 }
"""
)
SIX = VENUES + "".join(
    f"""
[[strategy]]
name = "{name}-{venue}"
class = "nightdesk.strategy.examples.{name}:{name.capitalize()}"
instruments = ["{venue}:BTCUSDT"]
params = {params}
"""
    for venue in ("binance", "usdm")
    for name, params in (
        ("trend", '{ size = "0.02", fast = 40, slow = 200, band_bps = 0.15, both_ways = true }'),
        ("maker", '{ size = "0.01", follow_ticks = 50, inventory_max = "0.06" }'),
        ("grid", '{ size = "0.01", levels = 3, step_bps = 1.0 }'),
    )
)


class BothWorld(SimWorld):
    """The lab's two markets, and desks that trade on both."""

    def __init__(self, folder: Path, *, seed: int = 1, text: str = QUIET) -> None:
        super().__init__(folder, seed=seed, text=text, usdm=True)

    def booked(self) -> dict[str, Decimal]:
        """What the venues hold for us, by the names in the books."""
        account = self.rest("GET", "/lab/account", query="name=practice")
        return booked(account, self.config)

    def agrees(self, life: Life) -> bool:
        """Whether every balance, wallet and position in the books is the venues'."""
        held, ours = self.booked(), life.state.funds.balances
        return all(D(held.get(name, 0)) == ours[name] for name in ours)


def want(life: Life, *wishes: FromStrategy) -> None:
    """What the holder is made to wish for."""
    life.node.shell.handle(Proposed(strategy=HOLDER, proposal=Proposal(actions=wishes)))
