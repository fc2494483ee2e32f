"""A venue's dead man's switch at work: asked for anew at every look, and only by whoever leads.

What is to be asked follows from what rests (`desk.dead_man`) and from what is known of each countdown
(`resilience.dead_man`). The last step is the gateway's: look at the lease, sign, write, nothing awaited.
Each request has a deadline within the lease: a node that stood still neither begins nor stops one later.
A node that has lost its lease asks for nothing: what runs, runs out.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from nightdesk.desk.dead_man import resting
from nightdesk.desk.desk import Desk
from nightdesk.desk.events import Event, Health
from nightdesk.model.ids import InstrumentId
from nightdesk.model.mode import Mode
from nightdesk.model.outcome import Outcome, Verdict
from nightdesk.model.time import SECOND_NS, Mono, Wall
from nightdesk.modes.ladder import instrument_scope
from nightdesk.resilience.dead_man import Act, Countdown, Resting
from nightdesk.runtime.gateway import ORDER_TIMEOUT_NS
from nightdesk.runtime.lease import Lease
from nightdesk.runtime.requester import Requester
from nightdesk.venues.http import HttpResult
from nightdesk.venues.protocol import DeadManCodec

CAUSE = "dead_man"
DEADLINE_NS = 2 * SECOND_NS  # of a request; less than what an unknown one is waited for
LOOK_S, LOOKS_MAX = 0.05, 60  # while the desk leaves
HELD_OFF = "what protects or closes a position rests beside entries, and would end with them"
_NOTHING = Resting()


class Switch(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument's, as it stands. `left_ns` is how long it runs at least, None where none runs for sure;
    `off` is why entries rest without one, or nothing."""

    instrument: InstrumentId
    length_ns: int
    left_ns: int | None
    off: str


class Ties(NamedTuple):
    """Whom it needs: who starts its tasks, who hears lines of the log, outcomes of requests, and events."""

    spawn: Callable[[Awaitable[None], str], None]
    say: Callable[..., None]
    outcome: Callable[[Outcome], None]
    tell: Callable[[Event], None]


class DeadMan:
    """Those of one venue's `instruments`. Made before the desk opens its epoch: an earlier one may have left
    some running."""

    def __init__(
        self,
        *,
        length_ns: int,
        desk: Desk,
        codec: DeadManCodec,
        requester: Requester,
        lease: Lease,
        instruments: Sequence[InstrumentId],
        ties: Ties,
    ) -> None:
        now, inherited = requester.mono(), desk.state.epoch > 0
        self._desk = desk
        self._codec = codec
        self._requester = requester
        self._lease = lease
        self._ties = ties
        self._length_ns = length_ns
        self._countdowns = {i: Countdown(length_ns, now, inherited=inherited) for i in instruments}
        self._resting: Mapping[InstrumentId, Resting] = {}
        self._seen = -1  # the last slot that was looked at
        self._leaving = False
        self._said: set[InstrumentId] = set()
        self._failed: set[InstrumentId] = set()
        self._late: set[InstrumentId] = set()

    def look(self) -> None:
        """At every tick."""
        now, state = self._requester.mono(), self._desk.state
        if state.seq != self._seen:
            self._seen, self._resting = state.seq, resting(state, self._countdowns)
        for instrument, countdown in self._countdowns.items():
            rests = self._resting.get(instrument, _NOTHING)
            act = countdown.act(rests, now, leaving=self._leaving)
            if act is not None:
                self._ask(instrument, countdown, act, now)
            self._say_held_off(instrument, rests)
            self._judge(instrument, countdown, now)

    async def leave(self) -> None:
        """The desk ends in order: what no entry needs any more is stopped, since a person, or another desk, may
        place orders there next; where an entry is left, the countdown is what ends it."""
        self._leaving = True
        for _ in range(LOOKS_MAX):
            self.look()
            now = self._requester.mono()
            if not self._lease.held(now) or not self._unneeded(now):
                return
            await asyncio.sleep(LOOK_S)

    def told(self) -> list[Switch]:
        """How each stands."""
        now = self._requester.mono()
        return [
            Switch(
                instrument=instrument,
                length_ns=self._length_ns,
                left_ns=countdown.left_ns(now),
                off=HELD_OFF if _both(self._resting.get(instrument, _NOTHING)) else "",
            )
            for instrument, countdown in self._countdowns.items()
        ]

    def _unneeded(self, now: Mono) -> bool:
        return any(
            countdown.may_run(now) and not self._resting.get(instrument, _NOTHING).entries
            for instrument, countdown in self._countdowns.items()
        )

    def _ask(self, instrument: InstrumentId, countdown: Countdown, act: Act, now: Mono) -> None:
        """Nothing may be awaited between the first check and the write."""
        requester, clock = self._requester, self._requester.clock
        held = self._lease.held(now) and clock.held() and self._lease.held(now, clock.doubted_at)
        if not held or requester.told_to_wait():
            countdown.held_back(now)
            return
        if not requester.http.ready():
            countdown.held_back(now)
            self._ties.spawn(self._connect(), "dead man's switch")
            return
        at, length_ns = requester.venue_now(), self._length_ns if act is Act.BEGIN else 0
        deadline = Wall(at + min(DEADLINE_NS, self._lease.until - now))
        request = self._codec.count_down(instrument, length_ns, deadline, at)
        if request is None or requester.wait_ns(request.cost):
            countdown.held_back(now)
            return
        future = requester.send(request, request.cost, ORDER_TIMEOUT_NS)
        if future is None:
            countdown.held_back(now)
            return
        countdown.asked(act, now)

        def ended(done: "asyncio.Future[HttpResult]") -> None:
            outcome = self._codec.counted_down(instrument, length_ns, done.result())
            countdown.ended(outcome.verdict, requester.mono())
            self._heard(instrument, act, outcome)

        future.add_done_callback(ended)

    async def _connect(self) -> None:
        await self._requester.hold()

    def _heard(self, instrument: InstrumentId, act: Act, outcome: Outcome) -> None:
        self._ties.outcome(outcome)
        if outcome.verdict is Verdict.ACKED:
            self._failed.discard(instrument)
        elif instrument not in self._failed:  # the first of several
            self._failed.add(instrument)
            what = f"{act} {outcome.verdict}"
            self._ties.say("warning", "dead_man.failed", of=instrument, what=what, why=outcome.text)

    def _say_held_off(self, instrument: InstrumentId, rests: Resting) -> None:
        """Once in a life: entries rest, and the countdown would cancel more than them."""
        if _both(rests) and instrument not in self._said:
            self._said.add(instrument)
            self._ties.say("info", "dead_man.held_off", of=instrument, why=HELD_OFF)

    def _judge(self, instrument: InstrumentId, countdown: Countdown, now: Mono) -> None:
        """Entries whose countdown cannot be begun are told, and kept small, before it is over."""
        late = countdown.failing_ns(now) >= self._length_ns // 3
        if late is (instrument in self._late):
            return
        (self._late.add if late else self._late.discard)(instrument)
        mode, why = Mode.NORMAL, "the dead man's switch is set, or nothing needs it"
        if late:
            mode = Mode.CAUTIOUS
            seconds = countdown.failing_ns(now) / SECOND_NS
            why = f"the dead man's switch could not be set for {seconds:.0f} s: entries may outlive the desk"
        scope = instrument_scope(instrument)
        self._ties.tell(Health(scope=scope, cause=CAUSE, mode=mode, why=why))


def _both(rests: Resting) -> bool:
    return rests.entries and rests.exits


def lifted(desk: Desk, instruments: Sequence[InstrumentId]) -> list[Health]:
    """What lifts the cause where an earlier life left it: this one has not failed to set any."""
    why = "a new start: nothing has failed yet"
    return [
        Health(scope=scope, cause=CAUSE, mode=Mode.NORMAL, why=why)
        for scope in map(instrument_scope, instruments)
        if desk.state.ladder.holds(scope, CAUSE)
    ]
