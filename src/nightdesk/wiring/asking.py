"""One look at a desk's venue, without a desk: does it answer, does it list the instruments, what of the key."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from nightdesk.adapters.http import HttpPool
from nightdesk.adapters.streams import PicowsStreams
from nightdesk.adapters.system import SystemClock, SystemEntropy
from nightdesk.config.schema import Config
from nightdesk.model.errors import OperatingError
from nightdesk.model.ids import InstrumentId, VenueId, instrument_key, venue_of
from nightdesk.node.compose import codecs_of, keys_of
from nightdesk.node.venue_link import VenueDown, VenueLink
from nightdesk.node.vetting import KeyFacts, look
from nightdesk.runtime.requester import Requester

T = TypeVar("T")
WITHIN_S = 30.0  # for all questions together


def ask_rules(config: Config, base: Path, venue: VenueId) -> int:
    """How many instruments the venue lists; raises `NotListed`, or `VenueDown` when it does not answer."""
    traded = [InstrumentId(i.id) for i in config.instrument]
    symbols = [instrument_key(instrument) for instrument in traded if venue_of(instrument) == venue]

    async def rules(link: VenueLink, _: Requester) -> int:
        return len(await link.rules(symbols))

    return _asked(config, base, venue, rules)


def ask_key(config: Config, base: Path, venue: VenueId) -> KeyFacts:
    """What the venue tells of its account's key; raises `VenueDown` when it does not answer at all."""
    key = keys_of(config, base)[venue]

    async def facts(_: VenueLink, requester: Requester) -> KeyFacts:
        return await look(key, requester, owner=True)

    return _asked(config, base, venue, facts)


def _asked(
    config: Config,
    base: Path,
    venue: VenueId,
    ask: Callable[[VenueLink, Requester], Awaitable[T]],
) -> T:
    """The answer to `ask` on the venue's clock."""

    async def run() -> T:
        where, clock = config.venue[venue], SystemClock()
        http = HttpPool(where.rest)
        requester = Requester(http, clock)
        link = VenueLink(
            venue=venue,
            codec=codecs_of(config, base)[venue],
            market=PicowsStreams(where.stream, clock),
            private=PicowsStreams(where.private, clock),
            requester=requester,
            clock=clock,
            draw=SystemEntropy(1).stream("asking"),
        )
        try:
            async with asyncio.timeout(WITHIN_S):
                why = await requester.hold()
                if why or not await link.measure_clock():
                    raise VenueDown(why or "it does not tell its time")
                requester.clock.correct()
                return await ask(link, requester)
        except TimeoutError as error:
            raise OperatingError(f"no answer within {WITHIN_S:.0f} s") from error
        finally:
            http.close()

    return asyncio.run(run())
