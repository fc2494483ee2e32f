"""The line to a venue's public side: its rules once, its streams for ever.

Owns the connections and when they are made again. Refuses to judge frames: `live` reads them. Nothing here has
a key, and nothing is ever sent but the request for public data.
"""

import asyncio
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.error import HTTPError
from urllib.request import urlopen

import aiohttp
import msgspec

from nightdesk.lab.listing import Listed, symbol_of
from nightdesk.lab.live import LiveMarket
from nightdesk.lab.settings import SymbolSettings
from nightdesk.lab.usdm.listing import ListedPerp, perp_of
from nightdesk.lab.usdm.settings import PerpSettings

CONNECT_WITHIN_S = 10.0
PING_EVERY_S = (
    5.0  # a line that is dead and does not say so is found within one and a half of these
)
AGAIN_FIRST_S, AGAIN_MAX_S = 0.2, 5.0
FRAME_MAX_BYTES = 1 << 20
_INVALID_SYMBOL = -1121

Clock = Callable[[], int]
_Told = TypeVar("_Told")


class NotListed(ValueError):
    """The venue does not know a symbol."""


class VenueAway(Exception):
    """The venue whose market a lab should have does not answer; says what was asked."""


class _Refusal(msgspec.Struct):
    code: int = 0
    msg: str = ""


class _Info(msgspec.Struct):
    symbols: list[Listed]


class _PerpInfo(msgspec.Struct):
    symbols: list[ListedPerp]


def rules_of(rest: str, symbol: str) -> SymbolSettings:
    """A symbol as the venue at `rest` lists it. Raises `NotListed`, `OSError`, `ValueError`.

    Source: rest-api.md "Exchange information": an unknown symbol is -1121, read 2026-11-22.
    """
    for each in _info(rest, f"/api/v3/exchangeInfo?symbol={symbol}", _Info).symbols:
        if each.symbol == symbol:
            return symbol_of(each)
    raise NotListed(symbol)


def _info(rest: str, path: str, kind: type[_Told]) -> _Told:
    try:
        with urlopen(rest + path, timeout=CONNECT_WITHIN_S) as got:
            body = got.read()
    except HTTPError as e:
        refusal = _refusal(e.read())
        if refusal.code == _INVALID_SYMBOL:
            raise NotListed(path) from e
        raise OSError(f"HTTP {e.code} {refusal.msg}".rstrip()) from e
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as e:
        raise ValueError(f"exchange information that cannot be read: {e}") from e


def _refusal(body: bytes) -> _Refusal:
    try:
        return msgspec.json.decode(body, type=_Refusal)
    except msgspec.DecodeError:
        return _Refusal()


def listing(rest: str, symbols: Sequence[str], problems: list[str]) -> tuple[SymbolSettings, ...]:
    """The rules of every symbol; what is wrong with them goes to `problems`. Raises `VenueAway`."""
    found: list[SymbolSettings] = []
    for symbol in symbols:
        try:
            found.append(rules_of(rest, symbol))
        except NotListed:
            problems.append(_not_listed(rest, symbol))
        except OSError as e:
            raise _away(rest, f"the rules of {symbol}", e) from e
        except ValueError as e:
            problems.append(f"{rest}: {symbol}: {e}")
    return tuple(found)


def perp_listing(
    rest: str, symbols: Sequence[str], problems: list[str]
) -> tuple[PerpSettings, ...]:
    """The same of contracts, whose venue tells all of them at once, whatever is asked."""
    try:
        told = _info(rest, "/fapi/v1/exchangeInfo", _PerpInfo).symbols
    except OSError as e:
        raise _away(rest, f"the rules of {', '.join(symbols)}", e) from e
    except ValueError as e:
        problems.append(f"{rest}: {e}")
        return ()
    listed, found = {each.symbol: each for each in told}, []
    for symbol in symbols:
        if symbol not in listed:
            problems.append(_not_listed(rest, symbol))
            continue
        try:
            found.append(perp_of(listed[symbol]))
        except ValueError as e:
            problems.append(f"{rest}: {symbol}: {e}")
    return tuple(found)


def _not_listed(rest: str, symbol: str) -> str:
    return f"{rest} does not list {symbol}; change it, or leave it out"


def _away(rest: str, what: str, error: OSError) -> VenueAway:
    return VenueAway(f"{rest} does not tell {what}: {getattr(error, 'reason', error)}")


async def follow(
    markets: Sequence[tuple[LiveMarket, str]], clock: Clock, wake: Callable[[], None]
) -> None:
    """Tell each market what the streams below its address say, for ever; `wake` after each thing told."""
    async with asyncio.TaskGroup() as group:
        for market, stream in markets:
            for path in market.paths:
                group.create_task(_follow(market, path, stream.rstrip("/") + path, clock, wake))


async def _follow(
    market: LiveMarket, path: str, url: str, clock: Clock, wake: Callable[[], None]
) -> None:
    failures = 0
    async with aiohttp.ClientSession() as session:
        while True:
            why = "closed by the venue"
            try:
                async with asyncio.timeout(CONNECT_WITHIN_S):
                    socket = await session.ws_connect(
                        url, heartbeat=PING_EVERY_S, max_msg_size=FRAME_MAX_BYTES
                    )
                market.opened(path)
                _say(f"the market is {url}")
                async with socket:
                    async for message in socket:
                        if message.type is aiohttp.WSMsgType.TEXT:
                            market.frame(message.data.encode(), clock())
                            failures = 0
                            wake()
                    why = str(socket.exception() or why)
            except (aiohttp.ClientError, OSError, TimeoutError) as e:
                why = str(e) or type(e).__name__
            market.lost(path, clock())
            wake()
            wait_s = min(AGAIN_FIRST_S * 2**failures, AGAIN_MAX_S)
            failures = min(failures + 1, 10)
            _say(f"no market: {url}: {why}; trying again in {wait_s:.1f} s")
            await asyncio.sleep(wait_s)


def _say(text: str) -> None:
    sys.stderr.write(f"lab: {text}\n")
    sys.stderr.flush()
