"""A private stream on two connections: every fill is booked once, and losing one of them is no gap."""

import asyncio
from collections.abc import Callable
from itertools import count
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

from nightdesk.model.errors import StreamOver
from nightdesk.model.outcome import Outcome, Reason, Verdict
from nightdesk.model.records import ModeSet
from nightdesk.model.time import SECOND_NS
from nightdesk.node.private_stream import KEY_AGAIN_S, KEY_EVERY_S, PrivateStream
from nightdesk.runtime.kept_stream import OWED_NS, Upkeep
from nightdesk.runtime.telemetry import Telemetry
from nightdesk.simulation.loop import run
from nightdesk.venues.protocol import NoAnswer, UserUpdate
from node.healing import QUICK, whole
from runtime.test_kept_stream import Clock, Venue
from worlds import Life, SimWorld, durable_records, live

TWICE = [*QUICK, ("private_copies = 1", "private_copies = 2")]


def private_modes(world: SimWorld) -> list[str]:
    """What the journal says of the private stream, oldest first."""
    records = [record for _, record in durable_records(world.path)]
    return [r.mode for r in records if isinstance(r, ModeSet) and r.cause == "private"]


def of_orders(world: SimWorld) -> list[int]:
    """The open connections that tell of orders."""
    return [number for number, s in world.link.streams.items() if s.channel == "user"]


async def trading(world: SimWorld) -> Life:
    life = await world.desk().up()
    await asyncio.sleep(6)
    assert life.state.counts["fills"] > 3
    assert len(of_orders(world)) == 2
    return life


def test_two_connections_book_every_fill_once(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=5, replace=TWICE)
        life = await trading(world)
        await whole(world, life)

    live(main)


def test_losing_one_is_no_gap_and_losing_both_is(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=5, replace=TWICE)
        life = await trading(world)
        before = private_modes(world)
        asked = life.node.telemetry.counters.get("private.reconnects", 0)
        world.link.streams[of_orders(world)[0]].broken("a test cuts it")
        await asyncio.sleep(3)
        assert private_modes(world) == before
        assert life.node.telemetry.counters["private.reconnects"] == asked + 1
        assert len(of_orders(world)) == 2
        for number in of_orders(world):
            world.link.streams[number].broken("a test cuts both")
        await asyncio.sleep(3)
        assert private_modes(world) == [*before, "REDUCE_ONLY", "NORMAL"]
        await whole(world, life)

    live(main)


def test_a_connection_that_falls_mute_is_heard_by_the_other(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=5, replace=TWICE)
        life = await trading(world)
        fills, before = life.state.counts["fills"], private_modes(world)
        world.link.streams[of_orders(world)[0]].deaf = True
        await asyncio.sleep(8)
        assert life.state.counts["fills"] > fills
        assert private_modes(world) == before
        await whole(world, life)

    live(main)


def test_frames_that_cannot_be_read_are_put_aside_and_what_they_told_is_asked_for(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=5, replace=QUICK)
        life = await world.desk().up()
        await asyncio.sleep(6)
        fills = life.state.counts["fills"]
        world.fault("garbled_frame", which="user", duration_ms=6_000)
        await asyncio.sleep(8)
        assert life.node.telemetry.counters["private.poison"] > 0
        assert "private.frame_quarantined" in world.log.events()
        assert life.state.counts["fills"] > fills
        world.heal()
        await whole(world, life)

    live(main)


class Keyed(Venue):
    """A venue that tells of one account by a key; its own codec, requester and shell."""

    def __init__(self) -> None:
        super().__init__()
        self.key = "K1"
        self.no_answers = 0
        self.asked = 0
        self.paths: list[str] = []
        self.modes: list[str] = []
        self.questions: list[float] = []
        self.telemetry = Telemetry()
        self.desk = SimpleNamespace(
            settings=SimpleNamespace(scope_of=lambda _: "venue"),
            state=SimpleNamespace(orders=SimpleNamespace(live={})),
        )

    async def run(self, path: str, opened: Callable[..., None], frame: Callable[..., None]) -> str:
        self.paths.append(path)
        return await super().run(path, opened, frame)

    def private_key(self) -> object:
        return object()

    async def request(self, _: Any) -> int:
        await asyncio.sleep(0.01)
        self.asked += 1
        return 0

    def keyed(self, _: int) -> str | NoAnswer:
        if self.no_answers:
            self.no_answers -= 1
            outcome = Outcome(verdict=Verdict.UNKNOWN, reason=Reason.VENUE_ERROR, text="no")
            return NoAnswer(outcome=outcome)
        return self.key

    def private_path(self, key: str) -> str:
        return f"/{key}"

    def venue_now(self) -> int:
        return 0

    def private_hello(self, _: int) -> str:
        return ""

    def private(self, frame: bytes) -> UserUpdate:
        if frame == b"over":
            raise StreamOver("over")
        if frame == b"poison":
            raise ValueError("poison")
        return UserUpdate(note=frame.decode())

    def handle(self, told: Any) -> None:
        self.modes.append(told.mode.name)

    def say(self, *_: Any, **__: Any) -> None:
        pass

    def ask_account(self, _: Any) -> None:
        self.questions.append(asyncio.get_running_loop().time())

    def ask_terms(self, _: Any) -> None:
        pass


def alone(script: Callable[[Keyed, PrivateStream], Any]) -> Keyed:
    """Two connections without a desk, by real classes."""
    venue = Keyed()

    async def main() -> None:
        upkeep = Upkeep(clock=Clock(), draw=Random(1), numbers=count(1), life_ns=0, watched=True)
        made: Any = venue
        private = PrivateStream(made, made, venue, made, upkeep, 2)
        private.attach(made, venue.handle)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(kept.keep()) for kept in private.copies]
            tasks.append(group.create_task(private.keep_key()))
            await asyncio.sleep(10)
            venue.questions.clear()
            await script(venue, private)
            for task in tasks:
                task.cancel()
        asked = len(venue.questions)
        await asyncio.sleep(60)
        assert len(venue.questions) == asked, "nothing outlives the stream"

    run(main)
    return venue


def test_another_key_that_one_copy_is_told_makes_the_other_open_anew_by_it() -> None:
    async def script(venue: Keyed, private: PrivateStream) -> None:
        venue.key = "K2"
        venue.ends[1].set_result("gone")
        await asyncio.sleep(10)
        assert venue.paths == ["/K1", "/K1", "/K2", "/K2"]
        await asyncio.sleep(30)
        assert len(venue.open) == 2
        assert private.subscribed
        assert venue.modes[-1] == "NORMAL"
        assert venue.questions
        opened = len(venue.paths)
        await asyncio.sleep(600)
        assert len(venue.paths) == opened

    alone(script)


def test_a_prolongation_that_failed_is_tried_again_soon() -> None:
    async def script(venue: Keyed, _: PrivateStream) -> None:
        venue.no_answers, asked = 3, venue.asked
        await asyncio.sleep(KEY_EVERY_S + 4 * KEY_AGAIN_S)
        assert venue.asked == asked + 4
        assert KEY_AGAIN_S <= 60

    alone(script)


def test_copies_that_fail_one_after_the_other_leave_a_gap_that_is_asked_about() -> None:
    async def script(venue: Keyed, private: PrivateStream) -> None:
        venue.mute.add(1)  # not seen yet
        venue.ends[2].set_result("gone")
        await asyncio.sleep(5)
        assert len(venue.questions) == 1
        private.owes(Clock().mono())
        await asyncio.sleep(1)
        venue.says("the order")
        await asyncio.sleep(2 * OWED_NS / SECOND_NS)
        assert len(venue.questions) == 2

    venue = alone(script)
    assert venue.modes == ["NORMAL"], "somebody was heard all the time"


def test_a_question_that_was_put_off_ends_with_the_stream() -> None:
    async def script(venue: Keyed, _: PrivateStream) -> None:
        venue.says("poison")
        venue.says("poison")
        assert len(venue.questions) == 1

    alone(script)


def test_a_storm_of_poison_is_asked_about_once_a_second() -> None:
    async def script(venue: Keyed, _: PrivateStream) -> None:
        for _ in range(100):
            venue.says("poison")
            await asyncio.sleep(0.05)
        await asyncio.sleep(2)
        assert 5 <= len(venue.questions) <= 7

    alone(script)
