"""The node's questions to one venue: its clock measured, its rules and its account asked."""

import asyncio
from collections.abc import Callable, Mapping

from nightdesk.desk.events import (
    AccountTold,
    Event,
    QuoteSeen,
)
from nightdesk.model.errors import OperatingError
from nightdesk.model.ids import VenueId, venue_of
from nightdesk.model.instrument import Instrument
from nightdesk.model.order import OrderReport
from nightdesk.model.time import SECOND_NS, Mono, Wall
from nightdesk.node.refused import NotListed
from nightdesk.ports.clock import Clock
from nightdesk.runtime.questions import open_orders
from nightdesk.runtime.requester import Requester
from nightdesk.runtime.shell import Shell
from nightdesk.runtime.venue_clock import Reading
from nightdesk.venues.http import HttpRequest
from nightdesk.venues.protocol import (
    NoAnswer,
    TellsTime,
    Unlisted,
    VenueCodec,
)

CLOCK_AGAIN_S = 1.0  # after an answer that did not come
CLOCK_UNANSWERED_MAX = 2  # what is older says little of the venue's clock now
# Questions in a row while the round trips are long: where nothing is known, and where it is only to be renewed.
CLOCK_FIRST_MAX, CLOCK_AGAIN_MAX = 8, 3
CLOCK_ROUND_NS = (
    2 * SECOND_NS
)  # after which no other question begins: nobody may wait for a slow venue long


class VenueDown(OperatingError):
    """The venue could not be reached at start; says what was tried."""


async def measure_clock(asked: TellsTime, requester: Requester) -> bool:
    """Read the clock of who is asked, again only while it is not known well; whether it was told, and nothing
    has put that in doubt since."""
    clock, began = requester.clock, requester.mono()
    told = False
    for _ in range(CLOCK_FIRST_MAX if clock.error_ns() is None else CLOCK_AGAIN_MAX):
        reading = await _read_clock(asked, requester)
        if reading is not None and clock.take(reading):
            told = True
        if not told or clock.fine() or requester.mono() - began > CLOCK_ROUND_NS:
            break
    return told and clock.error_ns() is not None


async def _read_clock(asked: TellsTime, requester: Requester) -> Reading | None:
    """One question, or None where it was not answered. Time spent on a connection is no round trip."""
    at = Mono(0)

    def build(_: Wall) -> HttpRequest:
        nonlocal at
        at = requester.mono()
        return asked.time()

    told = asked.told_time(await requester.request(build))
    if isinstance(told, NoAnswer):
        return None
    return Reading(asked=at, heard=requester.mono(), told=told)


class VenueLink:
    """Questions to one venue."""

    def __init__(
        self,
        *,
        venue: VenueId,
        codec: VenueCodec,
        requester: Requester,
        clock: Clock,
    ) -> None:
        self.venue = venue
        self.codec = codec
        self._requester = requester
        self._clock = clock
        self._asking = False
        self.unanswered: Callable[[NoAnswer], None] = lambda _: None  # before anybody hears

    async def measure_clock(self) -> bool:
        """Read the venue's clock."""
        return await measure_clock(self.codec, self._requester)

    async def keep_clock(
        self,
        measured: Callable[[], None],
        untold: Callable[[str], None],
        every_s: float,
    ) -> None:
        """Measure for ever; `untold` once the venue has not told its time for long."""
        unanswered = 0
        while True:
            await asyncio.sleep(CLOCK_AGAIN_S if unanswered else every_s)
            if await self.measure_clock():
                unanswered = 0
                measured()
                continue
            unanswered += 1
            if unanswered == CLOCK_UNANSWERED_MAX:
                untold(f"the venue did not tell its time {unanswered} times")

    async def rules(self, symbols: list[str]) -> dict[str, Instrument]:
        """The instruments as the venue filters them; raises `VenueDown` or `NotListed`."""
        answer = await self._ruled(symbols)
        if isinstance(answer, Unlisted):
            missing = [symbol for symbol in symbols if not await self._lists(symbol)]
            raise NotListed(missing or symbols)
        missing = [symbol for symbol in symbols if symbol not in answer]
        if missing:
            raise NotListed(missing)
        return dict(answer)

    async def _ruled(self, symbols: list[str]) -> Mapping[str, Instrument] | Unlisted:
        result = await self._requester.request(lambda _: self.codec.rules(symbols))
        answer = self.codec.ruled(result)
        self._requester.budget.narrow(self.codec.limited(result))
        if isinstance(answer, NoAnswer):
            raise VenueDown(f"the venue's rules: {answer.outcome.text}")
        return answer

    async def _lists(self, symbol: str) -> bool:
        """Whether the venue has this one: of several it only says that one is wrong."""
        answer = await self._ruled([symbol])
        return not isinstance(answer, Unlisted) and symbol in answer

    async def ask_account(self, shell: Shell, tell: Callable[[Event], None]) -> None:
        """Balances and open orders; `quiet` when nothing moved between the two answers."""
        if self._asking:
            return
        self._asking = True
        try:
            before = self._stirring(shell)
            asked_at = self._requester.desk_now()
            orders = await self._open_orders(shell)
            held = self.codec.held(await self._requester.request(self.codec.account))
            if isinstance(held, NoAnswer):
                self.unanswered(held)
            if orders is None or isinstance(held, NoAnswer):
                shell.telemetry.count("account.no_answer")
                return
            after = self._stirring(shell)
            quiet = before == after and not shell.routes[self.venue].gateway.in_flight
            told = AccountTold(
                venue=self.venue,
                balances=held.booked(),
                open_orders=orders,
                asked_at=asked_at,
                quiet=quiet,
            )
        finally:
            self._asking = False
        tell(told)

    async def _open_orders(self, shell: Shell) -> list[OrderReport] | None:
        """What is open in every traded instrument; None when one question was not answered."""
        found: list[OrderReport] = []
        for instrument in shell.desk.settings.instruments:
            if venue_of(instrument) != self.venue:
                continue
            opened = await open_orders(self.codec, self._requester, instrument)
            if isinstance(opened, NoAnswer):
                self.unanswered(opened)
                return None
            found += opened
        return found

    async def ask_price(
        self, instrument: Instrument, shell: Shell, tell: Callable[[Event], None]
    ) -> None:
        """A quote by request, for the way out when the feed is dead."""
        result = await self._requester.request(lambda _: self.codec.price(instrument))
        quote = self.codec.priced(instrument, result, self._clock.mono())
        if isinstance(quote, NoAnswer):
            self.unanswered(quote)
            shell.telemetry.count("price.no_answer")
        else:
            tell(QuoteSeen(quote=quote))

    def _stirring(self, shell: Shell) -> tuple[int, ...]:
        """What changes when something moves at this venue."""
        gateway, positions = shell.routes[self.venue].gateway, shell.desk.state.positions
        trades = sum(p.trades for (_, of), p in positions.items() if venue_of(of) == self.venue)
        return (gateway.sent, trades, gateway.in_flight)
