"""What venues did to an account without an order of it, each thing booked once."""

from decimal import Decimal

from nightdesk.model.account import ForcedFill, WalletMove
from nightdesk.model.ids import InstrumentId, VenueId
from nightdesk.model.time import SECOND_NS, Wall

# What is older is not asked for again: venues tell seven days in one answer (`desk/contracts.SPAN_MAX_NS`).
KEPT_NS = 8 * 24 * 3600 * SECOND_NS


class Booked:
    """Mutable; one writer, the desk's fold. Times are on the venues' clocks.

    What moved at a venue until its `since` is in the balances that were reconciled then, and is never booked; a
    venue that is not in it was never compared.
    """

    __slots__ = ("at", "since")

    def __init__(self) -> None:
        self.at: dict[str, Wall] = {}  # by the venue's ids; when it happened
        self.since: dict[VenueId, Wall] = {}

    def takes(self, venue: VenueId, key: str, at: Wall) -> bool:
        """Whether it is to be booked."""
        return key not in self.at and at >= self.since.get(venue, 0)

    def book(self, key: str, at: Wall) -> None:
        """It was."""
        self.at[key] = at
        while self.at[oldest := next(iter(self.at))] < at - KEPT_NS:
            del self.at[oldest]

    def last(self, front: str) -> Wall:
        """When the last of those happened whose keys begin with `front`."""
        return max((at for key, at in self.at.items() if key.startswith(front)), default=Wall(0))


def flow_key(venue: VenueId, move: WalletMove) -> str:
    """A move of a wallet: its id is the venue's, unique within its kind and contract."""
    return f"{move.kind}/{venue}/{move.instrument or ''}/{move.id}"


def fee_key(instrument: InstrumentId, fee: Decimal) -> str:
    """The fee of such a trade: what goes to the insurance fund may be told as a move of the wallet as well."""
    return f"fee/{instrument}/{fee}"


def forced_key(fill: ForcedFill) -> str:
    """A trade that the venue made for the account."""
    return f"forced/{fill.instrument}/{fill.trade_id}"
