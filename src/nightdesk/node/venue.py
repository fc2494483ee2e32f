"""One venue of a node: met at the start, vetted, followed while the desk runs, asked at its end."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import count

from nightdesk.desk.desk import Desk
from nightdesk.desk.events import (
    AccountTold,
    AmendEnded,
    AskFlows,
    AskForced,
    CancelEnded,
    Event,
    Health,
    SendEnded,
)
from nightdesk.model.account import Terms
from nightdesk.model.ids import InstrumentId, VenueId, instrument_key, venue_of
from nightdesk.model.instrument import Instrument
from nightdesk.model.mode import Mode
from nightdesk.model.outcome import Outcome, Reason, Verdict
from nightdesk.model.time import Mono
from nightdesk.modes.ladder import DESK
from nightdesk.node.breaker_watch import BreakerWatch
from nightdesk.node.budget_watch import BudgetWatch
from nightdesk.node.clock_watch import ClockWatch
from nightdesk.node.contract_link import ContractLink
from nightdesk.node.lane_watch import LaneWatch
from nightdesk.node.plan import Outside, Pace
from nightdesk.node.private_stream import PrivateStream
from nightdesk.node.rules_watch import RulesWatch
from nightdesk.node.venue_link import VenueDown, VenueLink
from nightdesk.node.venue_streams import VenueStreams
from nightdesk.node.vetting import KeyFacts, look
from nightdesk.ports.clock import Clock, Entropy
from nightdesk.ports.journal import Holder
from nightdesk.resilience.dead_man import checked
from nightdesk.runtime.alarms import Alarms
from nightdesk.runtime.dead_man import DeadMan, Ties, lifted
from nightdesk.runtime.gateway import Gateway, Spawn
from nightdesk.runtime.kept_stream import Upkeep
from nightdesk.runtime.lanes import LanePool
from nightdesk.runtime.lease import Lease
from nightdesk.runtime.questions import Questions
from nightdesk.runtime.requester import QUESTIONS_MAX, Requester
from nightdesk.runtime.route import Route
from nightdesk.runtime.shell import Shell
from nightdesk.runtime.telemetry import Telemetry
from nightdesk.venues.protocol import ContractCodec, DeadManCodec

Task = tuple[Awaitable[None], str]  # what must run as long as the node does, and its name


class Venue:
    """Everything of one venue. `first` is the requester of the node's first venue, None for that one."""

    def __init__(
        self,
        venue: VenueId,
        outside: Outside,
        *,
        clock: Clock,
        entropy: Entropy,
        telemetry: Telemetry,
        spawn: Spawn,
        first: Requester | None,
        pace: Pace,
    ) -> None:
        self.id = venue
        spread = entropy.stream(f"retry/{venue}").random
        codec = self.codec = outside.codec
        self.lanes = _lanes(venue, outside, clock, entropy)
        http = self.lanes or outside.http
        self.requester = Requester(
            http, clock, first, codec.limits, spread, codec.reason_of, outside.allowance
        )
        self.requester.questions = asyncio.Semaphore(QUESTIONS_MAX)
        self.link = VenueLink(venue=venue, codec=codec, requester=self.requester, clock=clock)
        self._pace, self._mono = pace, clock.mono
        upkeep = Upkeep(
            clock=clock,
            draw=entropy.stream("backoff" if first is None else f"backoff/{venue}"),
            numbers=count(1),
            life_ns=codec.connection_life_ns,
            watched=pace.streams_watched,
        )
        copies = outside.private_copies
        self._private = PrivateStream(venue, codec, outside.private, self.requester, upkeep, copies)
        self._key = outside.key
        self._rights = _rights(outside, clock, first, self.requester)
        self._alarms = Alarms(venue, telemetry, clock.mono, self._say)
        self._contracts: ContractLink | None = None
        if isinstance(codec, ContractCodec):
            self._contracts = ContractLink(codec, self.requester, self._alarms)
        self._telemetry = telemetry
        self._spawn = spawn
        self._dead_man_ns = checked(outside.dead_man_ns, pace.lease.ttl_ns)
        self._compared = False
        self.streams = VenueStreams(
            venue,
            codec,
            outside.market,
            self._private,
            requester=self.requester,
            upkeep=upkeep,
            telemetry=telemetry,
            spawn=spawn,
        )
        self._shell: Shell
        self._dead_man: DeadMan | None
        self._clock: ClockWatch
        self._breakers: BreakerWatch
        self._budget: BudgetWatch
        self._rules: RulesWatch

    async def meet(self, instruments: Sequence[InstrumentId]) -> list[Instrument] | str:
        """Its clock and its rules, or why the venue was not reached. Raises `NotListed`."""
        if not await self.link.measure_clock():
            return "the venue does not tell its time"
        self.requester.clock.correct()
        ours = [instrument for instrument in instruments if venue_of(instrument) == self.id]
        try:
            rules = await self.link.rules([instrument_key(instrument) for instrument in ours])
        except VenueDown as error:
            return str(error)
        return list(rules.values())

    def succeed(self, before: Holder | None, holder: Holder) -> None:
        """Another led before, and did not end in order: what it sent is on this host's boards, or not known."""
        if before is None or (before.machine, before.boot) == (holder.machine, holder.boot):
            return
        elsewhere = before.machine != holder.machine
        self.requester.budget.succeed(self.requester.mono(), elsewhere=elsewhere)

    async def agree(self, terms: Mapping[InstrumentId, Terms]) -> str:
        """Why it is not known yet on which terms it holds contracts, or nothing. Raises `BadInput` where they
        are not the config's."""
        if self._contracts is None:
            return ""
        return await self._contracts.agreed(
            {i: t for i, t in terms.items() if venue_of(i) == self.id}
        )

    def unvetted(self) -> KeyFacts | None:
        """What is known of the key before anybody is asked; None in a world whose venue was made with it."""
        if self._key is None:
            return None
        return KeyFacts(tail=self._key.tail, may_withdraw=None, account=None, why="not asked yet")

    async def vet(self, *, owner: bool) -> KeyFacts | None:
        """What the key may do and, with `owner`, whose it is; None in a world whose venue was made with it."""
        if self._key is None:
            return None
        return await look(self._key, self._rights, owner=owner)

    def route(self, desk: Desk, lease: Lease) -> Route:
        """The way there for what the desk decides."""
        codec, requester = self.codec, self.requester
        telemetry, spawn, tell = self._telemetry, self._spawn, self._tell
        self._dead_man = self._switch(desk, lease)
        return Route(
            codec=codec,
            requester=requester,
            gateway=Gateway(
                desk=desk,
                codec=codec,
                requester=requester,
                lease=lease,
                telemetry=telemetry,
                spawn=spawn,
                tell=tell,
            ),
            questions=Questions(
                orders=desk.state.orders,
                codec=codec,
                requester=requester,
                telemetry=telemetry,
                alarms=self._alarms,
                spawn=spawn,
                tell=tell,
            ),
            dead_man=self._dead_man,
        )

    def _switch(self, desk: Desk, lease: Lease) -> DeadMan | None:
        if not self._dead_man_ns or not isinstance(self.codec, DeadManCodec):
            return None
        return DeadMan(
            length_ns=self._dead_man_ns,
            desk=desk,
            codec=self.codec,
            requester=self.requester,
            lease=lease,
            instruments=self._traded(desk),
            ties=Ties(
                self._spawn,
                lambda level, event, **fields: self._shell.say(level, event, **fields),
                self._outcome,
                self._tell,
            ),
        )

    def _traded(self, desk: Desk) -> list[InstrumentId]:
        return [i for i in desk.settings.instruments if venue_of(i) == self.id]

    def attach(self, shell: Shell, lease: Lease) -> None:
        """From now on what the venue says is told there, also by streams that were overheard so far."""
        self._shell, requester = shell, self.requester
        scope = shell.desk.settings.scope_of(self.id)
        ladder = shell.desk.state.ladder
        requester.urgent = lambda: ladder.mode(DESK) is Mode.FLATTENING
        self._breakers = BreakerWatch(
            scope,
            requester.guard,
            tell=shell.handle,
            say=partial(shell.say, venue=self.id),
        )
        self._rules = RulesWatch(
            self.id,
            [i for i in shell.desk.settings.instruments.values() if i.venue == self.id],
            self.link.rules,
            mono=requester.mono,
            say=lambda event, why: shell.say("warning", event, venue=self.id, why=why),
            spawn=self._spawn,
        )
        self._budget = BudgetWatch(
            scope,
            requester.budget,
            requester.sharing,
            mono=requester.mono,
            tell=shell.handle,
            say=partial(shell.say, venue=self.id),
        )
        self.link.unanswered = self._private.unanswered = self._alarms.unanswered
        self._private.attach(shell, self._tell)
        self.streams.attach(shell)
        self._clock = ClockWatch(
            scope,
            requester.clock,
            self.link.measure_clock,
            void=lease.void,
            tell=shell.handle,
            say=lambda why: shell.say("warning", "clock.stepped", venue=self.id, why=why),
            spawn=self._spawn,
        )

    def unheard(self) -> None:
        """Nothing new is risked before its private stream is heard; its breakers are heard from now on."""
        self._breakers.begin()
        if self._private.subscribed:
            self._private.begin()
        else:
            scope, why = self._shell.desk.settings.scope_of(self.id), "not subscribed yet"
            self._shell.handle(Health(scope=scope, cause="private", mode=Mode.REDUCE_ONLY, why=why))
        for event in lifted(self._shell.desk, self._traded(self._shell.desk)):
            self._shell.handle(event)

    def tasks(self) -> Iterator[Task]:
        """What follows the venue as long as the node runs, but for streams that do so already."""
        shell, pace = self._shell, self._pace
        yield from self.streams.listened(shell)
        watch = self._clock
        yield self.link.keep_clock(watch.measured, watch.untold, pace.clock_every_s), "clock"
        if self.lanes is not None:
            say = partial(shell.say, venue=self.id)
            yield LaneWatch(self.lanes, self.requester, self.codec, say).keep(), "lanes"

    def look(self) -> None:
        """At every tick: is its clock known, what did time do to its breakers, is there room, and does its dead
        man's switch need anything?"""
        self._clock.look()
        self._breakers.look()
        self._budget.look()
        if self._dead_man is not None:
            self._dead_man.look()

    async def leave(self) -> None:
        """The desk ends in order: nothing of it is left to act there later."""
        if self._dead_man is not None:
            await self._dead_man.leave()

    @property
    def recovered(self) -> bool:
        """Whether its books were compared and its private stream is heard."""
        return self._compared and self._private.subscribed

    async def ask_account(self) -> None:
        """How the account stands there."""
        await self.link.ask_account(self._shell, self._tell)

    def ask_price(self, instrument: InstrumentId) -> None:
        """A quote, for the way out."""
        rules = self._shell.desk.settings.instruments[instrument]
        self._spawn(self.link.ask_price(rules, self._shell, self._tell), "price")

    def ask_moves(self, question: AskFlows | AskForced) -> None:
        """What moved without an order of ours, where contracts are held."""
        if self._contracts is not None:
            self._spawn(self._contracts.ask(question, self._tell), "moves")

    def ask_terms(self) -> None:
        """On which terms they are held."""
        self._spawn(self._ask_terms(), "terms")

    async def terms_told(self) -> bool:
        """The same, waited for; whether the venue said so, which one without contracts need not."""
        return self._contracts is None or await self._contracts.ask_terms(self._tell)

    async def _ask_terms(self) -> None:
        await self.terms_told()

    def _say(self, level: str, event: str, fields: dict[str, str]) -> None:
        self._shell.say(level, event, **fields)

    def _outcome(self, outcome: Outcome) -> None:
        self._alarms.heard(outcome)
        if outcome.reason is Reason.CLOCK:
            self._clock.doubted("the venue refuses our clock")

    def _tell(self, event: Event) -> None:
        """An answer from outside becomes an event; some also concern this side of it."""
        if isinstance(event, SendEnded | CancelEnded | AmendEnded):
            self._outcome(event.outcome)
            if event.outcome.reason is Reason.PERMANENT:
                self._rules.doubted()
        if isinstance(event, SendEnded) and event.outcome.verdict is Verdict.ACKED:
            age_ns = self.requester.venue_now() - event.sent_at
            self._private.owes(Mono(self._mono() - age_ns))
        self._shell.handle(event)
        if isinstance(event, AccountTold):
            # What is held otherwise than by the books may have been closed by hand: nothing is entered before
            # that was asked for, or the difference has lasted and stops new risk itself.
            books = self._shell.desk.views.books_of(self.id)
            agreed = not books.difference or books.confirmed
            self._compared = self._compared or (event.quiet and agreed)


def _lanes(venue: VenueId, outside: Outside, clock: Clock, entropy: Entropy) -> LanePool | None:
    """The pool of them, where there are several."""
    if len(outside.lanes) < 2:
        return None
    draw = entropy.stream(f"lanes/{venue}").random
    return LanePool(outside.lanes, clock.mono, draw, outside.codec.reason_of)


def _rights(
    outside: Outside, clock: Clock, first: Requester | None, requester: Requester
) -> Requester | None:
    """The way to who tells of the key; None where nobody is known."""
    if outside.rights is None or outside.rights is outside.http:
        return None if outside.rights is None else requester
    return Requester(outside.rights, clock, first or requester)


def by_venue(
    venues: Mapping[VenueId, Venue], shell: Shell, spawn: Callable[[Awaitable[None], str], None]
) -> None:
    """What the desk wants to know is asked where it is known."""

    def where(question: AskFlows | AskForced) -> VenueId:
        if isinstance(question, AskFlows):
            return question.venue
        return venue_of(question.instrument)

    shell.ask_account = lambda venue: spawn(venues[venue].ask_account(), "account")
    shell.ask_price = lambda instrument: venues[venue_of(instrument)].ask_price(instrument)
    shell.ask_moves = lambda question: venues[where(question)].ask_moves(question)
    shell.ask_terms = lambda venue: venues[venue].ask_terms()
