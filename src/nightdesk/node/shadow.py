"""The strategies of a node: made to lead, or in the shadow of the node that leads.

In the shadow they see what the market tells and decide nothing: averages and indicators are warm, declared bars
are there, when the node begins to lead. What they keep is the journal's, read at that moment.
"""

from collections.abc import Mapping, Sequence

from nightdesk.desk.settings import DeskSettings
from nightdesk.desk.state import DeskState
from nightdesk.model.bars import Bar, BarsOf
from nightdesk.model.ids import InstrumentId, StrategyId, VenueId
from nightdesk.model.instrument import Instrument
from nightdesk.model.market import Book, MarketEvent
from nightdesk.node.plan import Plan
from nightdesk.ports.clock import Entropy
from nightdesk.runtime.bars import Asks, feed_of
from nightdesk.runtime.calls import Calls, by_instrument
from nightdesk.runtime.depth import DepthNews
from nightdesk.runtime.gateway import Spawn
from nightdesk.strategy.host import Host
from nightdesk.strategy.messages import Market
from nightdesk.strategy.prepare import prepare


class Shadow:
    """Strategies that see and do not decide."""

    def __init__(
        self,
        hosts: Mapping[StrategyId, Host],
        *,
        asks: Mapping[VenueId, Asks],
        spawn: Spawn,
        calls: Calls,
    ) -> None:
        self.hosts = hosts
        self.bars = feed_of(hosts.values(), asks=asks, spawn=spawn)
        if self.bars is not None:
            self.bars.attach(self._told_bars, calls.say)
        self._by_instrument = by_instrument(hosts.values())
        self._depth = DepthNews()
        self._now = next(iter(asks.values())).requester.venue_now
        self._calls = calls

    def market(self, event: MarketEvent) -> None:
        """A market event, once."""
        if isinstance(event, Bar):
            if self.bars is not None:
                self.bars.heard(event)
            return
        hear = self._by_instrument.get(event.instrument, ())
        if isinstance(event, Book):
            for host, told in self._depth.heard(event, hear):
                self._see(host, told)
            return
        for host in hear:
            self._see(host, event)

    def look(self) -> None:
        """Ask for bars that are missing; called once a second."""
        if self.bars is not None:
            self.bars.look()

    def _told_bars(self, of: BarsOf, bars: Sequence[Bar]) -> None:
        for host in self._by_instrument.get(of.instrument, ()):
            if of in host.wants:
                self._calls.shown(host, bars, self._now())

    def _see(self, host: Host, event: MarketEvent) -> None:
        self._calls.made(host, Market(at=self._now(), event=event))


def hosts_of(
    plan: Plan,
    entropy: Entropy,
    state: DeskState,
    settings: DeskSettings,
    shadow: Shadow | None = None,
) -> dict[StrategyId, Host]:
    """The plan's strategies with what the journal keeps of them; as warm as they are in the shadow, but for
    one that raised there."""
    warm = {} if shadow is None else shadow.hosts
    hosts = {}
    for each in plan.strategies:
        kept, rules = state.kept_of(each.name), _rules(settings, each.instruments)
        host = warm.get(each.name)
        if host is None or host.crashed:
            strategy = prepare(each.kind, each.params, kept)
            random = entropy.stream(f"strategy/{each.name}")
            host = Host(each.name, strategy, rules, random, each.capital)
        else:
            host.lead(kept, rules)
        hosts[each.name] = host
    return hosts


def _rules(
    settings: DeskSettings, instruments: Sequence[InstrumentId]
) -> dict[InstrumentId, Instrument]:
    return {i: settings.instruments[i] for i in instruments}
