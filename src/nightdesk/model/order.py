"""Orders as messages: what is asked for, and what may be said about it."""

from decimal import Decimal
from enum import StrEnum, auto

import msgspec

from nightdesk.model.ids import ClientOrderId, InstrumentId, StrategyId
from nightdesk.model.time import Wall


class Side(StrEnum):
    """The side of an order; quantities never carry a sign beside it."""

    BUY = auto()
    SELL = auto()

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell."""
        return 1 if self is Side.BUY else -1


class OrderType(StrEnum):
    """How long an order lives and what it may do when it arrives."""

    LIMIT = auto()  # good till cancelled
    IOC = auto()  # limit; what does not trade at once is cancelled
    FOK = auto()  # limit; all at once or nothing
    POST_ONLY = auto()  # limit; refused when it would trade at once
    STOP = auto()  # market, once the price has gone against the position as far as `trigger`
    TAKE_PROFIT = auto()  # market, once the price has gone for the position as far as `trigger`
    TRAILING_STOP = auto()  # market, once the price has come back by `trail_bps` from its best

    @property
    def conditional(self) -> bool:
        """Whether it waits at the venue for a price, outside the book."""
        return self in _CONDITIONAL


_CONDITIONAL = frozenset({OrderType.STOP, OrderType.TAKE_PROFIT, OrderType.TRAILING_STOP})


class Urgency(StrEnum):
    """How a target is reached: what waiting costs against what crossing costs."""

    PASSIVE = auto()  # rests at its own side's touch, and follows it when it runs away
    MID = auto()  # rests half way between the two sides
    TAKE = auto()  # trades now


class Origin(StrEnum):
    """Who wanted an order."""

    STRATEGY = auto()
    TARGET = auto()
    FLATTEN = auto()
    PROTECT = auto()  # the desk, for a protection that a strategy declared


class Inputs(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a decision looked at that no record tells: the market, how old it was, and the worst case of the
    other instruments in quote (None where one of them had no price). `asks` has the price at which each other
    exposed instrument was valued, where a limit looks at more than their sum, or where it is a contract of the
    same wallet; `margin` and `equity` what stood behind contracts, where a limit looks at that. `free` is what
    the wallet had left for a contract."""

    bid: Decimal
    ask: Decimal
    age_ns: int
    gross_elsewhere: Decimal | None = None
    asks: dict[InstrumentId, Decimal] = {}
    free: Decimal | None = None
    margin: Decimal | None = None
    equity: Decimal | None = None


class Intent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One order that is wanted, before or after risk has looked at it.

    `deadline` is absolute UTC on the venue's clock: the venue must refuse the order after it. It is fixed
    with the intent and never moved by a retry, a re-sign or a failover.

    A conditional order has a `trigger` (a trailing one may have none: it trails from the start) and trades at
    the market; its `price` is what it is valued at until then. `reduce_only` asks a venue that knows
    positions never to let it open or turn one. `other` is the order of the pair of which only one may trade:
    the venue ends it when this one trades or triggers. `replaces` is the order whose end the same request asks
    for: this one is placed only where the venue could end that one first.
    """

    client_id: ClientOrderId
    strategy: StrategyId
    instrument: InstrumentId
    side: Side
    type: OrderType
    qty: Decimal
    price: Decimal
    deadline: Wall
    origin: Origin
    inputs: Inputs | None
    trigger: Decimal | None = None
    trail_bps: int = 0
    reduce_only: bool = False
    other: ClientOrderId | None = None
    replaces: ClientOrderId | None = None

    @property
    def pair(self) -> ClientOrderId:
        """What an order and its other have in common; its own id where it is alone."""
        return self.client_id if self.other is None else min(self.client_id, self.other)

    def __post_init__(self) -> None:
        if self.qty <= 0:
            raise ValueError(f"{self.client_id}: quantity must be positive, got {self.qty}")
        if self.price <= 0:
            raise ValueError(f"{self.client_id}: price must be positive, got {self.price}")
        waits = self.trigger is not None or self.trail_bps > 0
        if waits is not (self.type in _CONDITIONAL):
            raise ValueError(
                f"{self.client_id}: {self.type} with trigger {self.trigger} and trail_bps {self.trail_bps}"
            )


class Amendment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Another price and whole quantity, what has filled included, for an order that rests; the `number` counts
    from 1 for each order.

    `deadline` and `inputs` are as an intent's: of this request, and of this decision.
    """

    client_id: ClientOrderId
    number: int
    qty: Decimal
    price: Decimal
    deadline: Wall
    inputs: Inputs | None = None

    def __post_init__(self) -> None:
        if self.qty <= 0 or self.price <= 0:
            raise ValueError(f"{self.client_id}: amended to {self.qty} at {self.price}")


class VenueStatus(StrEnum):
    """What a venue says an order is."""

    WORKING = auto()
    FILLED = auto()
    CANCELLED = auto()
    EXPIRED = auto()
    REJECTED = auto()


class ReportSource(StrEnum):
    """Where a fact about an order came from."""

    ANSWER = auto()
    STREAM = auto()
    QUERY = auto()


WAITING = (
    "algo:"  # before the venue's id of an order in a book of its own: its ids are counted apart
)


class OrderReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The state of one order as a venue tells it; `filled` is cumulative. `qty` and `price` are its terms,
    where they may have been amended and the venue tells both."""

    client_id: ClientOrderId
    venue_order_id: str
    instrument: InstrumentId
    status: VenueStatus
    filled: Decimal
    venue_time: Wall
    source: ReportSource
    qty: Decimal | None = None
    price: Decimal | None = None


class Execution(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One trade of one of our orders. `fee_asset` is "" where the venue named none, a negative `fee` is a
    rebate. `realised` is the profit that a venue of contracts booked for the trade, before the fee."""

    client_id: ClientOrderId
    instrument: InstrumentId
    trade_id: str
    side: Side
    price: Decimal
    qty: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool
    venue_time: Wall
    realised: Decimal | None = None
