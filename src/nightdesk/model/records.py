"""What the journal holds: one message per fact that the durable state is folded from.

Decimals are canonical before they get here, so that equal facts have equal bytes. Fields are only ever
added, with a default; a record that is no longer written stays readable.
"""

from decimal import Decimal

import msgspec

from nightdesk.model import money
from nightdesk.model.account import ForcedFill, WalletMove
from nightdesk.model.ids import ClientOrderId, Epoch, InstrumentId, StrategyId, VenueId
from nightdesk.model.instrument import Instrument
from nightdesk.model.money import ZERO
from nightdesk.model.order import Amendment, Execution, Intent, OrderReport, Side, Urgency
from nightdesk.model.outcome import Reason, Verdict
from nightdesk.model.time import Wall

# Of what a release may write. Two that are one apart run as a pair: the later reads all that the earlier
# writes, and what the earlier could not read, no release writes before the next.
GENERATION = 1


class EpochOpened(msgspec.Struct, frozen=True, kw_only=True, tag="epoch"):
    """A node took the lease: every older epoch is fenced from here on."""

    epoch: Epoch
    nonce: int
    holder: str
    version: str
    config_hash: str
    why: str = ""  # the lease could be taken
    generation: int = 0  # of what it may write; 0 is older than that was told


class Configured(msgspec.Struct, frozen=True, kw_only=True, tag="config"):
    """The limits, instruments and strategies in force from here on; `body` is canonical JSON for people.
    `plan_hash` leaves out what venues tell of instruments."""

    hash: str
    instruments: list[Instrument]
    body: str
    plan_hash: str = ""


class Intended(msgspec.Struct, frozen=True, kw_only=True, tag="intent"):
    """An order that may leave once this is durable."""

    intent: Intent


class Spooled(msgspec.Struct, frozen=True, kw_only=True, tag="spooled"):
    """An order that the earlier `epoch` may have sent at `at` (UTC) or later, while its intent waited for a
    journal that took nothing: found in that epoch's spool, and in no slot of its own."""

    intent: Intent
    epoch: Epoch
    at: Wall


class Answered(msgspec.Struct, frozen=True, kw_only=True, tag="answer"):
    """How the send of an order ended. Times are UTC; `sent_at` is 0 when nothing was written."""

    client_id: ClientOrderId
    verdict: Verdict
    reason: Reason
    code: int
    text: str
    sent_at: Wall
    answered_at: Wall


class Reported(msgspec.Struct, frozen=True, kw_only=True, tag="report"):
    """The venue told the state of an order."""

    report: OrderReport


class Executed(msgspec.Struct, frozen=True, kw_only=True, tag="execution"):
    """The venue told one trade of an order."""

    execution: Execution


class CancelAsked(msgspec.Struct, frozen=True, kw_only=True, tag="cancel"):
    """The desk wants an order gone."""

    client_id: ClientOrderId
    why: str


class AmendAsked(msgspec.Struct, frozen=True, kw_only=True, tag="amend"):
    """An order that rests may be given other terms once this is durable: until it is known whether they were
    taken, the larger quantity counts."""

    amendment: Amendment
    why: str


class AmendAnswered(msgspec.Struct, frozen=True, kw_only=True, tag="amended"):
    """How asking for other terms ended. ACKED: they are in force, unless the order ended. REJECTED, NOT_SENT:
    the old ones stand. UNKNOWN: either. `text` names the evidence where the venue was asked; times are as in
    `Answered`."""

    client_id: ClientOrderId
    number: int
    verdict: Verdict
    reason: Reason
    code: int
    text: str
    sent_at: Wall
    answered_at: Wall


class Resolved(msgspec.Struct, frozen=True, kw_only=True, tag="resolved"):
    """Asked after the deadline and its read lag, neither query, open orders nor trades had the order. One that
    was open is unsure from then on (the operator who looked is named), and ended by the next of these."""

    client_id: ClientOrderId
    evidence: str


class Settled(msgspec.Struct, frozen=True, kw_only=True, tag="settled"):
    """The venue was asked after a cancel's settle window: what it had filled before is all it ever will."""

    client_id: ClientOrderId


class ModeSet(msgspec.Struct, frozen=True, kw_only=True, tag="mode"):
    """A cause demands a mode for a scope ("desk", "strategy/NAME", "instrument/ID"); NORMAL lifts it."""

    scope: str
    cause: str
    mode: str
    by: str
    why: str


class StrategyKept(msgspec.Struct, frozen=True, kw_only=True, tag="state"):
    """A strategy's `state` after the decision in the same append; `version` is its `state_version`."""

    strategy: StrategyId
    body: bytes
    version: int = 1


class TargetSet(msgspec.Struct, frozen=True, kw_only=True, tag="target"):
    """The position a strategy wants of an instrument; None takes the wish back.

    `suspended` says why the desk does not converge until the strategy declares a newer one. With `slice_qty`,
    at most so much more is held (or less) for each `slice_every_ns` begun since the record, starting at
    `ramp_from`; `slice_count` is what the slices were declared as, where not by their size.
    """

    strategy: StrategyId
    instrument: InstrumentId
    qty: Decimal | None
    suspended: str = ""
    urgency: Urgency = Urgency.TAKE
    slice_qty: Decimal | None = None
    slice_every_ns: int = 0
    slice_count: int = 0
    ramp_from: Decimal = ZERO


class ProtectionSet(msgspec.Struct, frozen=True, kw_only=True, tag="protection"):
    """The prices at which a strategy wants out of what it holds of an instrument; none of them ends it.

    `stop` and `take_profit` are prices, `trail_bps` how far the market may come back from its best. `side` is
    the side of what was held then, BUY of a long position; without it, of the first that is held from then on.
    """

    strategy: StrategyId
    instrument: InstrumentId
    stop: Decimal | None = None
    take_profit: Decimal | None = None
    trail_bps: int = 0
    why: str = ""
    side: Side | None = None


class Reconciled(msgspec.Struct, frozen=True, kw_only=True, tag="reconciled"):
    """What the account held when desk and venue were compared; a venue's first sets its opening balances.

    `balances` are of what is traded at `venue`; "" in journals from when a desk had one venue. `unexplained` is
    venue minus desk that an operator adopted. `surplus` is by how much that changed positions, per instrument:
    the operator's, but for the `shares` of strategies, of whose contracts somebody else closed so much. What
    moved there until `venue_time`, on the venue's clock, is in them; 0 in journals from before it was written:
    then the record's own time says it.
    """

    balances: dict[str, Decimal]
    unexplained: dict[str, Decimal]
    surplus: dict[InstrumentId, Decimal]
    venue: VenueId = VenueId("")
    venue_time: Wall = Wall(0)
    shares: dict[InstrumentId, dict[StrategyId, Decimal]] = {}

    def changes(self, instrument: InstrumentId) -> tuple[dict[StrategyId, Decimal], Decimal]:
        """By how much the positions of strategies change, and the operator's."""
        shares = self.shares.get(instrument, {})
        rest = money.subtract(self.surplus[instrument], money.total(shares.values()))
        return shares, rest


class Marked(msgspec.Struct, frozen=True, kw_only=True, tag="marked"):
    """Where the losses of a scope ("desk", "strategy/NAME") are measured from: profits in quote since the
    journal began, at the beginning of the UTC `day` (days since 1970) and at the highest. `looked_at`: a person
    goes on after a loss limit was reached, and losing exits are counted anew."""

    scope: str
    day: int
    day_profit: Decimal
    peak: Decimal
    looked_at: bool = False


class LimitSet(msgspec.Struct, frozen=True, kw_only=True, tag="limit"):
    """A limit of a scope ("desk", "instrument/ID", "strategy/NAME", "asset/NAME") is another than the config
    file says: `limit` is its key there, `file` what the file said then; None is no limit. Equal to `file`, the
    file holds again. Under a changed file the stricter of both holds."""

    scope: str
    limit: str
    value: Decimal | None
    file: Decimal | None
    by: str
    why: str


class Flowed(msgspec.Struct, frozen=True, kw_only=True, tag="flow"):
    """A venue moved a wallet of contracts, by no trade. `shares` is what each strategy got (or paid) of a
    funding; what is nobody's, as a transfer, has none."""

    venue: VenueId
    move: WalletMove
    shares: dict[StrategyId, Decimal]


class ForceTraded(msgspec.Struct, frozen=True, kw_only=True, tag="forced"):
    """Somebody else than a desk traded for the account: a venue by itself, or the emergency tool. `shares` is
    the quantity by whose position it was.
    """

    fill: ForcedFill
    shares: dict[StrategyId, Decimal]

    def fee_of(self, strategy: StrategyId) -> Decimal:
        """What it bears of the fee: all of it, or nothing. The largest share bears it, of equal ones the first
        by name; the order in which they stand here is not that in which they were written."""
        bears = min(self.shares, key=lambda each: (-self.shares[each], each))
        return self.fill.fee if strategy == bears else Decimal(0)


Record = (
    EpochOpened
    | Configured
    | Intended
    | Spooled
    | Answered
    | Reported
    | Executed
    | CancelAsked
    | AmendAsked
    | AmendAnswered
    | Resolved
    | Settled
    | ModeSet
    | StrategyKept
    | TargetSet
    | ProtectionSet
    | Reconciled
    | Marked
    | LimitSet
    | Flowed
    | ForceTraded
)

_ENCODER = msgspec.msgpack.Encoder(order="deterministic")
_DECODER: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)


def encode_record(record: Record) -> bytes:
    """The bytes of a record; equal records have equal bytes."""
    return _ENCODER.encode(record)


def decode_record(body: bytes) -> Record:
    """The record in `body`; raises `msgspec.DecodeError` or `ValidationError` when it is none."""
    return _DECODER.decode(body)
