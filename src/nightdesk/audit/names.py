"""Which instrument a line of a venue's log is about: the one place that knows both spellings.

A journal says "usdm:BTCUSDT", a log says a symbol and perhaps a venue. Whatever is told first gives an
instrument its name here, nearly always the journal's id, and every other spelling leads to it from then on.
"""

from nightdesk.model.ids import VenueId
from nightdesk.model.instrument import Instrument, wallet_of

CONTRACTS = "usdm"  # the lab's word for its venue of contracts; of its spot venue it names none
_SPOT = ""
_Spelling = tuple[str, str]  # the log's venue, the symbol


class Names:
    """A line's venue is a venue of the journal where that has one of this name. Else "usdm" is the contracts'
    venue, and none is spot's: the first of its kind, where a journal has several."""

    def __init__(self) -> None:
        self.instruments: dict[str, Instrument] = {}  # by name, as the journal told them
        self._of_id: dict[str, str] = {}
        self._of_log: dict[_Spelling, str] = {}
        self._venues: dict[str, Instrument] = {}  # one of each, by the log's word for its venue

    def learn(self, instrument: Instrument) -> str:
        """The journal told an instrument; its name."""
        kind = CONTRACTS if instrument.contract else _SPOT
        for venue in (instrument.venue, kind):
            self._venues.setdefault(venue, instrument)
        name = self._enter(instrument.id, str(instrument.venue), instrument.symbol, kind)
        self.instruments[name] = instrument
        return name

    def of(self, instrument: str) -> str:
        """The name behind an id of the journal, or behind a bare symbol, which is spot's."""
        name = self._of_id.get(instrument)
        if name is not None:
            return name
        venue, _, symbol = instrument.rpartition(":")
        if not venue:
            return self.logged(None, symbol)
        return self._enter(instrument, venue, symbol, CONTRACTS if venue == CONTRACTS else _SPOT)

    def logged(self, venue: str | None, symbol: str) -> str:
        """The name behind what a venue's log says."""
        spelling = (venue or _SPOT, symbol)
        name = self._of_log.get(spelling)
        if name is None:
            name = self._of_log[spelling] = f"{venue}:{symbol}" if venue else symbol
        return name

    def contract(self, name: str) -> bool:
        """Whether positions are held of it; of what no journal told, by the lab's word."""
        rules = self.instruments.get(name)
        return name.startswith(f"{CONTRACTS}:") if rules is None else rules.contract

    def asset(self, venue: str | None, asset: str) -> str:
        """How the books call what a log's venue has of an asset: contracts have wallets of their own."""
        one = self._venues.get(venue or _SPOT)
        if one is None:
            return wallet_of(VenueId(CONTRACTS), asset) if venue == CONTRACTS else asset
        return wallet_of(one.venue, asset) if one.contract else asset

    def _enter(self, instrument: str, venue: str, symbol: str, kind: str) -> str:
        name = self._of_id.get(instrument, "")
        spellings = ((venue, symbol), (kind, symbol))
        if not name:
            taken = self._of_id.values()
            logged = (self._of_log.get(spelling, "") for spelling in spellings)
            # What the log spoke of before anybody said what it is keeps the name that it was given.
            name = next((each for each in logged if each and each not in taken), instrument)
        self._of_id[instrument] = name
        for spelling in spellings:
            self._of_log.setdefault(spelling, name)
        return name
