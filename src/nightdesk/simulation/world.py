"""The simulated boundary: clocks, chance, the journal's engine without a thread, the network to a lab.

Latencies are drawn from the world's seed, a stream of numbers per component, so that removing one component
does not reshuffle the others.
"""

import asyncio
from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.journal.chain import Row
from nightdesk.journal.snapshot import Snapshot
from nightdesk.lab.core import Lab
from nightdesk.lab.wire import (
    CloseWs,
    Hangup,
    Out,
    Push,
    Request,
    Respond,
    RestCall,
    WsClosed,
    WsOpen,
    WsText,
)
from nightdesk.model.errors import OperatingError
from nightdesk.model.ids import Epoch, Seq
from nightdesk.model.time import SECOND_NS, Mono, Wall
from nightdesk.ports.journal import EngineHealth, Holder, LeaseView, Stored
from nightdesk.ports.venue import Send
from nightdesk.strategy.api import Draw
from nightdesk.venues.http import HttpAnswer, HttpFailure, HttpRequest, HttpResult

T = TypeVar("T")

COMMIT_NS = (60_000, 200_000)  # an fdatasync on a good local disk and the hop around it
ONE_WAY_NS = (300_000, 2_000_000)  # a desk in the venue's region


class SimClock:
    """Both clocks from the loop's virtual time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, start: Wall) -> None:
        self._loop = loop
        self._start = start

    def mono(self) -> Mono:
        """ns since the loop began, plus one second so that 0 stays special."""
        return Mono(round(self._loop.time() * SECOND_NS) + SECOND_NS)

    def wall(self) -> Wall:
        """UTC in the simulated world."""
        return Wall(self._start + round(self._loop.time() * SECOND_NS))

    def at(self, wall_ns: int) -> float:
        """The loop's time at which `wall_ns` comes."""
        return (wall_ns - self._start) / SECOND_NS


class SimEntropy:
    """Everything from the seed, the nonces too."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._nonces = Random(f"{seed}/nonce")

    def stream(self, name: str) -> Draw:
        """The stream called `name`."""
        return Random(f"{self._seed}/{name}")

    def nonce(self, below: int) -> int:
        """The next nonce."""
        return self._nonces.randrange(below)


class SimProcesses:
    """One process that never dies by itself."""

    def me(self, name: str) -> Holder:
        """This simulated process."""
        return Holder(name=f"{name} in simulation", machine="sim", boot="sim", pid=1, started=1)

    def gone(self, holder: Holder) -> bool:
        """A holder of before is a process that ended."""
        return holder.machine == "sim"


class InlineJournal:
    """The production engine's statements at once, their answers after a drawn delay."""

    def __init__(self, journal: SqliteJournal, draw: Draw) -> None:
        self._journal = journal
        self._draw = draw

    def append(self, epoch: Epoch, after: Seq, frames: Sequence[bytes]) -> asyncio.Future[None]:
        """See the port."""
        return self._later(lambda: self._journal.append(epoch, after, frames))

    async def lease(self) -> LeaseView:
        """See the port."""
        return await self._later(self._journal.lease)

    async def acquire(self, seen: LeaseView, holder: Holder, ttl_ns: int) -> LeaseView:
        """See the port."""
        return await self._later(lambda: self._journal.acquire(seen, holder, ttl_ns))

    async def renew(self, epoch: Epoch, renewals: int) -> None:
        """See the port."""
        await self._later(lambda: self._journal.renew(epoch, renewals))

    async def release(self, epoch: Epoch) -> None:
        """See the port."""
        await self._later(lambda: self._journal.release(epoch))

    async def stored(self) -> Stored:
        """See the port."""
        return await self._later(self._journal.stored)

    async def rows(self, after: Seq, limit: int) -> list[Row]:
        """See the port."""
        return await self._later(lambda: self._journal.rows(after, limit))

    async def cut(self, epoch: Epoch, first: Seq) -> None:
        """See the port."""
        await self._later(lambda: self._journal.cut(epoch, first))

    async def save_snapshot(self, epoch: Epoch, snapshot: Snapshot) -> None:
        """See the port."""
        await self._later(lambda: self._journal.save_snapshot(epoch, snapshot))

    async def health(self) -> EngineHealth:
        """See the port."""
        return await self._later(self._journal.health)

    async def restore_ballast(self) -> bool:
        """See the port."""
        return await self._later(self._journal.restore_ballast)

    def _later(self, work: Callable[[], T]) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def run() -> None:
            if future.done():
                return
            try:
                future.set_result(work())
            except OperatingError as error:
                future.set_exception(error)

        loop.call_later(self._draw.randint(*COMMIT_NS) / SECOND_NS, run)
        return future


class LabNetwork:
    """Carries requests and frames between desks and one lab, each way with its own delay."""

    def __init__(self, lab: Lab, clock: SimClock, draw: Draw) -> None:
        self.lab = lab
        self._clock = clock
        self._draw = draw
        self._loop = asyncio.get_running_loop()
        self._ids = 0
        self._calls: dict[int, asyncio.Future[HttpResult]] = {}
        self._conns: dict[int, SimConnection] = {}
        self._timer: asyncio.TimerHandle | None = None

    def next_id(self) -> int:
        """A number for a call or a connection."""
        self._ids += 1
        return self._ids

    def one_way_ns(self) -> int:
        """How long the next message takes."""
        return self._draw.randint(*ONE_WAY_NS)

    def call(self, request: HttpRequest, timeout_ns: int) -> asyncio.Future[HttpResult]:
        """One HTTP request; the future never raises."""
        number = self.next_id()
        future: asyncio.Future[HttpResult] = self._loop.create_future()
        self._calls[number] = future
        path, _, query = request.target.partition("?")
        call = RestCall(
            id=number,
            method=request.method,
            path=path,
            query=query,
            headers={name.lower(): value for name, value in request.headers},
            body=request.body.decode(),
            source="10.0.0.1",
        )
        self.deliver(call, self.one_way_ns())
        self._loop.call_later(timeout_ns / SECOND_NS, self._time_out, number)
        return future

    def deliver(self, request: Request, delay_ns: int) -> None:
        """Hand `request` to the lab after `delay_ns`."""
        self._loop.call_later(delay_ns / SECOND_NS, self._arrive, request)

    def attach(self, connection: "SimConnection") -> None:
        """Frames for this connection go there from now on."""
        self._conns[connection.number] = connection

    def detach(self, number: int) -> None:
        """The client's side is gone."""
        if self._conns.pop(number, None) is not None:
            self.deliver(WsClosed(conn=number), self.one_way_ns())

    def advance(self) -> None:
        """Let the lab do what is due, and come back when the next thing is."""
        self._emit(self.lab.advance(self._clock.wall()))
        self._schedule()

    def _arrive(self, request: Request) -> None:
        self._emit(self.lab.handle(request, self._clock.wall()))
        self._schedule()

    def _schedule(self) -> None:
        due = self.lab.next_due_ns()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due is not None:
            when = max(self._clock.at(due), self._loop.time())
            self._timer = self._loop.call_at(when, self.advance)

    def _emit(self, outs: list[Out]) -> None:
        for out in outs:
            when = max(self._clock.at(out.at_ns), self._loop.time())
            when += self.one_way_ns() / SECOND_NS
            match out:
                case Respond():
                    self._loop.call_at(when, self._respond, out)
                case Hangup(call=call):
                    failure = HttpFailure(written=True, timed_out=False, cause="reset by the venue")
                    self._loop.call_at(when, self._settle, call, failure)
                case Push(conn=conn) | CloseWs(conn=conn):
                    connection = self._conns.get(conn)
                    if connection is not None:
                        connection.queue(out, when)

    def _respond(self, out: Respond) -> None:
        cut = out.cut is not None
        body = out.body if out.cut is None else out.body[: out.cut]
        headers = {name.lower(): value for name, value in out.headers.items()}
        answer = HttpAnswer(status=out.status, headers=headers, body=body, complete=not cut)
        self._settle(out.call, answer)

    def _time_out(self, number: int) -> None:
        failure = HttpFailure(written=True, timed_out=True, cause="no answer in time")
        self._settle(number, failure)

    def _settle(self, number: int, result: HttpResult) -> None:
        future = self._calls.pop(number, None)
        if future is not None and not future.done():
            future.set_result(result)


class SimConnection:
    """One websocket; frames arrive in the order they were sent."""

    def __init__(
        self, network: LabNetwork, clock: SimClock, frame: Callable[[bytes, Mono], None]
    ) -> None:
        self.number = network.next_id()
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._network = network
        self._clock = clock
        self._frame = frame
        self._last = 0.0

    def queue(self, out: Push | CloseWs, when: float) -> None:
        """Deliver after everything sent before."""
        self._last = max(when, self._last)
        asyncio.get_running_loop().call_at(self._last, self._receive, out)

    def send(self, text: str) -> None:
        """A text frame to the lab."""
        self._network.deliver(WsText(conn=self.number, text=text), self._network.one_way_ns())

    def _receive(self, out: Push | CloseWs) -> None:
        if self.ended.done():
            return
        if isinstance(out, CloseWs):
            self.ended.set_result(f"closed by the venue: {out.code} {out.reason}")
            return
        try:
            self._frame(out.text.encode(), self._clock.mono())
        except Exception as error:  # noqa: BLE001 carried to run()'s caller
            self.ended.set_exception(error)


class SimHttp:
    """The pool port over a lab network: always connected."""

    def __init__(self, network: LabNetwork) -> None:
        self._network = network

    def ready(self) -> bool:
        """See the port."""
        return True

    async def hold(self) -> None:
        """See the port."""

    def exchange(self, request: HttpRequest, *, timeout_ns: int) -> asyncio.Future[HttpResult]:
        """See the port."""
        return self._network.call(request, timeout_ns)


class SimStreams:
    """The streams port over a lab network."""

    def __init__(self, network: LabNetwork, clock: SimClock) -> None:
        self._network = network
        self._clock = clock

    async def run(
        self, path: str, opened: Callable[[Send], None], frame: Callable[[bytes, Mono], None]
    ) -> str:
        """See the port."""
        connection = SimConnection(self._network, self._clock, frame)
        self._network.attach(connection)
        opening = WsOpen(conn=connection.number, path=path, source="10.0.0.1")
        delay = self._network.one_way_ns()
        self._network.deliver(opening, delay)
        await asyncio.sleep(2 * delay / SECOND_NS)
        try:
            opened(connection.send)
            return await connection.ended
        finally:
            self._network.detach(connection.number)
