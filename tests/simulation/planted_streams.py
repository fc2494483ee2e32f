"""Mistakes in how streams are kept and read."""

from typing import Any

from nightdesk.node.market_stream import MarketStream
from nightdesk.runtime.liveness import Liveness
from nightdesk.runtime.trades import TradeFeed
from simulation.planting import Patch, Plant


def a_stream_is_alive_by_its_pings(patch: Patch) -> None:
    patch.setattr(Liveness, "doubted", lambda *_: [])


def a_gap_in_a_stream_is_not_filled(patch: Patch) -> None:
    patch.setattr(TradeFeed, "_begin", lambda *_, **__: None)


def one_poison_frame_kills_the_reader(patch: Patch) -> None:
    def deaf(self: MarketStream, *_: Any) -> None:
        self.tell = lambda *_: None  # type: ignore[method-assign]

    patch.setattr(MarketStream, "poisoned", deaf)


PLANTS_OF_STREAMS: tuple[Plant, ...] = (
    a_stream_is_alive_by_its_pings,
    a_gap_in_a_stream_is_not_filled,
    one_poison_frame_kills_the_reader,
)
