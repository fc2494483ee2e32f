"""Who hears what the venues' streams tell: the shell of a node that leads, or one that stands by and keeps of
it what a leader begins with."""

from typing import Protocol

from nightdesk.model.ids import InstrumentId
from nightdesk.model.market import MarketEvent, Quote
from nightdesk.ports.process import LogSink
from nightdesk.runtime.telemetry import Telemetry


class Ears(Protocol):
    """What a stream needs of whoever hears it."""

    telemetry: Telemetry

    def market(self, event: MarketEvent) -> None: ...
    def say(self, level: str, event: str, **fields: str) -> None: ...


class Overhears:
    """A node that stands by: it decides nothing, and has the last quote of each instrument, as old as it is."""

    def __init__(self, telemetry: Telemetry, log: LogSink) -> None:
        self.telemetry = telemetry
        self.quotes: dict[InstrumentId, Quote] = {}
        self._log = log

    def market(self, event: MarketEvent) -> None:
        """Keep it, if it is a quote."""
        if isinstance(event, Quote):
            self.quotes[event.instrument] = event

    def say(self, level: str, event: str, **fields: str) -> None:
        """A line of the log."""
        self._log.log(level, event, dict(fields))
