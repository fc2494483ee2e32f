"""One market stream of a venue: its frames read, told to the desk, its subscriptions watched."""

from nightdesk.model.ids import InstrumentId
from nightdesk.model.market import MarketEvent, Trade
from nightdesk.model.time import Mono
from nightdesk.node.ears import Ears
from nightdesk.node.quarantine import Quarantine
from nightdesk.ports.venue import Streams
from nightdesk.runtime.kept_stream import KeptStream, Upkeep
from nightdesk.runtime.trades import TradeFeed
from nightdesk.venues.protocol import VenueCodec

Subscription = tuple[InstrumentId, type[MarketEvent]]


class MarketStream:
    """Reads what one path tells; see `Reader`."""

    def __init__(
        self,
        path: str,
        codec: VenueCodec,
        streams: Streams,
        ears: Ears,
        upkeep: Upkeep,
        trades: TradeFeed,
    ) -> None:
        self._path = path
        self._codec = codec
        self._ears = ears
        self._clock = upkeep.clock
        self._trades = trades
        patience = codec.patience(path)
        self._printed = [instrument for instrument, event in patience if event is Trade]
        self._quarantine = Quarantine("market", ears)
        self._decode = ears.telemetry.stages["decode"]
        self.kept: KeptStream[MarketEvent] = KeptStream(
            streams, self, upkeep=upkeep, name="market", patience_ns=patience
        )

    def attach(self, ears: Ears) -> None:
        """From now on what it says is told there, but for prints, which their feed tells."""
        self._ears = self._quarantine.ears = ears

    async def where(self) -> str:
        """Its path."""
        return self._path

    def hello(self) -> str:
        """Nothing: the path subscribes."""
        return ""

    def read(self, frame: bytes, received: Mono) -> MarketEvent | None:
        """What the market said."""
        return self._codec.market(frame, received)

    def confirms(self, told: MarketEvent) -> bool:
        """Never asked."""
        return False

    def subscription(self, told: MarketEvent) -> Subscription:
        """An instrument, and what is told of it."""
        return told.instrument, told.__class__

    def named(self, subscription: Subscription) -> str:
        """For a line of the log."""
        instrument, event = subscription
        return f"{event.__name__.lower()}s of {instrument}"

    def tell(self, told: MarketEvent, received: Mono) -> None:
        """To the desk."""
        self._decode.record(self._clock.mono() - received)
        self._quarantine.readable()
        if told.__class__ is Trade:
            self._trades.heard(told)
        else:
            self._ears.market(told)

    def poisoned(self, frame: bytes, error: Exception) -> None:
        """It is missed by whom it should have reached: quotes get old, bars and trades are asked for."""
        self._quarantine.take(frame, error)

    def heard(self, *, gap: bool) -> None:
        """Prints that were missed are asked for; quotes and books are whole, bars say what is missing."""
        if gap:
            for instrument in self._printed:
                self._trades.gap(instrument)

    def lost(self, why: str) -> None:
        """Ages say so."""

    def note(self, event: str, why: str) -> None:
        """Count it; a connection that is doubted is told of."""
        self._ears.telemetry.count(f"market.{event}")
        if event != "reconnects":
            self._ears.say("info", f"market.{event}", why=why)
