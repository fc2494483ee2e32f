"""What a desk is told to be: its limits, baselines and strategies."""

from collections.abc import Mapping
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import msgspec

from nightdesk.model.account import Terms
from nightdesk.model.ids import InstrumentId, StrategyId, VenueId, desk_code
from nightdesk.model.instrument import Instrument
from nightdesk.model.money import ZERO
from nightdesk.model.time import SECOND_NS
from nightdesk.modes.ladder import DESK, venue_scope
from nightdesk.risk.limits import Limits, StrategyLimits
from nightdesk.risk.losses import LossLimits

OPERATOR = StrategyId(
    "operator"
)  # holds what no strategy ordered: opening surplus over the baseline


class StrategySettings(msgspec.Struct, frozen=True, kw_only=True):
    """One strategy: which instruments it sees and may trade; what it may size by, in quote."""

    name: StrategyId
    instruments: tuple[InstrumentId, ...]
    losses: LossLimits = LossLimits()
    limits: StrategyLimits = StrategyLimits()
    capital: Decimal | None = None


class DeskSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the core needs to know that is not a fact of the journal.

    `baseline` is per asset: what the account holds that is not the desk's to sell. `order_ttl_ns` bounds how
    late an order may reach the venue; `slippage_bps` how far beyond the touch a converging or flattening order
    may go; `account_every_ns` how often the books are compared while nothing is wrong; `terms` is of each
    contract. `venues` follow from the instruments, in their order. `replacing` are those that end one order and
    place another in one request, `amending` those that give an order that rests another price: both are theirs,
    and no part of what a desk is told to be.
    """

    name: str
    limits: Mapping[InstrumentId, Limits]
    instruments: Mapping[InstrumentId, Instrument]
    baseline: Mapping[str, Decimal]
    strategies: Mapping[StrategyId, StrategySettings]
    read_lag_ns: int
    order_ttl_ns: int
    slippage_bps: Decimal = Decimal(5)
    account_every_ns: int = 10 * SECOND_NS
    losses: LossLimits = LossLimits()
    terms: Mapping[InstrumentId, Terms] = {}
    venues: tuple[VenueId, ...] = ()
    replacing: frozenset[VenueId] = frozenset()
    amending: frozenset[VenueId] = frozenset()

    def __post_init__(self) -> None:
        found = dict.fromkeys(instrument.venue for instrument in self.instruments.values())
        msgspec.structs.force_setattr(self, "venues", tuple(found))

    def scope_of(self, venue: VenueId) -> str:
        """What a venue's trouble concerns: the whole desk, where it trades nowhere else."""
        return venue_scope(venue) if len(self.venues) > 1 else DESK

    @property
    def code(self) -> int:
        """The desk's place in every client order id, from its name."""
        return desk_code(self.name)

    def assets(self, venue: VenueId) -> list[str]:
        """Every asset, wallet and contract the instruments traded there touch."""
        there = [i for i in self.instruments.values() if i.venue == venue]
        return sorted({asset for i in there for asset in (i.held_as, i.paid_in)})

    def baseline_of(self, instrument: Instrument, opened: Mapping[str, Decimal]) -> Decimal:
        """What of it is not the desk's to sell, at a venue that held `opened` when the books were opened. A
        contract's position has none: whatever is held of it is at risk."""
        if instrument.contract:
            return ZERO
        return self.baseline.get(instrument.base, opened.get(instrument.base, ZERO))

    def canonical(self) -> str:
        """One spelling, for the journal and for the hash that it is told by."""
        return msgspec.json.encode(self._built(), order="sorted").decode()

    def plan_hash(self) -> str:
        """Equal for equal settings, whatever the venues said of their instruments meanwhile."""
        built = self._built()
        built["instruments"] = sorted(self.instruments)
        told = msgspec.json.encode(built, order="sorted")
        return blake2b(told, digest_size=16).hexdigest()

    def _built(self) -> dict[str, Any]:
        built: dict[str, Any] = msgspec.to_builtins(self)
        del built["venues"], built["replacing"], built["amending"]
        if not self.terms:
            del built["terms"]  # a desk without contracts is spelled as it always was
        return built

    def hash(self) -> str:
        """Equal for equal settings."""
        return blake2b(self.canonical().encode(), digest_size=16).hexdigest()
