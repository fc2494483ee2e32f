"""The streams of one venue: told to the shell of a node that leads, or overheard by one that stands by, and
then they run on when it begins to lead."""

from collections.abc import Awaitable, Collection, Iterator

import msgspec

from nightdesk.model.bars import BarsOf
from nightdesk.model.ids import VenueId, venue_of
from nightdesk.model.instrument import Instrument
from nightdesk.model.market import DepthOf
from nightdesk.node.ears import Ears
from nightdesk.node.market_stream import MarketStream
from nightdesk.node.private_stream import PrivateStream
from nightdesk.ports.venue import Streams
from nightdesk.runtime.gateway import Spawn
from nightdesk.runtime.kept_stream import Upkeep
from nightdesk.runtime.requester import Requester
from nightdesk.runtime.shell import Shell
from nightdesk.runtime.telemetry import Telemetry
from nightdesk.runtime.trades import TradeFeed
from nightdesk.venues.protocol import VenueCodec

Task = tuple[Awaitable[None], str]  # what must run as long as the node does, and its name


class Listening(msgspec.Struct, frozen=True, kw_only=True):
    """What the strategies of a node hear of the markets, at every venue."""

    instruments: Collection[Instrument]
    bars: Collection[BarsOf]
    depth: Collection[DepthOf]


class VenueStreams:
    """Those of one venue; its private stream was made before."""

    def __init__(
        self,
        venue: VenueId,
        codec: VenueCodec,
        market: Streams,
        private: PrivateStream,
        *,
        requester: Requester,
        upkeep: Upkeep,
        telemetry: Telemetry,
        spawn: Spawn,
    ) -> None:
        self._venue = venue
        self._codec = codec
        self._market = market
        self._private = private
        self._requester = requester
        self._upkeep = upkeep
        self._telemetry = telemetry
        self._spawn = spawn
        self._markets: list[MarketStream] = []  # those that run
        self._run = False  # also where nothing is heard of this venue's markets

    def overheard(self, heard: Listening, ears: Ears) -> Iterator[Task]:
        """All of them, told to `ears` and nothing acted on, until `attach`."""
        self._private.overheard(ears)
        nobody = TradeFeed(
            (),
            self._codec,
            self._requester,
            watched=False,
            telemetry=self._telemetry,
            spawn=self._spawn,
            tell=ears.market,
            say=lambda _: None,
        )
        return self._opened(heard, ears, nobody)

    def attach(self, shell: Shell) -> None:
        """What runs already is told there from now on."""
        if self._run:
            trades = self._trades(shell)
            for stream in self._markets:
                stream.attach(shell, trades)

    def listened(self, shell: Shell) -> Iterator[Task]:
        """All of them, told to the shell, unless they run already."""
        if self._run:
            return iter(())
        heard = Listening(
            instruments=shell.desk.settings.instruments.values(),
            bars=shell.declared,
            depth=shell.depth.wants,
        )
        return self._opened(heard, shell, self._trades(shell))

    def _opened(self, heard: Listening, ears: Ears, trades: TradeFeed) -> Iterator[Task]:
        here, self._run = self._venue, True
        traded = [i for i in heard.instruments if i.venue == here]
        bars = [of for of in heard.bars if venue_of(of.instrument) == here]
        depth = [of for of in heard.depth if venue_of(of.instrument) == here]
        for path in self._codec.market_paths(traded, bars, depth):
            stream = MarketStream(path, self._codec, self._market, ears, self._upkeep, trades)
            self._markets.append(stream)
            yield stream.kept.keep(), "market"
        for copy in self._private.copies:
            yield copy.keep(), "private"
        if self._codec.private_key() is not None:
            yield self._private.keep_key(), "private key"

    def _trades(self, shell: Shell) -> TradeFeed:
        """The prints of what some strategy hears prints of."""
        listening = (host for host in shell.hosts.values() if host.hears_trades)
        here = self._venue
        followed = {i for host in listening for i in host.ctx.instruments if venue_of(i) == here}
        return TradeFeed(
            sorted(followed),
            self._codec,
            self._requester,
            watched=self._upkeep.watched,
            telemetry=self._telemetry,
            spawn=self._spawn,
            tell=shell.market,
            say=lambda fields: shell.say("info", "trades.filled", **fields),
        )
