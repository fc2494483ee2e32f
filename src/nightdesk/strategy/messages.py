"""The messages between desk and strategy: all there is between them, so that a strategy can live elsewhere."""

from decimal import Decimal

import msgspec

from nightdesk.model.bars import Bar
from nightdesk.model.ids import ClientOrderId, InstrumentId
from nightdesk.model.market import MarketEvent
from nightdesk.model.mode import Mode
from nightdesk.model.money import ZERO
from nightdesk.model.order import OrderType, Side, Urgency
from nightdesk.model.time import Wall

# What venues take for how far a trailing stop follows (Binance spot: 10 to 2000 basis points).
TRAIL_BPS_MIN, TRAIL_BPS_MAX = 10, 2_000


class OrderView(msgspec.Struct, frozen=True, kw_only=True):
    """An order as its strategy sees it. `ref` is what `place` returned; after a restart it is the client id."""

    ref: str
    client_id: ClientOrderId
    instrument: InstrumentId
    side: Side
    type: OrderType
    price: Decimal
    qty: Decimal
    filled: Decimal
    state: str
    live: bool
    reason: str = ""


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One trade of one of the strategy's orders."""

    ref: str
    instrument: InstrumentId
    side: Side
    price: Decimal
    qty: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy's trades of one instrument came to: `priced` base held at a `cost` in quote (both
    negative when short), and what was `earned` after fees."""

    priced: Decimal = ZERO
    cost: Decimal = ZERO
    earned: Decimal = ZERO


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """The desk trades: what the strategy holds, what is open from before, and the bars it declared."""

    at: Wall
    positions: dict[InstrumentId, Decimal]
    orders: tuple[OrderView, ...]
    modes: dict[InstrumentId, Mode] = {}
    holdings: dict[InstrumentId, Holding] = {}
    history: tuple[Bar, ...] = ()  # of each declared series, oldest first


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """Something happened in a market the strategy asked for; `at` is UTC corrected to the venue's clock."""

    at: Wall
    event: MarketEvent


class OrderChanged(msgspec.Struct, frozen=True, kw_only=True):
    """One of the strategy's orders changed."""

    at: Wall
    order: OrderView
    position: Decimal


class Filled(msgspec.Struct, frozen=True, kw_only=True):
    """One of the strategy's orders traded; `position` is what it holds now."""

    at: Wall
    fill: Fill
    position: Decimal
    holding: Holding = Holding()


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """The gate or the mode said no to a `Place`."""

    at: Wall
    ref: str
    rule: str
    text: str


class TargetSuspended(msgspec.Struct, frozen=True, kw_only=True):
    """The desk stopped converging until the strategy declares a newer target; `position` is what it holds now,
    which somebody else may have changed."""

    at: Wall
    instrument: InstrumentId
    why: str
    position: Decimal | None = None
    holding: Holding = Holding()


class ProtectionEnded(msgspec.Struct, frozen=True, kw_only=True):
    """The position is on the other side now than the one a protection was declared for: nothing protects it."""

    at: Wall
    instrument: InstrumentId
    why: str


class ModeChanged(msgspec.Struct, frozen=True, kw_only=True):
    """The strictest mode over this strategy's orders in one instrument is another one now."""

    at: Wall
    instrument: InstrumentId
    mode: Mode


class TimerFired(msgspec.Struct, frozen=True, kw_only=True):
    """A timer set by `every` or `at` came due."""

    at: Wall
    name: str


FromDesk = (
    Started
    | OrderChanged
    | Filled
    | Refusal
    | TargetSuspended
    | ProtectionEnded
    | ModeChanged
    | TimerFired
)
ToStrategy = Market | FromDesk


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """The strategy wants an order."""

    ref: str
    instrument: InstrumentId
    side: Side
    type: OrderType
    qty: Decimal
    price: Decimal


class Cancel(msgspec.Struct, frozen=True, kw_only=True):
    """The strategy wants an order gone."""

    ref: str


class Slices(msgspec.Struct, frozen=True):
    """A target reached bit by bit: one more slice each `every_ns` of venue time, the first at once. Each is at
    most `qty` (base), or there are `count` of them."""

    every_ns: int
    qty: Decimal | None = None
    count: int = 0


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """The position the strategy wants; None takes the wish back."""

    instrument: InstrumentId
    qty: Decimal | None
    urgency: Urgency = Urgency.TAKE
    slices: Slices | None = None


class Protect(msgspec.Struct, frozen=True, kw_only=True):
    """The prices at which the strategy wants out of what it holds there; none of them takes the wish back."""

    instrument: InstrumentId
    stop: Decimal | None = None
    take_profit: Decimal | None = None
    trail_bps: int = 0


FromStrategy = Place | Cancel | Target | Protect


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """What one handler call came to: its wishes, its new state if it changed, its crash if it did."""

    actions: tuple[FromStrategy, ...] = ()
    state: bytes | None = None
    state_version: int = 1
    crash: str = ""


NOTHING = Proposal()


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy's state as the journal has it, and the `state_version` that wrote it."""

    body: bytes
    version: int = 1
