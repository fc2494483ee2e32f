"""What enters the core and what leaves it, as values.

Everything the world does is an event; everything the desk does is an effect. `Decision.after` must wait until
`Decision.records` are durable; `Decision.at_once` must not.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from nightdesk.model.account import (
    AccountTerms,
    Flow,
    ForcedFill,
    Moved,
    TermsTold,
    WalletMove,
)
from nightdesk.model.ids import ClientOrderId, InstrumentId, StrategyId, VenueId
from nightdesk.model.market import Quote
from nightdesk.model.mode import Mode
from nightdesk.model.order import Amendment, Execution, Intent, OrderReport
from nightdesk.model.outcome import Outcome
from nightdesk.model.records import Record, Spooled
from nightdesk.model.time import Wall
from nightdesk.risk.gate import Approved
from nightdesk.risk.limits import View
from nightdesk.strategy.messages import Proposal, ToStrategy


class QuoteSeen(msgspec.Struct, frozen=True, kw_only=True):
    """The market moved."""

    quote: Quote


class Proposed(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy's handler came to wishes."""

    strategy: StrategyId
    proposal: Proposal


class SendEnded(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway knows what it can about a send; times on the venue's clock, `sent_at` 0 if nothing left."""

    client_id: ClientOrderId
    outcome: Outcome
    sent_at: Wall


class AmendEnded(msgspec.Struct, frozen=True, kw_only=True):
    """The same for a request to give an order other terms, the one of that number."""

    client_id: ClientOrderId
    number: int
    outcome: Outcome
    sent_at: Wall


class SpoolFound(msgspec.Struct, frozen=True, kw_only=True):
    """Earlier epochs may have sent orders that the journal does not know."""

    entries: Sequence[Spooled]


class CancelEnded(msgspec.Struct, frozen=True, kw_only=True):
    """The same for a cancel."""

    client_id: ClientOrderId
    outcome: Outcome


class OrderTold(msgspec.Struct, frozen=True, kw_only=True):
    """The private stream told something of an order."""

    report: OrderReport | None = None
    execution: Execution | None = None


class OrderFound(msgspec.Struct, frozen=True, kw_only=True):
    """A question that left at `asked_at` was answered with the order's state."""

    report: OrderReport
    asked_at: Wall


class OrderNotFound(msgspec.Struct, frozen=True, kw_only=True):
    """A query that left at `asked_at` was answered with "does not exist".

    `everywhere` says that the order was then also missing from the open orders and from the trades.
    """

    client_id: ClientOrderId
    asked_at: Wall
    everywhere: bool = False


class TradesTold(msgspec.Struct, frozen=True, kw_only=True):
    """All trades of one order, asked for because some were missing."""

    client_id: ClientOrderId
    executions: Sequence[Execution]


class AccountTold(msgspec.Struct, frozen=True, kw_only=True):
    """Balances (free and locked together; wallets and positions of contracts by their names in the books) and
    open orders at one venue, asked for at `asked_at` with no order in between."""

    venue: VenueId
    balances: Mapping[str, Decimal]
    open_orders: Sequence[OrderReport]
    asked_at: Wall
    quiet: bool  # whether nothing was sent or filled while the two questions were under way


class FlowsTold(msgspec.Struct, frozen=True, kw_only=True):
    """What moved a venue's wallets without a trade, asked for because something did."""

    venue: VenueId
    moves: Sequence[WalletMove]


class ForcedTold(msgspec.Struct, frozen=True, kw_only=True):
    """A venue traded for the account: by the private stream, or asked for because a position differs."""

    fills: Sequence[ForcedFill]


class WalletsMoved(msgspec.Struct, frozen=True, kw_only=True):
    """The private stream says that wallets or positions moved; it books nothing."""

    venue: VenueId
    moved: Moved


class TermsSeen(msgspec.Struct, frozen=True, kw_only=True):
    """The venue said on which terms it holds what the desk trades: all of them, or one that was changed."""

    venue: VenueId
    terms: AccountTerms | TermsTold


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Something outside the core works or does not; NORMAL lifts what was raised before under `cause`."""

    scope: str
    cause: str
    mode: Mode
    why: str


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """Time passed, `late_ns` more than it should have; the commit under way takes `journal_ns` so far."""

    late_ns: int = 0
    journal_ns: int = 0


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """An operator wants no new risk; resting entries are cancelled unless `keep`."""

    reason: str
    by: str
    keep: bool = False


class Resume(msgspec.Struct, frozen=True, kw_only=True):
    """An operator has looked, and lifts what needs a person."""

    reason: str
    by: str


class SetLimit(msgspec.Struct, frozen=True, kw_only=True):
    """An operator wants another limit: a number, "off", or "file" for what the config says. `kind` is
    "strategy", "instrument" or "asset" where it is one's own (`of` names it), "" for desk and instruments."""

    limit: str
    value: str
    by: str
    why: str = ""
    kind: str = ""
    of: str = ""


class CancelAll(msgspec.Struct, frozen=True, kw_only=True):
    """An operator wants every open order gone; with `protective` also those that protect positions, and their
    declarations."""

    by: str
    protective: bool = False


class Flatten(msgspec.Struct, frozen=True, kw_only=True):
    """An operator wants out."""

    by: str
    reason: str = ""


Event = (
    QuoteSeen
    | Proposed
    | SendEnded
    | SpoolFound
    | CancelEnded
    | AmendEnded
    | OrderTold
    | OrderFound
    | OrderNotFound
    | TradesTold
    | AccountTold
    | FlowsTold
    | ForcedTold
    | WalletsMoved
    | TermsSeen
    | Health
    | Tick
    | Pause
    | Resume
    | CancelAll
    | Flatten
    | SetLimit
)


class SendOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Send an approved order, once; with the `other` of its pair, of which the venue lets only one trade. Where
    its intent replaces an order, the same request ends that one: `CancelEnded` and `SendEnded` tell of both.
    With an `amendment` the order rests already, and is given those terms: `AmendEnded` tells of that."""

    approved: Approved
    other: Intent | None = None
    amendment: Amendment | None = None


class SendCancel(msgspec.Struct, frozen=True, kw_only=True):
    """Cancel by id; may be repeated."""

    intent: Intent


class AskOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Ask the venue what an order is.

    With `since` (UTC, before it can have arrived), an order the query does not find is looked for in the open
    orders and in the trades from then on as well: only missing from all three may it count as never accepted.
    """

    intent: Intent
    since: Wall | None = None


class AskTrades(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for the trades of an order."""

    intent: Intent
    venue_order_id: str


class AskAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for balances and open orders at one venue."""

    venue: VenueId


class AskFlows(msgspec.Struct, frozen=True, kw_only=True):
    """Ask what moved a venue's wallets in one way since then (UTC)."""

    venue: VenueId
    kind: Flow
    since: Wall


class AskForced(msgspec.Struct, frozen=True, kw_only=True):
    """Ask which orders the venue placed for the account in one contract since then (UTC), and their trades."""

    instrument: InstrumentId
    since: Wall


class AskByHand(msgspec.Struct, frozen=True, kw_only=True):
    """Ask whether the emergency tool traded in one instrument since then (UTC); its orders are told with their
    trades."""

    instrument: InstrumentId
    since: Wall


class AskPrice(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for a quote, where the feed has none that can be used."""

    instrument: InstrumentId


class Tell(msgspec.Struct, frozen=True, kw_only=True):
    """Deliver a message to a strategy."""

    strategy: StrategyId
    message: ToStrategy


class Weigh(msgspec.Struct, frozen=True, kw_only=True):
    """Measure what was just allowed, as it was when it was; nothing on the way to the wire waits for it."""

    intent: Intent
    view: View


class Revive(msgspec.Struct, frozen=True, kw_only=True):
    """Start a crashed strategy anew from its kept state."""

    strategy: StrategyId


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Something worth a line in the log and in the ring of recent events."""

    level: str
    event: str
    fields: dict[str, str]


Effect = (
    SendOrder
    | SendCancel
    | AskOrder
    | AskTrades
    | AskAccount
    | AskFlows
    | AskForced
    | AskByHand
    | AskPrice
    | Tell
    | Weigh
    | Revive
    | Note
)


class Decision(msgspec.Struct, kw_only=True):
    """What one event came to, decided at `at`. Mutable while the core fills it."""

    at: Wall
    records: list[Record] = msgspec.field(default_factory=list)
    after: list[Effect] = msgspec.field(default_factory=list)
    at_once: list[Effect] = msgspec.field(default_factory=list)
