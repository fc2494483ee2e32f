"""The network: what a cut, a reset, a delay and a death leave of what is under way."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from random import Random
from typing import TypeVar

import msgspec
import pytest

from nightdesk.lab.wire import Out, Push, Respond, RestCall, WsClosed, WsOpen, WsText
from nightdesk.lab.wire import Request as LabRequest
from nightdesk.model.time import MS_NS, SECOND_NS, Mono, Wall
from nightdesk.ports.venue import ConnectFailed, Send
from nightdesk.simulation.clocks import MachineClock, TrueTime
from nightdesk.simulation.incarnation import RUNNING, Incarnation
from nightdesk.simulation.link import ONE_WAY_NS, Link
from nightdesk.simulation.loop import SimLoop, run
from nightdesk.simulation.network import (
    CONNECT_TIMEOUT_S,
    LabNetwork,
    SimHttp,
    SimStreams,
)
from nightdesk.venues.http import HttpAnswer, HttpFailure, HttpRequest, HttpResult

START = Wall(1_723_161_254 * SECOND_NS)
TIMEOUT_S = 3
ASK = HttpRequest(method="GET", target="/api/v3/time?x=1", headers=(("X-Key", "k"),))
T = TypeVar("T")


class EchoLab:
    """A lab that answers every call at once, and what reached it."""

    def __init__(self) -> None:
        self.arrived: list[LabRequest] = []
        self.in_context_of: list[Incarnation | None] = []

    def next_due_ns(self) -> int | None:
        return None

    def advance(self, now_ns: int) -> list[Out]:
        return []

    def handle(self, request: LabRequest, now_ns: int) -> list[Out]:
        self.arrived.append(request)
        self.in_context_of.append(RUNNING.get())
        match request:
            case RestCall():
                body = msgspec.json.encode({"path": request.path})
                return [
                    Respond(
                        call=request.id, at_ns=now_ns, status=200, headers={"A": "b"}, body=body
                    )
                ]
            case WsText():
                return [
                    Push(conn=request.conn, at_ns=now_ns, text=f"{request.text}/{n}")
                    for n in range(50)
                ]
            case _:
                return []


class Room:
    """One link to an echoing lab."""

    def __init__(self, seed: int = 1) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimLoop)
        self.loop = loop
        self.lab = EchoLab()
        time = TrueTime(loop, START)
        self.network = LabNetwork(self.lab, time)  # type: ignore[arg-type]  # as much of a lab as it needs
        self.link = Link("10.0.0.1", Random(seed))
        self.http = SimHttp(self.network, self.link)
        self.streams = SimStreams(self.network, self.link, MachineClock(time))
        self.processes: list[Incarnation] = []

    def ask(self) -> "asyncio.Future[HttpResult]":
        return self.http.exchange(ASK, timeout_ns=TIMEOUT_S * SECOND_NS)

    def process(self, work: Callable[[], Awaitable[object]]) -> Incarnation:
        made = Incarnation("desk", 1)

        async def main() -> None:
            await work()

        made.spawn(self.loop, main(), "main")
        self.processes.append(made)
        return made

    def thaw(self, incarnation: Incarnation) -> None:
        incarnation.thaw()
        self.loop.thawed(incarnation)


def lived(work: Callable[[Room], Awaitable[T]], seed: int = 1) -> T:
    async def main() -> T:
        room = Room(seed)
        try:
            return await work(room)
        finally:
            for process in room.processes:
                process.kill()
                process.bury()

    return run(main)


def test_a_request_arrives_as_written_and_its_answer_comes_back() -> None:
    async def work(room: Room) -> tuple[HttpResult, list[LabRequest], float]:
        answer = await room.ask()
        return answer, room.lab.arrived, room.loop.time()

    answer, (call,), took = lived(work)
    assert answer == HttpAnswer(
        status=200, headers={"a": "b"}, body=b'{"path":"/api/v3/time"}', complete=True
    )
    assert isinstance(call, RestCall)
    assert (call.method, call.path, call.query) == ("GET", "/api/v3/time", "x=1")
    assert (call.headers, call.source) == ({"x-key": "k"}, "10.0.0.1")
    low, high = (2 * ns / SECOND_NS for ns in ONE_WAY_NS)
    assert low <= took <= high


@pytest.mark.parametrize(("cut", "acted"), [("up_cut", 0), ("down_cut", 1)])
def test_a_cut_is_a_timeout_of_something_written_whether_the_venue_acted_or_not(
    cut: str, acted: int
) -> None:
    async def work(room: Room) -> tuple[HttpResult, float, int]:
        setattr(room.link, cut, True)
        result = await room.ask()
        return result, room.loop.time(), len(room.lab.arrived)

    result, at, arrived = lived(work)
    assert result == HttpFailure(written=True, timed_out=True, cause="no answer in time")
    assert (at, arrived) == (TIMEOUT_S, acted)


def test_after_a_cut_was_mended_requests_are_answered_again() -> None:
    async def work(room: Room) -> HttpResult:
        room.link.up_cut = room.link.down_cut = True
        await room.ask()
        room.link.up_cut = room.link.down_cut = False
        return await room.ask()

    assert isinstance(lived(work), HttpAnswer)


def test_a_reset_settles_everything_as_written_and_what_was_under_way_still_arrives() -> None:
    async def work(room: Room) -> tuple[list[HttpResult], str, int, bool, bool]:
        asked = [room.ask() for _ in range(5)]
        stream = room.loop.create_task(
            room.streams.run("/ws", lambda _: None, lambda *_: None), name="stream"
        )
        await asyncio.sleep(0)
        room.link.reset()
        ready = room.http.ready()
        results = [await future for future in asked]
        assert room.loop.time() == 0.0
        why = await stream
        await asyncio.sleep(TIMEOUT_S + 1)
        await room.http.hold()
        calls = sum(isinstance(request, RestCall) for request in room.lab.arrived)
        return results, why, calls, ready, room.http.ready()

    results, why, calls, ready, again = lived(work)
    assert results == [HttpFailure(written=True, timed_out=False, cause="connection reset")] * 5
    assert (why, calls, ready, again) == ("connection reset", 5, False, True)


@pytest.mark.parametrize("cut", ["up_cut", "down_cut"])
def test_nobody_connects_over_a_cut(cut: str) -> None:
    async def work(room: Room) -> float:
        setattr(room.link, cut, True)
        with pytest.raises(ConnectFailed, match=r"10\.0\.0\.1"):
            await room.http.hold()
        with pytest.raises(ConnectFailed, match=r"10\.0\.0\.1"):
            await room.streams.run("/ws", lambda _: None, lambda *_: None)
        assert room.lab.arrived == []
        return room.loop.time()

    assert lived(work) == pytest.approx(2 * CONNECT_TIMEOUT_S, abs=0.01)


@pytest.mark.parametrize("extra_ms", [0, 20, 900])
def test_latency_is_paid_each_way(extra_ms: int) -> None:
    async def work(room: Room) -> float:
        room.link.extra_ns = extra_ms * MS_NS
        await room.ask()
        return room.loop.time() * SECOND_NS

    for seed in range(10):
        took = lived(work, seed) - 2 * extra_ms * MS_NS
        assert 2 * ONE_WAY_NS[0] <= round(took) <= 2 * ONE_WAY_NS[1]


def test_an_answer_after_the_timeout_is_nobodys() -> None:
    async def work(room: Room) -> HttpResult:
        room.link.extra_ns = 2 * SECOND_NS
        result = await room.ask()
        await asyncio.sleep(10)
        assert len(room.lab.arrived) == 1
        return result

    assert lived(work) == HttpFailure(written=True, timed_out=True, cause="no answer in time")


def frames_of(room: Room, sent: int = 1) -> Callable[[], Awaitable[list[str]]]:
    """A client that opens a stream, sends so many texts and tells what came."""
    came: list[str] = []

    def opened(send: Send) -> None:
        for n in range(sent):
            send(f"say-{n}")

    async def work() -> list[str]:
        try:
            async with asyncio.timeout(5):
                await room.streams.run("/ws", opened, lambda data, _: came.append(data.decode()))
        except TimeoutError:
            pass
        return came

    return work


def test_frames_come_down_in_the_order_they_were_sent() -> None:
    async def work(room: Room) -> list[str]:
        return await frames_of(room)()

    for seed in range(20):
        assert lived(work, seed) == [f"say-0/{n}" for n in range(50)]


def test_frames_go_up_in_the_order_they_were_sent() -> None:
    async def work(room: Room) -> list[str]:
        await frames_of(room, sent=5)()
        return [request.text for request in room.lab.arrived if isinstance(request, WsText)]

    for seed in range(20):
        assert lived(work, seed) == [f"say-{n}" for n in range(5)]


def test_a_connection_is_open_at_the_venue_before_anything_is_said_on_it() -> None:
    async def work(room: Room) -> type:
        await frames_of(room)()
        return type(room.lab.arrived[0])

    assert {lived(work, seed) for seed in range(200)} == {WsOpen}


def test_a_client_that_leaves_closes_its_connection_once() -> None:
    async def work(room: Room) -> list[type]:
        await frames_of(room, sent=0)()
        await asyncio.sleep(1)
        return [type(request) for request in room.lab.arrived]

    assert lived(work) == [WsOpen, WsClosed]


def test_what_a_dead_process_had_sent_arrives_and_the_answer_is_nobodys() -> None:
    async def work(room: Room) -> tuple[int, list[Incarnation | None], list[object]]:
        told: list[object] = []

        async def client() -> None:
            try:
                told.append(await room.ask())
            finally:
                told.append("finally")

        killed = room.process(client)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        killed.kill()
        await asyncio.sleep(10)
        arrived = len(room.lab.arrived)
        others = await room.ask()
        assert isinstance(others, HttpAnswer)
        return arrived, room.lab.in_context_of, list(told)

    assert lived(work) == (1, [None, None], [])


def test_the_venue_goes_on_for_others_when_a_client_dies() -> None:
    """Nothing of the venue was made in its client's name, so nothing of it dies with him."""

    async def work(room: Room) -> list[str]:
        killed = room.process(frames_of(room))
        await asyncio.sleep(1)
        killed.kill()
        return await frames_of(room)()

    assert lived(work) == [f"say-0/{n}" for n in range(50)]


def test_the_kernel_closes_the_connections_of_a_killed_process() -> None:
    async def work(room: Room) -> list[type]:
        killed = room.process(frames_of(room, sent=0))
        await asyncio.sleep(1)
        killed.kill()
        room.network.process_died(room.link, killed)
        await asyncio.sleep(60)
        return [type(request) for request in room.lab.arrived]

    assert lived(work) == [WsOpen, WsClosed]


def test_a_frozen_process_hears_when_it_goes_on_what_came_meanwhile() -> None:
    async def work(room: Room) -> list[float]:
        heard: list[float] = []

        async def client() -> None:
            assert isinstance(await room.ask(), HttpAnswer)
            heard.append(room.loop.time())

        frozen = room.process(client)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        frozen.freeze()
        await asyncio.sleep(60)
        assert heard == []
        room.thaw(frozen)
        await asyncio.sleep(1)
        return heard

    assert lived(work) == [60.0]


def test_frames_for_a_frozen_process_wait_in_order() -> None:
    async def work(room: Room) -> list[str]:
        came: list[str] = []
        frozen = room.process(
            lambda: room.streams.run(
                "/ws", lambda send: send("say"), lambda data, _: came.append(data.decode())
            )
        )
        await asyncio.sleep(0.0035)
        frozen.freeze()
        await asyncio.sleep(10)
        before = len(came)
        room.thaw(frozen)
        await asyncio.sleep(1)
        assert before < 50
        return came

    assert lived(work) == [f"say/{n}" for n in range(50)]


def test_an_error_of_the_frames_reader_is_carried_to_who_runs_the_stream() -> None:
    def broken(data: bytes, at: Mono) -> None:
        raise KeyError("mine")

    async def work(room: Room) -> None:
        with pytest.raises(KeyError, match="mine"):
            await room.streams.run("/ws", lambda send: send("say"), broken)

    lived(work)


def test_delays_are_never_negative_and_time_only_grows() -> None:
    async def work(room: Room) -> list[float]:
        at = []
        for _ in range(30):
            await room.ask()
            at.append(room.loop.time())
        return at

    assert all(a < b for a, b in pairwise(lived(work)))
