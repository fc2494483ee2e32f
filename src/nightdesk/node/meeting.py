"""A node's venues met: all of them at the start where they answer, the others when they do.

A restart must not take the way out at one venue away because another is silent. So a desk that has run before
starts after a while with the rules its journal has, and risks nothing new where nobody answered.
"""

import asyncio
from collections.abc import Callable, Mapping

from nightdesk.desk.events import Health
from nightdesk.desk.settings import DeskSettings
from nightdesk.model.ids import InstrumentId, VenueId, venue_of
from nightdesk.model.instrument import Instrument
from nightdesk.model.mode import Mode
from nightdesk.model.time import SECOND_NS
from nightdesk.modes.ladder import DESK
from nightdesk.node.plan import Plan, World
from nightdesk.node.rules_watch import hold_to
from nightdesk.node.venue import Venue
from nightdesk.node.vetting import judge
from nightdesk.runtime.shell import Shell

AGAIN_S = 1.0
ALONE_AFTER_NS = 10 * SECOND_NS  # a venue that is up answers within one of them
CAUSE = "away"


class Meeting:
    """Asks every venue for its clock, rules and terms, and what the keys may do, until each has answered."""

    def __init__(self, plan: Plan, world: World, venues: Mapping[VenueId, Venue]) -> None:
        self._plan = plan
        self._world = world
        self._venues = venues
        self._rules: dict[VenueId, list[Instrument]] = {}
        self._facts = {n: facts for n, venue in venues.items() if (facts := venue.unvetted())}
        self.away: list[VenueId] = []  # not met yet, traded by the journal's rules

    async def settle(self, known: Callable[[], Mapping[InstrumentId, Instrument]]) -> DeskSettings:
        """The desk's settings; `known` tells the rules of the journal, as far as it was read by then. Raises
        `BadInput` and `Untold` for what no desk may be started with."""
        until = self._world.clock.mono() + ALONE_AFTER_NS
        while not await self._all_met():
            if self._world.clock.mono() >= until and self._do_without(known()):
                break
            await asyncio.sleep(AGAIN_S)
        for name, venue in self._venues.items():
            if name not in self.away:
                await self._vet(name, venue)
        rules = known()
        if all(instrument in rules for instrument in self._plan.limits):
            # One that has run before gets out also where nobody says what the key may do.
            self.away = [n for n in self._venues if n in self.away or self._untold(n)]
        self._judge()
        codecs = {name: outside.codec for name, outside in self._world.venues.items()}
        return self._plan.settled(
            [i for name in self._venues for i in self._rules[name]],
            replacing=[name for name, codec in codecs.items() if codec.capabilities.replacing],
            amending=[name for name, codec in codecs.items() if codec.capabilities.amending],
        )

    def tell(self, shell: Shell) -> None:
        """What an absence means for the desk; without everybody's word nobody knows whose money it is."""
        settings = shell.desk.settings
        for name in self._venues:
            mode, why = Mode.NORMAL, "the venue answers"
            if name in self.away:
                mode, why = (
                    Mode.REDUCE_ONLY,
                    "not reached since the start; by the journal's rules until it is",
                )
            shell.handle(Health(scope=settings.scope_of(name), cause=CAUSE, mode=mode, why=why))
        mode, why = Mode.NORMAL, "every account has said whose it is"
        unnamed = [name for name in self.away if name in self._plan.real]
        if unnamed:
            mode, why = Mode.REDUCE_ONLY, f"{', '.join(unnamed)} cannot say whose account it is"
        shell.handle(Health(scope=DESK, cause="unnamed", mode=mode, why=why))

    async def follow(self, name: VenueId, shell: Shell) -> None:
        """Meet one that was away. Raises `RulesChanged` where its rules are others, and what `settle` does."""
        venue, assumed = self._venues[name], self._rules[name]
        rules = await self._meet(name, venue)
        while isinstance(rules, str):
            await asyncio.sleep(AGAIN_S)
            rules = await self._meet(name, venue)
        hold_to(name, assumed, rules)
        while True:
            await self._vet(name, venue)
            # Other terms than the config's stop new risk there, as while the desk runs.
            if not self._untold(name) and await venue.terms_told():
                break
            await asyncio.sleep(AGAIN_S)
        self.away.remove(name)
        self._judge()
        self.tell(shell)

    async def _all_met(self) -> bool:
        for name, venue in self._venues.items():
            if name not in self._rules and not isinstance(
                rules := await self._meet(name, venue), str
            ):
                self._rules[name] = rules
        return len(self._rules) == len(self._venues)

    async def _meet(self, name: VenueId, venue: Venue) -> list[Instrument] | str:
        told = await venue.meet(list(self._plan.limits))
        if not isinstance(told, str) and name not in self.away:
            told = await venue.agree(self._plan.terms) or told
        if isinstance(told, str):
            self._world.log.log("warning", "venue.not_reached", {"venue": name, "why": told})
        return told

    def _do_without(self, known: Mapping[InstrumentId, Instrument]) -> bool:
        """Take the journal's rules for those that are away, if it has them all."""
        away = [name for name in self._venues if name not in self._rules]
        found = {n: [known.get(i) for i in self._plan.limits if venue_of(i) == n] for n in away}
        rules = {n: [i for i in each if i is not None] for n, each in found.items()}
        if any(len(rules[name]) < len(found[name]) for name in away):
            return False
        self._rules |= rules
        self.away = away
        return True

    async def _vet(self, name: VenueId, venue: Venue) -> None:
        told = await venue.vet(owner=name in self._plan.real)
        if told is not None:
            self._facts[name] = told
            if told.may_withdraw is None:
                self._world.log.log("warning", "key.not_told", {"venue": name, "why": told.why})

    def _untold(self, name: VenueId) -> bool:
        """Whether a venue of real money has not said all that is asked of its key."""
        told = self._facts.get(name)
        return name in self._plan.real and told is not None and not told.whole

    def _judge(self) -> None:
        """Are these keys to trade with, and this desk the one that was named? Of those that are here."""
        if self._facts:
            judge(self._facts, self._plan, self.away)
