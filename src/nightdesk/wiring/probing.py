"""One venue looked at from this machine, without a desk: its addresses, clock and limits, an account's fees.

What is found is a row for each check; a check that fails says so in its row and ends no other.
"""

import asyncio
from collections.abc import Iterable, Sequence
from enum import StrEnum, auto

import msgspec

from nightdesk.adapters.http import HttpPool
from nightdesk.adapters.streams import PicowsStreams
from nightdesk.adapters.system import SystemClock
from nightdesk.config.presets import Addresses
from nightdesk.model.errors import BadInput
from nightdesk.model.instrument import Instrument
from nightdesk.model.time import MS_NS, Mono, Wall
from nightdesk.ports.venue import ConnectFailed, Send
from nightdesk.runtime.requester import Requester
from nightdesk.runtime.venue_clock import Reading
from nightdesk.venues.http import HttpRequest
from nightdesk.venues.protocol import (
    FactsCodec,
    NoAnswer,
    RateLimit,
    TellsTime,
    Unlisted,
    VenueCodec,
)

QUESTIONS = 5  # for the time: the quickest of them tells the round trip and the clock
SKEW_MAX_NS = 500 * MS_NS  # a quarter of the time that an order is given
FRAME_WITHIN_S = 5.0  # a quiet market may tell nothing for longer
_PER_CENT = 100


class Result(StrEnum):
    """How a check ended."""

    OK = auto()
    FAILED = auto()
    SKIPPED = auto()


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One check; `what` says what was found, or what to do."""

    check: str
    result: Result
    what: str


class Venue(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked at; `keyed` is whether there is an account to ask about, `place` where its addresses are
    written down."""

    codec: VenueCodec
    facts: FactsCodec
    addresses: Addresses
    alternates: Sequence[str]
    symbol: str
    keyed: bool
    place: str


class Answers:
    """One REST address, reached: its requester, and the quickest of the questions for its time."""

    def __init__(self, address: str, clock: SystemClock) -> None:
        self._http = HttpPool(address)
        self.requester = Requester(self._http, clock)
        self.round_trip_ns = 0

    async def ask_time(self, asked: TellsTime) -> str:
        """Ask for its time several times; why that was not told, or nothing."""
        if why := await self.requester.hold():
            return why
        quickest: int | None = None
        for _ in range(QUESTIONS):
            at = self.requester.mono()
            told = asked.told_time(await self.requester.request(lambda _: asked.time()))
            heard = self.requester.mono()
            if isinstance(told, NoAnswer):
                return f"it does not tell its time: {told.outcome.text}"
            self.requester.clock.take(Reading(asked=at, heard=heard, told=told))
            quickest = heard - at if quickest is None else min(quickest, heard - at)
        self.round_trip_ns = quickest or 0
        if self.requester.clock.error_ns() is None:
            return f"no answer within a second: {self.round_trip_ns / MS_NS:.0f} ms at best"
        self.requester.clock.correct()
        return ""

    def close(self) -> None:
        """Drop its connections."""
        self._http.close()


async def probe(venue: Venue, *, fees: bool) -> list[Row]:
    """Every check but the key's, in the order in which a person would make them."""
    clock = SystemClock()
    first = Answers(venue.addresses.rest, clock)
    others = [(address, Answers(address, clock)) for address in venue.alternates]
    try:
        async with asyncio.TaskGroup() as group:
            asked = [
                group.create_task(_reached("rest", venue.addresses.rest, first, venue)),
                *(group.create_task(_reached("alternate", a, o, venue)) for a, o in others),
            ]
        rows = [each.result() for each in asked]
        if rows[0].result is not Result.OK:
            return [*rows, *_skipped("the first address does not answer", fees=fees)]
        rows.append(_clock(first.requester))
        instrument = await _instrument(first.requester, venue)
        rows.append(await _market(instrument, venue, clock))
        rows.append(await _private(venue, clock))
        rows.append(await _limits(first.requester, venue))
        if fees:
            rows.append(await _fees(first.requester, venue))
        return rows
    finally:
        for each in (first, *(other for _, other in others)):
            each.close()


def _skipped(why: str, *, fees: bool) -> Iterable[Row]:
    names = ("clock", "market stream", "private stream", "limits", *(("fees",) if fees else ()))
    return (Row(check=name, result=Result.SKIPPED, what=why) for name in names)


async def _reached(check: str, address: str, answers: Answers, venue: Venue) -> Row:
    if why := await answers.ask_time(venue.codec):
        what = f"{address} does not answer: {why}; look at the network and at {venue.place}"
        return Row(check=check, result=Result.FAILED, what=what)
    took = f"{answers.round_trip_ns / MS_NS:.1f} ms"
    what = f"{address} answers; the quickest of {QUESTIONS} round trips took {took}"
    return Row(check=check, result=Result.OK, what=what)


def _clock(requester: Requester) -> Row:
    offset_ns, error_ns = requester.clock.offset_ns, requester.clock.error_ns() or 0
    told = f"{offset_ns / MS_NS:+.1f} ms off this machine's, give or take {error_ns / MS_NS:.1f} ms"
    if abs(offset_ns) - error_ns > SKEW_MAX_NS:
        what = f"the venue's clock is {told}; have this machine's set by NTP"
        return Row(check="clock", result=Result.FAILED, what=what)
    return Row(check="clock", result=Result.OK, what=f"the venue's clock is {told}")


async def _instrument(requester: Requester, venue: Venue) -> Instrument | str:
    """A market to listen to, or why there is none."""
    asked = await requester.request(lambda _: venue.codec.rules([venue.symbol]))
    try:
        rules = venue.codec.ruled(asked)
    except BadInput as error:
        return str(error)
    if isinstance(rules, NoAnswer):
        return f"the venue does not tell its rules: {rules.outcome.text}"
    found = None if isinstance(rules, Unlisted) else rules.get(venue.symbol)
    return found or f"the venue does not list {venue.symbol}; name another with --symbol"


async def _market(instrument: Instrument | str, venue: Venue, clock: SystemClock) -> Row:
    if isinstance(instrument, str):
        return Row(check="market stream", result=Result.SKIPPED, what=instrument)
    path = venue.codec.market_paths([instrument])[0]
    return await _stream("market stream", venue.addresses.stream, path, clock, frames=True)


async def _private(venue: Venue, clock: SystemClock) -> Row:
    """Whether its connection opens; nobody subscribes, so that no key is shown."""
    check, addresses = "private stream", venue.addresses
    if venue.codec.private_key() is None:
        path = venue.codec.private_path("")
        return await _stream(check, addresses.private, path, clock, frames=False)
    if addresses.private == addresses.stream:
        what = "its address is the market stream's; it opens by a key that a desk asks for"
    else:
        what = f"{addresses.private} opens by a key that a desk asks for"
    return Row(check=check, result=Result.SKIPPED, what=what)


async def _stream(check: str, address: str, path: str, clock: SystemClock, *, frames: bool) -> Row:
    began, opened, first = clock.mono(), Mono(0), Mono(0)
    loop = asyncio.get_running_loop()

    def there(_: Send) -> None:
        nonlocal opened
        opened = clock.mono()
        if not frames:
            life.reschedule(loop.time())

    def frame(_: bytes, received: Mono) -> None:
        nonlocal first
        first = received
        life.reschedule(loop.time())

    why = f"no frame within {FRAME_WITHIN_S:.0f} s"
    try:
        async with asyncio.timeout(FRAME_WITHIN_S) as life:
            why = await PicowsStreams([address], clock).run(path, there, frame)
    except TimeoutError:
        pass  # everything was seen, or nothing came
    except ConnectFailed as error:
        return Row(check=check, result=Result.FAILED, what=f"{error}; look at the network")
    if not opened:
        return Row(check=check, result=Result.FAILED, what=f"{address}: {why}")
    what = f"{address} opens in {(opened - began) / MS_NS:.0f} ms"
    if first:
        what += f", and tells the market after {(first - opened) / MS_NS:.0f} ms"
    elif frames:
        what += f"; {why}, which a quiet market may do"
    return Row(check=check, result=Result.OK, what=what)


async def _limits(requester: Requester, venue: Venue) -> Row:
    asked = await requester.request(lambda _: venue.facts.rate_limits(venue.symbol))
    told = venue.facts.told_rate_limits(asked)
    if isinstance(told, NoAnswer):
        what = f"the venue does not tell its limits: {told.outcome.text}"
        return Row(check="limits", result=Result.FAILED, what=what)
    worded = "; ".join(map(_worded, told))
    if venue.codec.limited(asked) != venue.codec.limits:
        worded += "; less than its documents say, and a desk keeps to it"
    return Row(check="limits", result=Result.OK, what=worded)


def _worded(limit: RateLimit) -> str:
    length = {1: "second", 60: "minute", 3_600: "hour", 86_400: "day"}
    window = length.get(limit.length_s, f"{limit.length_s} s")
    return f"{limit.most:,} {limit.unit.replace('_', ' ')} a {window}"


async def _fees(requester: Requester, venue: Venue) -> Row:
    if not venue.keyed:
        what = "an account's fees need its key: nightdesk doctor --config FILE --venue NAME --fees"
        return Row(check="fees", result=Result.SKIPPED, what=what)

    def ask(now: Wall) -> HttpRequest:
        return venue.facts.fees(venue.symbol, now)

    told = venue.facts.told_fees(await requester.request(ask))
    if isinstance(told, NoAnswer):
        what = f"the venue does not tell the account's fees: {told.outcome.text}"
        return Row(check="fees", result=Result.FAILED, what=what)
    maker, taker = told.maker * _PER_CENT, told.taker * _PER_CENT
    what = f"{venue.symbol}: {maker.normalize():f} % maker, {taker.normalize():f} % taker"
    return Row(check="fees", result=Result.OK, what=what)
