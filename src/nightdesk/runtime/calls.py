"""Calls of strategies' handlers; one that held everything up is named."""

from collections.abc import Callable, Iterable, Sequence

from nightdesk.model.bars import Bar
from nightdesk.model.ids import InstrumentId, StrategyId
from nightdesk.model.time import MS_NS, Mono, Wall
from nightdesk.runtime.telemetry import Telemetry
from nightdesk.strategy.host import Host
from nightdesk.strategy.messages import Market, Proposal, ToStrategy

SLOW_NS = 50 * MS_NS  # a tick of the node: nothing else happens while a handler runs
SLOW_SAID, SLOW_SAID_EACH = 10, 1_000  # the first so many are said, then one in so many


def by_instrument(hosts: Iterable[Host]) -> dict[InstrumentId, list[Host]]:
    """Who hears of each instrument, in the order of the config."""
    hear: dict[InstrumentId, list[Host]] = {}
    for host in hosts:
        for instrument in host.ctx.instruments:
            hear.setdefault(instrument, []).append(host)
    return hear


class Calls:
    """Every call of a handler, with how long it took."""

    def __init__(
        self, mono: Callable[[], Mono], telemetry: Telemetry, say: Callable[..., None]
    ) -> None:
        self._mono = mono
        self._telemetry = telemetry
        self.say = say
        self._told: dict[StrategyId, str] = {}  # what each raised before it had begun

    def made(self, host: Host, message: ToStrategy) -> Proposal:
        """What a handler came to."""
        began = self._mono()
        proposal = host.handle(message)
        took_ns = self._mono() - began
        if took_ns > SLOW_NS:
            self._slow(host, message, took_ns)
        if host.crashed and not host.started:
            self._crashed_early(host)
        return proposal

    def shown(self, host: Host, bars: Sequence[Bar], at: Wall) -> None:
        """A strategy that has not begun sees these, all in a row: together they may take long."""
        began = self._mono()
        for bar in bars:
            self.made(host, Market(at=at, event=bar))
        took_ns = self._mono() - began
        if bars and took_ns > SLOW_NS:
            self._slow(host, Market(at=at, event=bars[-1]), took_ns, count=len(bars))

    def _crashed_early(self, host: Host) -> None:
        """It has not begun, and so nobody else says it yet."""
        if self._told.get(host.name) != host.crashed:
            self._told[host.name] = host.crashed
            self.say("warning", "strategy.unwarmed", strategy=host.name, why=host.crashed)

    def _slow(self, host: Host, message: ToStrategy, took_ns: int, *, count: int = 1) -> None:
        """Say who it was; not each time, where it is each time."""
        self._telemetry.count("strategy.slow")
        seen = self._telemetry.counters["strategy.slow"]
        if seen <= SLOW_SAID or not seen % SLOW_SAID_EACH:
            handler, took_ms = host.handler_of(message), f"{took_ns / MS_NS:.0f}"
            if count > 1:
                handler += f", {count} times"
            self.say(
                "warning", "strategy.slow", strategy=host.name, handler=handler, took_ms=took_ms
            )
