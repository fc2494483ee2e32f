"""The streams of one venue run once, whoever began to listen."""

from types import SimpleNamespace
from typing import Any

from nightdesk.model.ids import VenueId
from nightdesk.node.venue_streams import Listening, VenueStreams
from nightdesk.runtime.telemetry import Telemetry


class Quiet:
    """A venue whose markets nobody here follows, with a private stream in two copies."""

    limits = ()

    def market_paths(self, *_of: object) -> list[str]:
        return []

    def private_key(self) -> None:
        return None


def test_what_was_overheard_without_any_market_is_not_listened_to_twice() -> None:
    async def forever() -> None: ...

    copies = [SimpleNamespace(keep=forever), SimpleNamespace(keep=forever)]
    private = SimpleNamespace(copies=copies, overheard=lambda _ears: None)
    upkeep = SimpleNamespace(watched=True)
    given: dict[str, Any] = {"requester": None, "upkeep": upkeep, "spawn": None}
    streams = VenueStreams(
        VenueId("binance"),
        Quiet(),  # type: ignore[arg-type]
        None,  # type: ignore[arg-type]
        private,  # type: ignore[arg-type]
        telemetry=Telemetry(),
        **given,
    )
    nothing: Any = None
    heard = Listening(instruments=(), bars=(), depth=(), prints=())
    ears: Any = SimpleNamespace(market=None, say=None)
    begun = list(streams.overheard(heard, ears))
    assert [name for _, name in begun] == ["private", "private"]
    assert list(streams.listened(nothing)) == []
    for work, _ in begun:
        work.close()  # type: ignore[attr-defined]
