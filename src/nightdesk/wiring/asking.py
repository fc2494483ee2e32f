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
from nightdesk.model.ids import InstrumentId, instrument_key
from nightdesk.node.compose import codec_of, key_of
from nightdesk.node.venue_link import VenueDown, VenueLink
from nightdesk.node.vetting import KeyFacts, look
from nightdesk.runtime.requester import Requester

T = TypeVar("T")
WITHIN_S = 30.0  # for all questions together


def ask_rules(config: Config, base: Path) -> int:
    """How many instruments the venue lists; raises `NotListed`, or `VenueDown` when it does not answer."""

    async def rules(link: VenueLink, _: Requester) -> int:
        return len(
            await link.rules([instrument_key(InstrumentId(i.id)) for i in config.instrument])
        )

    return _asked(config, base, rules)


def ask_key(config: Config, base: Path) -> KeyFacts:
    """What the venue tells of the account's key; raises `VenueDown` when it does not answer at all."""
    key = key_of(config, base)

    async def facts(_: VenueLink, requester: Requester) -> KeyFacts:
        return await look(key, requester, owner=True)

    return _asked(config, base, facts)


def _asked(config: Config, base: Path, ask: Callable[[VenueLink, Requester], Awaitable[T]]) -> T:
    """The answer to `ask` on the venue's clock."""

    async def run() -> T:
        ((_, venue),) = config.venue.items()
        clock = SystemClock()
        http = HttpPool(venue.rest)
        requester = Requester(http, clock)
        link = VenueLink(
            codec=codec_of(config, base),
            market=PicowsStreams(venue.stream, clock),
            private=PicowsStreams(venue.private, clock),
            requester=requester,
            clock=clock,
            draw=SystemEntropy(1).stream("asking"),
        )
        try:
            async with asyncio.timeout(WITHIN_S):
                why = await requester.hold()
                offset = None if why else await link.measure_clock()
                if offset is None:
                    raise VenueDown(why or "it does not tell its time")
                requester.corrected(offset)
                return await ask(link, requester)
        except TimeoutError as error:
            raise OperatingError(f"no answer within {WITHIN_S:.0f} s") from error
        finally:
            http.close()

    return asyncio.run(run())
