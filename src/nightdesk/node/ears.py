"""Who hears what the venues' streams tell: the shell of a node that leads, or one that stands by and keeps of
it what a leader begins with."""

import asyncio
from typing import Protocol

from nightdesk.model.ids import InstrumentId
from nightdesk.model.market import MarketEvent, Quote
from nightdesk.node.shadow import Shadow
from nightdesk.ports.process import LogSink
from nightdesk.runtime.telemetry import Telemetry

LOOK_EVERY_S = 1.0


class Ears(Protocol):
    """What a stream needs of whoever hears it."""

    telemetry: Telemetry

    def market(self, event: MarketEvent) -> None: ...
    def say(self, level: str, event: str, **fields: str) -> None: ...


class Overhears:
    """A node that stands by: it decides nothing, has the last quote of each instrument, as old as it is, and
    lets its strategies see the rest."""

    def __init__(self, telemetry: Telemetry, log: LogSink) -> None:
        self.telemetry = telemetry
        self.quotes: dict[InstrumentId, Quote] = {}
        self.shadow: Shadow | None = None  # once the rules of its instruments are known
        self._log = log

    def market(self, event: MarketEvent) -> None:
        """A quote that repeats the one before is no news to a strategy."""
        if isinstance(event, Quote):
            before = self.quotes.get(event.instrument)
            self.quotes[event.instrument] = event
            if before is not None and event.repeats(before):
                return
        if self.shadow is not None:
            self.shadow.market(event)

    async def keep(self) -> None:
        """Until cancelled: bars that are missing are asked for."""
        while True:
            if self.shadow is not None:
                self.shadow.look()
            await asyncio.sleep(LOOK_EVERY_S)

    def say(self, level: str, event: str, **fields: str) -> None:
        """A line of the log."""
        self._log.log(level, event, dict(fields))
