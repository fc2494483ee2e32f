"""The node's side of one venue: its streams kept open, its clock measured, its account asked."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from nightdesk.desk.events import (
    AccountTold,
    Event,
    ForcedTold,
    Health,
    OrderTold,
    QuoteSeen,
    TermsSeen,
    WalletsMoved,
)
from nightdesk.model.errors import NightdeskError, OperatingError, ProtocolViolation, StreamOver
from nightdesk.model.ids import VenueId, venue_of
from nightdesk.model.instrument import Instrument
from nightdesk.model.mode import Mode
from nightdesk.model.order import OrderReport
from nightdesk.model.time import SECOND_NS, Mono, Wall
from nightdesk.node.refused import NotListed
from nightdesk.ports.clock import Clock
from nightdesk.ports.venue import ConnectFailed, Send, Streams
from nightdesk.runtime.questions import open_orders
from nightdesk.runtime.requester import Requester
from nightdesk.runtime.shell import Shell
from nightdesk.runtime.venue_clock import Reading
from nightdesk.strategy.api import Draw
from nightdesk.venues.http import HttpRequest
from nightdesk.venues.protocol import (
    ContractCodec,
    NoAnswer,
    TellsTime,
    Unlisted,
    UserUpdate,
    VenueCodec,
)

CLOCK_AGAIN_S = 1.0  # after an answer that did not come
CLOCK_UNANSWERED_MAX = 2  # what is older says little of the venue's clock now
# Questions in a row while the round trips are long: where nothing is known, and where it is only to be renewed.
CLOCK_FIRST_MAX, CLOCK_AGAIN_MAX = 8, 3
CLOCK_ROUND_NS = (
    2 * SECOND_NS
)  # after which no other question begins: nobody may wait for a slow venue long
KEY_EVERY_S = 30 * 60.0  # half of the time that a key is valid for
BACKOFF_FIRST_S, BACKOFF_MAX_S = 0.2, 5.0
STEADY_NS = 10 * SECOND_NS  # a connection that lived this long starts its back-off anew


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
    """Streams and questions of one venue."""

    def __init__(
        self,
        *,
        venue: VenueId,
        codec: VenueCodec,
        market: Streams,
        private: Streams,
        requester: Requester,
        clock: Clock,
        draw: Draw,
    ) -> None:
        self.venue = venue
        self.codec = codec
        self._contracts = codec if isinstance(codec, ContractCodec) else None
        self.subscribed = False
        self._market = market
        self._private = private
        self._requester = requester
        self._clock = clock
        self._draw = draw
        self._asking = False
        self._key = ""  # of the private stream, where it is read by one
        self.unanswered: Callable[[NoAnswer], None] = lambda _: None  # before anybody hears
        self._private_life: asyncio.Timeout

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
        answer = self.codec.ruled(
            await self._requester.request(lambda _: self.codec.rules(symbols))
        )
        if isinstance(answer, NoAnswer):
            raise VenueDown(f"the venue's rules: {answer.outcome.text}")
        return answer

    async def _lists(self, symbol: str) -> bool:
        """Whether the venue has this one: of several it only says that one is wrong."""
        answer = await self._ruled([symbol])
        return not isinstance(answer, Unlisted) and symbol in answer

    async def feed(self, path: str, shell: Shell) -> None:
        """One market stream, for ever."""
        stages, counters = shell.telemetry.stages, shell.telemetry.counters
        decode = stages["decode"]

        def frame(data: bytes, received: Mono) -> None:
            try:
                event = self.codec.market(data, received)
            except ProtocolViolation as error:
                counters["market.quarantined"] = counters.get("market.quarantined", 0) + 1
                self._quarantined(shell, "market", error)
                return
            if event is not None:
                decode.record(self._clock.mono() - received)
                shell.market(event)

        async def there() -> str:
            return path

        await self._for_ever(self._market, there, lambda _: None, frame, shell, "market")

    async def follow_orders(self, shell: Shell, tell: Callable[[Event], None]) -> None:
        """The private stream, for ever. A gap is filled by asking, never by hoping."""

        def subscribed() -> None:
            self.subscribed = True
            self._ask_after_gap(shell, tell)

        def opened(send: Send) -> None:
            hello = self.codec.private_hello(self._requester.venue_now())
            if hello:
                send(hello)
            else:
                subscribed()

        def frame(data: bytes, _: Mono) -> None:
            try:
                update = self.codec.private(data)
            except ProtocolViolation as error:
                self._quarantined(shell, "private", error)
                return
            if update.note == "subscribed":
                subscribed()
            if update.report is not None or update.execution is not None:
                tell(OrderTold(report=update.report, execution=update.execution))
            self._told_beyond_orders(update, shell, tell)
            if update.foreign:
                shell.telemetry.count("private.foreign")

        await self._for_ever(self._private, self._private_path, opened, frame, shell, "private")

    def _told_beyond_orders(
        self, update: UserUpdate, shell: Shell, tell: Callable[[Event], None]
    ) -> None:
        """What an account of contracts tells; what a trade moved is told by the trade."""
        if update.warning:
            shell.say("warning", "venue.warning", why=update.warning)
        if self._contracts is None:
            return
        venue = self._contracts.venue
        if update.forced is not None:
            tell(ForcedTold(fills=[update.forced]))
        if update.moved is not None and update.moved.kind is not None:
            tell(WalletsMoved(venue=venue, moved=update.moved))
        if update.terms is not None:
            tell(TermsSeen(venue=venue, terms=update.terms))

    async def _private_path(self) -> str:
        """Where the private stream is read, by a fresh key where it needs one; raises `ConnectFailed`."""
        ask = self.codec.private_key()
        if ask is None:
            return self.codec.private_path("")
        key = self.codec.keyed(await self._requester.request(partial(_signed_already, ask)))
        if isinstance(key, NoAnswer):
            self.unanswered(key)
            raise ConnectFailed(f"no key to the private stream: {key.outcome.text}")
        self._key = key
        return self.codec.private_path(key)

    async def keep_key(self) -> None:
        """Prolong the private stream's key, for ever; where another one is told, the stream is opened anew."""
        while True:
            await asyncio.sleep(KEY_EVERY_S)
            ask = self.codec.private_key()
            if ask is None or not self._key:
                continue
            key = self.codec.keyed(await self._requester.request(partial(_signed_already, ask)))
            if isinstance(key, NoAnswer):
                self.unanswered(key)
            elif key != self._key:
                self._private_life.reschedule(asyncio.get_running_loop().time())

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

    def _ask_after_gap(self, shell: Shell, tell: Callable[[Event], None]) -> None:
        """Everything that may have happened while nobody listened."""
        for order in shell.desk.state.orders.live.values():
            if venue_of(order.intent.instrument) == self.venue:
                shell.routes[self.venue].questions.ask_order(order.intent)
        shell.ask_account(self.venue)
        shell.ask_terms(self.venue)
        scope = shell.desk.settings.scope_of(self.venue)
        tell(Health(scope=scope, cause="private", mode=Mode.NORMAL, why="subscribed"))

    def _stirring(self, shell: Shell) -> tuple[int, ...]:
        """What changes when something moves at this venue."""
        gateway, positions = shell.routes[self.venue].gateway, shell.desk.state.positions
        trades = sum(p.trades for (_, of), p in positions.items() if venue_of(of) == self.venue)
        return (gateway.sent, trades, gateway.in_flight)

    async def _for_ever(
        self,
        streams: Streams,
        path: Callable[[], Awaitable[str]],
        opened: Callable[[Send], None],
        frame: Callable[[bytes, Mono], None],
        shell: Shell,
        name: str,
    ) -> None:
        failures = 0
        while True:
            started = self._clock.mono()
            try:
                where = await path()
                async with asyncio.timeout(None) as life:
                    if name == "private":
                        self._private_life = life
                    why = await streams.run(where, opened, frame)
            except (ConnectFailed, StreamOver) as error:
                why = str(error)
            except TimeoutError:
                why = "the private stream's key was lost"
            if name == "private":
                self.subscribed = False
                scope = shell.desk.settings.scope_of(self.venue)
                shell.handle(Health(scope=scope, cause="private", mode=Mode.REDUCE_ONLY, why=why))
            shell.telemetry.count(f"{name}.reconnects")
            failures = 0 if self._clock.mono() - started > STEADY_NS else failures + 1
            wait = min(BACKOFF_FIRST_S * 2 ** min(failures, 10), BACKOFF_MAX_S)
            await asyncio.sleep(wait * self._draw.uniform(0.5, 1.0))

    def _quarantined(self, shell: Shell, stream: str, error: NightdeskError) -> None:
        shell.telemetry.count(f"{stream}.poison")
        seen = shell.telemetry.counters[f"{stream}.poison"]
        if seen <= 10 or seen % 1000 == 0:
            shell.say("warning", f"{stream}.frame_quarantined", why=str(error), seen=str(seen))


def _signed_already(request: HttpRequest, _: Wall) -> HttpRequest:
    """What needs no signature is the same whenever it leaves."""
    return request
