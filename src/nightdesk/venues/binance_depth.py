"""Binance's order books, told whole: `<symbol>@depth<levels>@100ms`, on spot and USD-M.

Diffs are not read: who puts them together wrong is wrong for as long as the connection lasts.
Sources: web-socket-streams.md, "Partial Book Depth Streams", and the USD-M page of that name (its root is
/public), read 2026-11-22. Neither says whether a book that did not change is told again.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

import msgspec

from nightdesk.model.ids import InstrumentId
from nightdesk.model.instrument import Instrument
from nightdesk.model.market import Book, DepthOf, Level
from nightdesk.model.time import MS_NS, Mono, Wall
from nightdesk.venues import binance_usdm_wire as usdm
from nightdesk.venues import binance_wire as wire

_SPOT = msgspec.json.Decoder(wire.PartialBook)
_USDM = msgspec.json.Decoder(usdm.ContractBook)


def stream_names(instruments: Sequence[Instrument], depth: Collection[DepthOf]) -> list[str]:
    """The streams of the books that are wanted of these instruments."""
    symbols = {i.id: i.symbol.lower() for i in instruments}
    return [f"{symbols[of.instrument]}@depth{of.levels}@100ms" for of in depth]


def of_spot(
    envelope: wire.Envelope, symbols: Mapping[str, InstrumentId], received: Mono
) -> Book | None:
    """A spot book, whose symbol only its stream names; None where the stream is no whole book's."""
    symbol, _, kind = envelope.stream.partition("@")
    if not _whole(kind):
        return None
    frame = _SPOT.decode(envelope.data)
    return Book(
        instrument=symbols[symbol.upper()],
        bids=_checked(frame.bids, rising=False),
        asks=_checked(frame.asks, rising=True),
        update_id=frame.last_update_id,
        received=received,
    )


def of_usdm(
    envelope: wire.Envelope, symbols: Mapping[str, InstrumentId], received: Mono
) -> Book | None:
    """A book of contracts; None where the stream is no whole book's: changes look alike."""
    if not _whole(envelope.stream.partition("@")[2]):
        return None
    frame = _USDM.decode(envelope.data)
    return Book(
        instrument=symbols[frame.s],
        bids=_checked(frame.b, rising=False),
        asks=_checked(frame.a, rising=True),
        update_id=frame.u,
        received=received,
        venue_time=Wall(frame.T * MS_NS),
    )


def _whole(kind: str) -> bool:
    return kind.startswith("depth") and kind[5:6].isdecimal()  # of changes: "depth", "depth@100ms"


def _checked(levels: tuple[Level, ...], *, rising: bool) -> tuple[Level, ...]:
    """One side, as the venue spelled it; raises `msgspec.ValidationError` unless it is one, best first."""
    for price, qty in levels:
        if not (price.is_finite() and qty.is_finite() and price > 0 and qty > 0):
            raise msgspec.ValidationError(f"{qty} at {price} is no level of a book")
    for (better, _), (worse, _) in pairwise(levels):
        if better == worse or (better < worse) is not rising:
            raise msgspec.ValidationError(f"{better} stands before {worse}")
    return levels
