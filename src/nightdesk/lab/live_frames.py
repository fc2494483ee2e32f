"""Frames of venues' public streams, as a live market needs them: which to subscribe, and what one says.

Sources, read 2026-11-22: binance-spot-api-docs, web-socket-streams.md; of USD-M futures "Important WebSocket
Change Notice" (books below /public, the rest below /market), "Aggregate Trade Streams" and "Mark Price Stream".
"""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

import msgspec

from nightdesk.lab.market import ToldMark
from nightdesk.lab.settings import MS_NS
from nightdesk.recordings import binance_raw
from nightdesk.recordings.binance_raw import BookTickerBody, TradeBody
from nightdesk.recordings.rows import SANE_MAX

Roots = Mapping[str, Sequence[str]]  # where a venue's streams are read, and which of them there

SPOT: Roots = {"": ("bookTicker", "trade")}
USDM: Roots = {"/public": ("bookTicker",), "/market": ("aggTrade", "markPrice@1s")}
_RATE_MAX = 1  # of one funding: the venue's own caps are far below


class _Aggregate(msgspec.Struct):
    s: str
    E: int
    T: int
    a: int
    p: Decimal
    q: Decimal
    m: bool


class _MarkPrice(msgspec.Struct):
    s: str
    p: Decimal
    r: Decimal
    T: int


class _Of(msgspec.Struct):
    stream: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")


def paths_of(roots: Roots, symbols: Sequence[str]) -> tuple[str, ...]:
    """One combined stream of every symbol for each root."""
    return tuple(
        f"{root}/stream?streams="
        + "/".join(f"{symbol.lower()}@{kind}" for symbol in symbols for kind in kinds)
        for root, kinds in roots.items()
    )


def body_of(text: bytes, symbols: Collection[str]) -> BookTickerBody | TradeBody | ToldMark:
    """What one frame says of one of `symbols`. Raises `ValueError` for anything else: it was not subscribed."""
    try:
        of = msgspec.json.decode(text, type=_Of)
        body = _body(of, text)
    except (msgspec.DecodeError, ArithmeticError) as e:
        raise ValueError(str(e) or type(e).__name__) from e
    if not isinstance(body, BookTickerBody | TradeBody | ToldMark):
        raise ValueError(f"{type(body).__name__} was not asked for")  # noqa: TRY004 - a frame, not an argument
    if body.symbol not in symbols:
        raise ValueError(f"{body.symbol} was not asked for")
    return body


def _body(of: _Of, text: bytes) -> binance_raw.Body | ToldMark:
    match of.stream.partition("@")[2].partition("@")[0]:
        case "aggTrade":
            return _trade(msgspec.json.decode(of.data, type=_Aggregate))
        case "markPrice":
            return _mark(msgspec.json.decode(of.data, type=_MarkPrice))
        case _:
            return binance_raw.body_of(text)


def _trade(told: _Aggregate) -> TradeBody:
    body = TradeBody(
        symbol=told.s,
        event_ms=told.E,
        trade_ms=told.T,
        trade_id=told.a,
        price=told.p,
        quantity=told.q,
        buyer_is_maker=told.m,
    )
    return binance_raw.checked(body)


def _mark(told: _MarkPrice) -> ToldMark:
    if not (0 < told.p < SANE_MAX and abs(told.r) < _RATE_MAX):
        raise ValueError(f"{told.p} with a funding rate of {told.r} is no mark price")
    return ToldMark(symbol=told.s, mark=told.p, rate=told.r, next_ns=told.T * MS_NS)
