"""The streams of one venue: told to the shell of a node that leads, or overheard by one that stands by, and
then they run on when it begins to lead."""

from collections.abc import Awaitable, Collection, Iterator

import msgspec

from nightdesk.model.bars import BarsOf
from nightdesk.model.ids import InstrumentId, VenueId, venue_of
from nightdesk.model.instrument import Instrument
from nightdesk.model.market import DepthOf
from nightdesk.node.ears import Ears
from nightdesk.node.market_stream import MarketStream
from nightdesk.node.private_stream import PrivateStream
from nightdesk.ports.venue import Streams
from nightdesk.runtime.bars import bars_wanted
from nightdesk.runtime.depth import depth_wanted
from nightdesk.runtime.gateway import Spawn
from nightdesk.runtime.kept_stream import Upkeep
from nightdesk.runtime.requester import Requester
from nightdesk.runtime.shell import Shell
from nightdesk.runtime.telemetry import Telemetry
from nightdesk.runtime.trades import TradeFeed, prints_wanted
from nightdesk.strategy.host import Host
from nightdesk.venues.protocol import VenueCodec

Task = tuple[Awaitable[None], str]  # what must run as long as the node does, and its name


class Listening(msgspec.Struct, frozen=True, kw_only=True):
    """What the strategies of a node hear of the markets, at every venue."""

    instruments: Collection[Instrument]
    bars: Collection[BarsOf]
    depth: Collection[DepthOf]
    prints: Collection[InstrumentId]


def listening(
    instruments: Collection[Instrument], hosts: Collection[Host], *, leads: bool
) -> Listening:
    """What these strategies hear, on a node that leads or in the shadow."""
    return Listening(
        instruments=instruments,
        bars=bars_wanted(hosts),
        depth=depth_wanted(hosts),
        prints=prints_wanted(hosts, leads=leads),
    )


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
        self._trades: TradeFeed
        self._run = False  # also where nothing is heard of this venue's markets

    def overheard(self, heard: Listening, ears: Ears) -> Iterator[Task]:
        """All of them, told to `ears` and nothing acted on, until `attach`."""
        self._private.overheard(ears)
        return self._opened(heard, ears)

    def attach(self, shell: Shell) -> None:
        """What runs already is told there from now on."""
        if self._run:
            wanted = prints_wanted(shell.hosts.values(), leads=True)
            self._trades.attach(self._here(wanted), shell.market, shell.say)
            for stream in self._markets:
                stream.attach(shell)

    def listened(self, shell: Shell) -> Iterator[Task]:
        """All of them, told to the shell, unless they run already."""
        if self._run:
            return iter(())
        rules = shell.desk.settings.instruments.values()
        return self._opened(listening(rules, shell.hosts.values(), leads=True), shell)

    def _opened(self, heard: Listening, ears: Ears) -> Iterator[Task]:
        here, self._run = self._venue, True
        trades = self._trades = self._printed(heard, ears)
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

    def _here(self, instruments: Collection[InstrumentId]) -> list[InstrumentId]:
        return [i for i in instruments if venue_of(i) == self._venue]

    def _printed(self, heard: Listening, ears: Ears) -> TradeFeed:
        """The prints of what some strategy hears prints of."""
        return TradeFeed(
            self._here(heard.prints),
            self._codec,
            self._requester,
            watched=self._upkeep.watched,
            telemetry=self._telemetry,
            spawn=self._spawn,
            tell=ears.market,
            say=ears.say,
        )
