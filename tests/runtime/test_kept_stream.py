"""A kept stream changes connections before they end, finds those whose data stopped, puts poison aside."""

import asyncio
from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any

import pytest

from nightdesk.model.errors import StreamEnding, StreamOver
from nightdesk.model.time import SECOND_NS, Mono
from nightdesk.ports.venue import ConnectFailed, Send
from nightdesk.runtime.kept_stream import DRAIN_NS, OVERLAP_NS, OWED_NS, KeptStream, Upkeep
from nightdesk.runtime.liveness import Liveness
from nightdesk.runtime.once import Once
from nightdesk.simulation.loop import run

LIFE_S = 100


class Clock:
    def mono(self) -> Mono:
        return Mono(round(asyncio.get_running_loop().time() * SECOND_NS) + SECOND_NS)

    def wall(self) -> Any:
        raise AssertionError("nothing here is told by the wall")


class Venue:
    """Numbers its frames; every connection that is not mute gets each from its opening on."""

    def __init__(self) -> None:
        self.open: dict[int, Callable[[bytes, Mono], None]] = {}
        self.mute: set[int] = set()
        self.ends: dict[int, asyncio.Future[str]] = {}
        self.refuses = 0
        self.takes_s = 0.01
        self.opened: list[float] = []
        self.most = 0
        self._numbers = count(1)

    async def run(
        self, path: str, opened: Callable[[Send], None], frame: Callable[[bytes, Mono], None]
    ) -> str:
        number = next(self._numbers)
        await asyncio.sleep(self.takes_s)
        if self.refuses:
            self.refuses -= 1
            raise ConnectFailed(f"wss://venue{path}: nobody there")
        end: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.ends[number] = end
        self.open[number] = frame
        self.opened.append(asyncio.get_running_loop().time())
        self.most = max(self.most, len(self.open))
        opened(lambda _: None)
        try:
            return await end
        finally:
            del self.open[number]

    def says(self, text: str) -> None:
        now = Clock().mono()
        for number, frame in list(self.open.items()):
            if number in self.mute:
                continue
            try:
                frame(text.encode(), now)
            except Exception as error:  # noqa: BLE001 as the port does
                if not self.ends[number].done():
                    self.ends[number].set_exception(error)

    async def trades(self, first: int, last: int, every_s: float = 0.1) -> None:
        for n in range(first, last):
            self.says(f"{n}")
            await asyncio.sleep(every_s)


class Ears:
    def __init__(self) -> None:
        self.told: list[int] = []
        self.events: list[str] = []
        self.poison: list[bytes] = []
        self.whys: list[str] = []

    async def where(self) -> str:
        return "/stream/secret"

    def hello(self) -> str:
        return ""

    def read(self, frame: bytes, _: Mono) -> int | None:
        if frame == b"over":
            raise StreamOver("over")
        if frame == b"ending":
            raise StreamEnding("ending")
        return int(frame)

    def confirms(self, _: int) -> bool:
        return False

    def subscription(self, _: int) -> str:
        return "all"

    def named(self, subscription: str) -> str:
        return subscription

    def tell(self, told: int, _: Mono) -> None:
        if told < 0:
            raise KeyError("a mistake of ours")
        self.told.append(told)

    def poisoned(self, frame: bytes, _: Exception) -> None:
        self.poison.append(frame)

    def heard(self, *, gap: bool) -> None:
        self.events.append("heard after a gap" if gap else "heard")

    def lost(self, why: str) -> None:
        self.events.append("lost")
        self.whys.append(why)

    def note(self, event: str, why: str) -> None:
        self.events.append(event)
        self.whys.append(why)


def kept(
    script: Callable[[Venue, Ears, "KeptStream[int]"], Any], **changed: Any
) -> tuple[Venue, Ears]:
    venue, ears = Venue(), Ears()

    async def main() -> None:
        upkeep = Upkeep(
            clock=Clock(),
            draw=Random(1),
            numbers=count(1),
            life_ns=LIFE_S * SECOND_NS,
            watched=changed.pop("watched", True),
        )
        stream = KeptStream(venue, ears, upkeep=upkeep, name="test", **changed)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(stream.keep())
            await asyncio.sleep(0.1)
            await script(venue, ears, stream)
            task.cancel()

    run(main)
    return venue, ears


def test_a_planned_change_of_connections_loses_and_repeats_nothing() -> None:
    async def script(venue: Venue, _: Ears, __: Any) -> None:
        await venue.trades(0, 3 * LIFE_S * 10)

    venue, ears = kept(script)
    assert ears.told == list(range(3 * LIFE_S * 10))
    assert ears.events.count("rollovers") == 3
    assert not {"lost", "reconnects"} & set(ears.events)
    assert venue.most == 2
    assert all(
        later - earlier < LIFE_S
        for earlier, later in zip(venue.opened, venue.opened[1:], strict=False)
    )


def test_an_announced_end_is_answered_by_a_change_of_connections() -> None:
    async def script(venue: Venue, _: Ears, __: Any) -> None:
        await venue.trades(0, 10)
        venue.says("ending")
        await venue.trades(10, 40)
        assert list(venue.open) == [2]
        await venue.trades(40, 50)

    _, ears = kept(script)
    assert ears.told == list(range(50))
    assert ears.events == ["heard after a gap", "rollovers", "heard"]


def test_where_the_next_one_cannot_be_opened_the_first_stays_until_it_ends() -> None:
    async def script(venue: Venue, _: Ears, __: Any) -> None:
        venue.refuses = 3
        venue.says("ending")
        await venue.trades(0, 100)
        assert list(venue.open) == [5]

    _, ears = kept(script)
    assert ears.told == list(range(100))
    assert ears.events.count("reconnects") == 3
    assert "lost" not in ears.events


def test_pings_keep_no_stream_alive_whose_data_stopped() -> None:
    async def script(venue: Venue, _: Ears, __: Any) -> None:
        await venue.trades(0, 10)
        venue.mute.add(1)
        await venue.trades(10, 200)
        assert list(venue.open) == [2]

    _, ears = kept(script, patience_ns={"all": 5 * SECOND_NS})
    assert "doubts" in ears.events
    assert ears.told[-1] == 199
    missed = 200 - len(ears.told)
    assert missed <= 51, "half a second a frame of a tenth, and the five of patience"


def test_a_quiet_market_is_no_dead_stream() -> None:
    async def script(venue: Venue, _: Ears, __: Any) -> None:
        await asyncio.sleep(60)
        await venue.trades(0, 10)

    venue, ears = kept(script, patience_ns={"all": 5 * SECOND_NS})
    assert ears.told == list(range(10))
    assert "lost" not in ears.events
    assert 1 < len(venue.opened) <= 5  # after 5, 20, 50 s or so


def test_unwatched_it_opens_one_connection_for_ever() -> None:
    async def script(venue: Venue, _: Ears, __: Any) -> None:
        await asyncio.sleep(10 * LIFE_S)

    venue, _ = kept(script, patience_ns={"all": 5 * SECOND_NS}, watched=False)
    assert len(venue.opened) == 1


def test_what_was_acknowledged_and_is_not_told_is_a_gap() -> None:
    async def script(venue: Venue, ears: Ears, stream: Any) -> None:
        venue.says("1")
        stream.owes(Mono(Clock().mono() - SECOND_NS))
        await asyncio.sleep(2 * OWED_NS / SECOND_NS)
        assert ears.events == ["heard after a gap"], "it was told before the answer came"
        venue.mute.add(1)
        stream.owes(Clock().mono())
        await asyncio.sleep(2 * OWED_NS / SECOND_NS)
        assert ears.events == ["heard after a gap", "doubts", "heard after a gap"]

    kept(script)


def test_a_deaf_connection_is_told_as_lost_when_no_other_can_be_opened() -> None:
    async def script(venue: Venue, ears: Ears, stream: Any) -> None:
        venue.mute.add(1)
        venue.refuses = 10**9
        stream.owes(Clock().mono())
        await asyncio.sleep(600)
        assert list(venue.open) == [1], "its socket stands"
        assert ears.events.count("lost") == ears.events.count("doubts") == 1
        assert ears.whys[:2] == ["it does not tell what the venue acknowledged"] * 2
        venue.refuses = 0
        await asyncio.sleep(10)
        assert ears.events[-1] == "heard after a gap"

    kept(script)


def test_no_word_of_a_failure_holds_the_path_since_that_may_hold_a_key() -> None:
    async def script(venue: Venue, ears: Ears, _: Any) -> None:
        venue.refuses = 4
        venue.says("over")
        await asyncio.sleep(10)
        assert "wss://venue: nobody there" in ears.whys
        assert not [why for why in ears.whys if "secret" in why]

    kept(script)


def test_a_change_for_another_reason_pays_no_debt() -> None:
    async def script(venue: Venue, ears: Ears, stream: Any) -> None:
        stream.owes(Clock().mono())
        await asyncio.sleep(1)
        venue.says("ending")
        await asyncio.sleep(30)
        assert ears.events == [
            "heard after a gap",
            "rollovers",
            "heard",
            "doubts",
            "heard after a gap",
        ]

    kept(script)


def test_where_every_connection_is_told_to_leave_none_is_opened_in_haste() -> None:
    async def script(venue: Venue, _: Ears, __: Any) -> None:
        for n in range(3000):
            venue.says("ending")
            venue.says(f"{n}")
            await asyncio.sleep(0.1)

    venue, ears = kept(script)
    assert ears.told == list(range(3000))
    assert len(venue.opened) < 300 / 3


def test_what_another_copy_told_says_nothing_of_the_next_connection() -> None:
    venue, ears = Venue(), Ears()
    slow = Venue()

    async def main() -> None:
        upkeep = Upkeep(clock=Clock(), draw=Random(1), numbers=count(1), life_ns=0, watched=True)
        once = Once()
        async with asyncio.TaskGroup() as group:
            copies = [
                KeptStream(on, ears, upkeep=upkeep, name="copy", once=once) for on in (venue, slow)
            ]
            tasks = [group.create_task(copy.keep()) for copy in copies]
            await asyncio.sleep(0.1)
            slow.takes_s = 3.0
            slow.says("ending")
            for n in range(31):
                venue.says(f"{n}")
                if 1 in slow.open and n < 30:
                    slow.says(f"{n}")
                await asyncio.sleep(0.1)
            assert list(slow.open) == [1, 2], "both are heard for a while"
            await asyncio.sleep(OVERLAP_NS / SECOND_NS)
            assert list(slow.open) == [2]
            for task in tasks:
                task.cancel()

    run(main)


def test_what_is_opened_by_a_path_that_is_distrusted_is_opened_anew() -> None:
    async def script(venue: Venue, ears: Ears, stream: Any) -> None:
        venue.takes_s = 3.0
        venue.says("ending")
        await asyncio.sleep(1)
        stream.distrust("the key was lost")
        assert not stream.subscribed
        await asyncio.sleep(3)
        assert ears.events[-1] != "heard", "it was opened by the old one"
        await asyncio.sleep(1)
        assert stream.subscribed
        assert ears.events.count("lost") == 1
        assert ears.events[-1] == "heard after a gap"

    kept(script)


def test_what_is_to_be_done_later_ends_with_the_stream() -> None:
    done: list[float] = []

    async def script(_: Venue, __: Ears, stream: Any) -> None:
        for wait_s in (1, 3):
            stream.after(wait_s * SECOND_NS, lambda: done.append(1))
        await asyncio.sleep(2)

    kept(script)
    assert done == [1]


def test_a_connection_that_ends_is_a_gap_and_backs_off() -> None:
    async def script(venue: Venue, ears: Ears, stream: Any) -> None:
        venue.says("over")
        await asyncio.sleep(1)
        assert ears.events == ["heard after a gap", "lost", "reconnects", "heard after a gap"]
        venue.refuses = 4
        venue.says("over")
        await asyncio.sleep(30)
        assert stream.subscribed

    kept(script)


def test_copies_tell_each_frame_once_and_one_is_enough() -> None:
    venue, ears = Venue(), Ears()

    async def main() -> None:
        upkeep = Upkeep(clock=Clock(), draw=Random(1), numbers=count(1), life_ns=0, watched=True)
        once = Once()
        async with asyncio.TaskGroup() as group:
            copies = [
                KeptStream(venue, ears, upkeep=upkeep, name="copy", once=once) for _ in range(2)
            ]
            tasks = [group.create_task(copy.keep()) for copy in copies]
            await asyncio.sleep(0.1)
            await venue.trades(0, 10)
            venue.mute.add(1)
            await venue.trades(10, 20)
            for task in tasks:
                task.cancel()

    run(main)
    assert ears.told == list(range(20))


def test_one_poison_frame_kills_no_reader_and_a_mistake_of_ours_is_no_poison() -> None:
    async def script(venue: Venue, ears: Ears, _: Any) -> None:
        for text in ("1", "not a number", "2"):
            venue.says(text)
        assert ears.told == [1, 2]
        assert ears.poison == [b"not a number"]
        venue.says("-1")
        await asyncio.sleep(1)

    with pytest.raises(BaseExceptionGroup) as caught:
        kept(script)
    assert caught.group_contains(KeyError) if hasattr(caught, "group_contains") else True


def test_both_are_drained_before_the_first_is_let_go() -> None:
    async def script(venue: Venue, _: Ears, __: Any) -> None:
        venue.says("ending")
        await asyncio.sleep(0.1)
        venue.says("1")
        await asyncio.sleep(DRAIN_NS / SECOND_NS / 2)
        assert len(venue.open) == 2
        await asyncio.sleep(DRAIN_NS / SECOND_NS)
        assert len(venue.open) == 1

    async def silent(venue: Venue, _: Ears, __: Any) -> None:
        venue.says("ending")
        await asyncio.sleep(OVERLAP_NS / SECOND_NS - 1)
        assert len(venue.open) == 2
        await asyncio.sleep(2)
        assert len(venue.open) == 1

    kept(script)
    kept(silent)


def alive_by_pings_only(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Liveness, "doubted", lambda *_: [])


def the_first_is_closed_first(patch: pytest.MonkeyPatch) -> None:
    opens = KeptStream._open

    def closed_first(self: Any) -> None:
        for connection in list(self._connections):
            self._let_go(connection, "closed first")
        opens(self)

    patch.setattr(KeptStream, "_open", closed_first)


def both_connections_tell(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Once, "first", lambda *_: True)


def one_poison_frame_kills_the_reader(patch: pytest.MonkeyPatch) -> None:
    def poisoned(_: Ears, __: bytes, error: Exception) -> None:
        raise error

    patch.setattr(Ears, "poisoned", poisoned)


def an_acknowledgement_owes_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(KeptStream, "owes", lambda *_: None)


PLANTED: list[tuple[Callable[[pytest.MonkeyPatch], None], Callable[[], None]]] = [
    (alive_by_pings_only, test_pings_keep_no_stream_alive_whose_data_stopped),
    (the_first_is_closed_first, test_a_planned_change_of_connections_loses_and_repeats_nothing),
    (both_connections_tell, test_a_planned_change_of_connections_loses_and_repeats_nothing),
    (
        one_poison_frame_kills_the_reader,
        test_one_poison_frame_kills_no_reader_and_a_mistake_of_ours_is_no_poison,
    ),
    (an_acknowledgement_owes_nothing, test_what_was_acknowledged_and_is_not_told_is_a_gap),
]


@pytest.mark.parametrize(("plant", "caught_by"), PLANTED, ids=lambda given: given.__name__)
def test_a_planted_bug_is_caught(
    plant: Callable[[pytest.MonkeyPatch], None], caught_by: Callable[[], None]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
        with pytest.raises(BaseException):  # noqa: B017 an assertion, perhaps in a group
            caught_by()
