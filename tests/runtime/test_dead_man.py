"""Who may ask for a countdown, and when nothing leaves: the last step before the wire, in one piece."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest

from builders import tell_time
from desk.perpetuals import PERP, VENUE, PerpBench
from nightdesk.desk.events import Event, Health
from nightdesk.model.ids import Epoch
from nightdesk.model.mode import Mode
from nightdesk.model.order import Side, VenueStatus
from nightdesk.model.outcome import Outcome, Reason, Verdict
from nightdesk.model.time import SECOND_NS, Mono
from nightdesk.modes.ladder import instrument_scope
from nightdesk.runtime.dead_man import DEADLINE_NS, DeadMan, Ties, lifted
from nightdesk.runtime.requester import Requester
from nightdesk.simulation.loop import run
from nightdesk.venues.binance_costs import USDM_LIMITS
from nightdesk.venues.binance_sign import HmacSigner
from nightdesk.venues.binance_usdm import BinanceUsdm
from nightdesk.venues.binance_usdm_countdown import PATH
from nightdesk.venues.http import HttpAnswer, HttpFailure, HttpResult
from runtime.test_gateway import Hand

LENGTH_NS = 60 * SECOND_NS


class Rig:
    """A switch, whose desk has an entry, and everything that it said."""

    def __init__(self, *, entry: bool = True) -> None:
        self.bench = PerpBench().ready_with()
        self.hand: Any = Hand(self.bench)
        self.lines: list[str] = []
        self.outcomes: list[Outcome] = []
        self.told: list[Event] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.requester = Requester(self.hand, self.hand, limits=USDM_LIMITS)
        tell_time(self.requester.clock)
        self.switch = self.made(after_epoch=0)
        if entry:
            self.entry = self.bench.open_order(Side.BUY, "1", "99.9", instrument=PERP)

    def made(self, *, after_epoch: int) -> DeadMan:
        """One of a life that follows that epoch; the journal's first has nobody before it."""
        state = self.bench.state
        ours, state.epoch = state.epoch, Epoch(after_epoch)
        try:
            return self._made()
        finally:
            state.epoch = ours

    def _made(self) -> DeadMan:
        return DeadMan(
            length_ns=LENGTH_NS,
            desk=self.bench.desk,
            codec=BinanceUsdm(VENUE, HmacSigner("k", "s"), {"BTCUSDT": PERP}),
            requester=self.requester,
            lease=self.hand,
            instruments=[PERP],
            ties=Ties(
                self._spawn,
                lambda level, event, **fields: self.lines.append(event),
                self.outcomes.append,
                self.told.append,
            ),
        )

    def _spawn(self, work: Awaitable[None], name: str) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(work, name=name))  # type: ignore[arg-type]

    def pass_s(self, seconds: float) -> None:
        """Time passes, and the lease is renewed."""
        self.bench.wait(int(seconds * SECOND_NS))
        self.hand.until = Mono(self.bench.mono + 2 * SECOND_NS)
        tell_time(self.requester.clock)
        self.hand.renewed_at = self.bench.mono

    def look(self, seconds: float = 0) -> None:
        self.pass_s(seconds)
        self.switch.look()

    @property
    def asked(self) -> list[str]:
        """The lengths that were asked for, in ms."""
        assert all(r.target == PATH for r in self.hand.requests)
        return [dict(parse_qsl(r.body.decode()))["countdownTime"] for r in self.hand.requests]

    async def answer(self, result: HttpResult | None = None) -> None:
        """The venue answers what was asked last."""
        body = {"symbol": "BTCUSDT", "countdownTime": self.asked[-1]}
        told = HttpAnswer(status=200, headers={}, body=json.dumps(body).encode())
        self.hand.answers[-1].set_result(result or told)
        await asyncio.sleep(0)


def rigged(body: Callable[[Rig], Awaitable[None]], *, entry: bool = True) -> None:
    async def main() -> None:
        await body(Rig(entry=entry))

    run(main)


def test_an_entry_begins_one_within_its_deadline_and_the_lease() -> None:
    async def body(rig: Rig) -> None:
        rig.hand.until = Mono(rig.bench.mono + SECOND_NS)
        rig.switch.look()
        sent = dict(parse_qsl(rig.hand.requests[0].body.decode()))
        assert sent["countdownTime"] == "60000"
        assert int(sent["recvWindow"]) <= 1_000
        await rig.answer()
        [told] = rig.switch.told()
        assert told.left_ns is not None
        assert told.left_ns <= LENGTH_NS
        rig.look(19)
        assert len(rig.asked) == 1
        rig.look(1.1)
        assert rig.asked == ["60000", "60000"]
        assert int(dict(parse_qsl(rig.hand.requests[1].body.decode()))["recvWindow"]) <= (
            DEADLINE_NS // 1_000_000
        )

    rigged(body)


def lose_lease(rig: Rig) -> None:
    rig.hand.until = Mono(0)


def doubt_clock(rig: Rig) -> None:
    rig.requester.clock.doubt()


def renewed_before_the_doubt(rig: Rig) -> None:
    rig.bench.wait(SECOND_NS // 10)
    rig.requester.clock.doubt()
    tell_time(rig.requester.clock)


def told_to_wait(rig: Rig) -> None:
    rig.requester.heed(HttpAnswer(status=429, headers={"retry-after": "5"}, body=b""))


HELD_BACK = [lose_lease, doubt_clock, renewed_before_the_doubt, told_to_wait]


@pytest.mark.parametrize("way", HELD_BACK)
def test_nothing_leaves_where_nothing_may(way: Callable[[Rig], None]) -> None:
    async def body(rig: Rig) -> None:
        way(rig)
        rig.switch.look()
        assert rig.asked == []

    rigged(body)


@pytest.mark.parametrize("way", HELD_BACK)
def test_neither_is_one_stopped_there(way: Callable[[Rig], None]) -> None:
    async def body(rig: Rig) -> None:
        rig.switch.look()
        await rig.answer()
        rig.bench.told(rig.bench.report(rig.entry, VenueStatus.CANCELLED))
        rig.pass_s(21)
        way(rig)
        rig.switch.look()
        assert rig.asked == ["60000"]
        await rig.switch.leave()
        assert rig.asked == ["60000"]

    rigged(body)


def test_it_waits_for_a_connection_and_looks_again() -> None:
    async def body(rig: Rig) -> None:
        rig.hand.connected = False
        rig.switch.look()
        assert rig.asked == []
        rig.hand.gate.set()
        await rig.tasks[0]
        rig.look(1.1)
        assert rig.asked == ["60000"]

    rigged(body)


def test_an_epoch_before_may_have_left_one_and_the_first_has_none() -> None:
    async def body(rig: Rig) -> None:
        rig.look()
        assert rig.asked == []
        rig.switch = rig.made(after_epoch=1)
        rig.look(19)
        assert rig.asked == []
        rig.look(1)
        assert rig.asked == ["0"]

    rigged(body, entry=False)


def test_failures_are_told_and_make_the_instrument_cautious_before_it_runs_out() -> None:
    async def body(rig: Rig) -> None:
        rig.switch.look()
        await rig.answer()
        rig.look(20)
        refused = HttpAnswer(status=400, headers={}, body=b'{"code":-1121,"msg":"Invalid symbol."}')
        for _ in range(19):
            await rig.answer(refused)
            rig.look(1.1)
        assert rig.lines == ["dead_man.failed"]
        [raised] = rig.told
        assert isinstance(raised, Health)
        assert (raised.scope, raised.cause) == (instrument_scope(PERP), "dead_man")
        assert raised.mode is Mode.CAUTIOUS
        await rig.answer()
        rig.look(0.1)
        assert [event.mode for event in rig.told if isinstance(event, Health)] == [
            Mode.CAUTIOUS,
            Mode.NORMAL,
        ]
        assert {outcome.verdict for outcome in rig.outcomes} == {Verdict.ACKED, Verdict.REJECTED}

    rigged(body)


def test_an_unknown_outcome_is_asked_again_after_it_can_no_longer_arrive() -> None:
    async def body(rig: Rig) -> None:
        rig.switch.look()
        await rig.answer(HttpFailure(written=True, timed_out=False, cause="reset"))
        assert rig.outcomes[0].reason is Reason.CONNECTION
        rig.look(2.9)
        assert len(rig.asked) == 1
        rig.look(0.2)
        assert len(rig.asked) == 2

    rigged(body)


def test_what_is_held_off_is_said_once_and_shown() -> None:
    async def body(rig: Rig) -> None:
        rig.bench.go_long("1")
        rig.bench.protected(stop="90")
        rig.look()
        rig.look(1)
        assert rig.asked == []
        assert rig.lines == ["dead_man.held_off"]
        assert rig.switch.told()[0].off

    rigged(body)


def test_a_cause_of_an_earlier_life_is_lifted() -> None:
    bench = PerpBench().ready_with()
    scope = instrument_scope(PERP)
    assert lifted(bench.desk, [PERP]) == []
    bench.decide(Health(scope=scope, cause="dead_man", mode=Mode.CAUTIOUS, why="a test"))
    [event] = lifted(bench.desk, [PERP])
    bench.decide(event)
    assert not bench.state.ladder.holds(scope, "dead_man")
