"""One look at a desk's venue, without a desk: does it answer, its list, on which terms, what of the key."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TypeVar

from nightdesk.adapters.http import HttpPool
from nightdesk.adapters.system import SystemClock
from nightdesk.config.schema import Config
from nightdesk.model.errors import OperatingError
from nightdesk.model.ids import InstrumentId, VenueId, instrument_key, venue_of
from nightdesk.node.compose import codecs_of, keys_of, terms_of
from nightdesk.node.contract_link import ContractLink
from nightdesk.node.refused import Untold
from nightdesk.node.venue_link import VenueDown, VenueLink
from nightdesk.node.vetting import KeyFacts, look
from nightdesk.runtime.alarms import Alarms
from nightdesk.runtime.requester import Requester
from nightdesk.runtime.telemetry import Telemetry
from nightdesk.venues.protocol import ContractCodec

T = TypeVar("T")
WITHIN_S = 30.0  # for all questions together


def ask_rules(config: Config, base: Path, venue: VenueId) -> int:
    """How many instruments the venue lists; raises `NotListed`, or `VenueDown` when it does not answer."""
    traded = [InstrumentId(i.id) for i in config.instrument]
    symbols = [instrument_key(instrument) for instrument in traded if venue_of(instrument) == venue]

    async def ask(requester: Requester) -> int:
        link = _link(config, base, venue, requester)
        await _on_time(link, requester)
        return len(await link.rules(symbols))

    return _within(_asking(config, venue, ask))


def ask_terms(config: Config, base: Path, venue: VenueId) -> int:
    """How many contracts the account at `venue` holds on the config's terms, as the start asks; 0 where it has
    none. Raises `BadInput` for other terms, `Untold` where they are not told, `VenueDown` as above."""
    wanted = {i: terms for i, terms in terms_of(config).items() if venue_of(i) == venue}

    async def ask(requester: Requester) -> int:
        codec = codecs_of(config, base)[venue]
        if not isinstance(codec, ContractCodec):
            return 0
        await _on_time(_link(config, base, venue, requester), requester)
        alarms = Alarms(venue, Telemetry(), requester.mono, lambda *_: None)  # its check says it
        if why := await ContractLink(codec, requester, alarms).agreed(wanted):
            raise Untold(why)
        return len(wanted)

    return _within(_asking(config, venue, ask))


async def _asking(
    config: Config, venue: VenueId, ask: Callable[[Requester], Coroutine[None, None, T]]
) -> T:
    where = config.venue[venue]
    http = HttpPool(where.addresses.rest, link=next(iter(where.links), ""))
    requester = Requester(http, SystemClock())
    try:
        if why := await requester.hold():
            raise VenueDown(why)
        return await ask(requester)
    finally:
        http.close()


def _link(config: Config, base: Path, venue: VenueId, requester: Requester) -> VenueLink:
    return VenueLink(
        venue=venue,
        codec=codecs_of(config, base)[venue],
        requester=requester,
        clock=SystemClock(),
    )


async def _on_time(link: VenueLink, requester: Requester) -> None:
    if not await link.measure_clock():
        raise VenueDown("it does not tell its time")
    requester.clock.correct()


def ask_key(config: Config, base: Path, venue: VenueId) -> KeyFacts:
    """What is told of a venue's key; raises `VenueDown` when who tells it does not answer at all."""
    key, where = keys_of(config, base)[venue], config.venue[venue].rights_at

    async def facts() -> KeyFacts:
        clock = SystemClock()
        if not where:
            return await look(key, None, owner=True)
        http = HttpPool(where)
        requester = Requester(http, clock)
        try:
            if why := await requester.hold():
                raise VenueDown(why)
            return await look(key, requester, owner=True)
        finally:
            http.close()

    return _within(facts())


def _within(asked: Coroutine[None, None, T]) -> T:
    """The answer, or that there was none in time."""

    async def run() -> T:
        try:
            async with asyncio.timeout(WITHIN_S):
                return await asked
        except TimeoutError as error:
            raise OperatingError(f"no answer within {WITHIN_S:.0f} s") from error

    return asyncio.run(run())
