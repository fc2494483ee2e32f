"""Binance's candles as bars: `<symbol>@kline_<interval>` and GET klines, the same on spot and USD-M.

Sources: web-socket-streams.md and rest-api.md, "Kline/Candlestick", read 2026-11-21.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec

from nightdesk.model.bars import INTERVALS_NS, Bar, BarsOf
from nightdesk.model.ids import InstrumentId
from nightdesk.model.instrument import Instrument
from nightdesk.model.time import MS_NS, Mono, Wall
from nightdesk.resilience.budget import Cost
from nightdesk.venues import binance_wire as wire
from nightdesk.venues.http import HttpRequest

_KLINE = msgspec.json.Decoder(wire.KlineFrame)


def request(api: str, symbol: str, of: BarsOf, until: Wall, count: int, cost: Cost) -> HttpRequest:
    """Ask for the last `count` that opened at or before `until`."""
    query = f"symbol={symbol}&interval={of.interval}&endTime={until // MS_NS}&limit={count}"
    return HttpRequest(method="GET", target=f"{api}/klines?{query}", cost=cost)


def stream_names(instruments: Sequence[Instrument], bars: Collection[BarsOf]) -> list[str]:
    """The streams of the bars that are wanted of these instruments."""
    symbols = {i.id: i.symbol.lower() for i in instruments}
    return [f"{symbols[of.instrument]}@kline_{of.interval}" for of in bars]


def from_frame(
    data: msgspec.Raw, symbols: Mapping[str, InstrumentId], received: Mono
) -> Bar | None:
    """A bar that has ended; the one being made is nobody's business."""
    frame = _KLINE.decode(data)
    k, instrument = frame.k, symbols[frame.s]
    if not k.x:
        return None
    if k.i not in INTERVALS_NS:
        raise msgspec.ValidationError(f"a bar of {k.i}, which nobody asked for")
    return Bar(
        instrument=instrument,
        interval=k.i,
        opened=_opened(k.t, k.i),
        open=wire.amount(k.o),
        high=wire.amount(k.h),
        low=wire.amount(k.l),
        close=wire.amount(k.c),
        volume=wire.amount(k.v),
        quote_volume=wire.amount(k.q),
        trades=k.n,
        received=received,
    )


def reader(of: BarsOf, received: Mono) -> Callable[[list[wire.KlineRow]], list[Bar]]:
    """What makes bars of an answer's rows; the newest may not have ended."""

    def read(rows: list[wire.KlineRow]) -> list[Bar]:
        return [_bar(row, of, received) for row in rows]

    return read


def _bar(row: wire.KlineRow, of: BarsOf, received: Mono) -> Bar:
    return Bar(
        instrument=of.instrument,
        interval=of.interval,
        opened=_opened(row.open_ms, of.interval),
        open=wire.amount(row.open),
        high=wire.amount(row.high),
        low=wire.amount(row.low),
        close=wire.amount(row.close),
        volume=wire.amount(row.volume),
        quote_volume=wire.amount(row.quote_volume),
        trades=row.trades,
        received=received,
    )


def _opened(ms: int, interval: str) -> Wall:
    """When a bar began; one beside its interval's grid would tear the row of bars apart."""
    opened = Wall(ms * MS_NS)
    if opened % INTERVALS_NS[interval]:
        raise msgspec.ValidationError(f"a bar of {interval} that began at {ms}")
    return opened
