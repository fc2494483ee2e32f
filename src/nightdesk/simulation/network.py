"""The network between simulated processes and one lab: delays, losses, cuts and resets of each machine's link.

What is under way belongs to the network, not to who sent it: a request of a process that died still arrives,
and an answer to it is dropped. Callbacks into a process run in that process's context, so that a frozen one
hears nothing until it goes on.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextvars import Context, copy_context

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
from nightdesk.model.time import SECOND_NS, Mono
from nightdesk.ports.clock import Clock
from nightdesk.ports.venue import ConnectFailed, Send
from nightdesk.simulation.clocks import TrueTime
from nightdesk.simulation.incarnation import RUNNING, Incarnation
from nightdesk.strategy.api import Draw
from nightdesk.venues.http import HttpAnswer, HttpFailure, HttpRequest, HttpResult

ONE_WAY_NS = (300_000, 2_000_000)  # a desk in the venue's region
CONNECT_TIMEOUT_S = 2.0
NOBODY = Context()  # where what belongs to no process runs


class Link:
    """One machine's way to the venue, and what is wrong with it now.

    `up_cut` and `down_cut` lose what goes to the venue and what comes from it; `extra_ns` delays each way.
    """

    def __init__(self, address: str, draw: Draw) -> None:
        self.address = address
        self.up_cut = False
        self.down_cut = False
        self.extra_ns = 0
        self.connected = True  # whether the pool holds connections
        self._faults: Counter[str] = Counter()  # how many faults hold each way cut
        self._draw = draw
        self.calls: dict[int, asyncio.Future[HttpResult]] = {}
        self.streams: dict[int, SimConnection] = {}

    @property
    def cut(self) -> bool:
        """Whether no connection can be made: a handshake needs both ways."""
        return self.up_cut or self.down_cut

    def begin(self, way: str) -> None:
        """One more fault cuts "up_cut" or "down_cut"."""
        self._faults[way] += 1
        setattr(self, way, True)

    def end(self, way: str) -> None:
        """One of them is over."""
        self._faults[way] -= 1
        if self._faults[way] <= 0:
            setattr(self, way, False)

    def mend(self) -> None:
        """All of them are over."""
        self._faults.clear()
        self.up_cut = self.down_cut = False
        self.extra_ns = 0

    def one_way_ns(self) -> int:
        """How long the next message takes."""
        return self._draw.randint(*ONE_WAY_NS) + self.extra_ns

    def reset(self) -> None:
        """Every connection breaks; what was written may have arrived."""
        self.connected = False
        failure = HttpFailure(written=True, timed_out=False, cause="connection reset")
        for future in list(self.calls.values()):
            if not future.done():
                future.set_result(failure)
        self.calls.clear()
        for stream in list(self.streams.values()):
            stream.broken("connection reset")


class LabNetwork:
    """Carries requests and frames between links and one lab, each way with its own delay."""

    def __init__(self, lab: Lab, time: TrueTime, heard: Callable[[], None] = lambda: None) -> None:
        self.lab = lab
        self._heard = heard
        self._time = time
        self._loop = asyncio.get_running_loop()
        self._ids = 0
        self._up: dict[int, float] = {}  # when the last frame up of a connection arrives
        self._links: dict[int, Link] = {}  # of each call and connection under way
        self._timer: asyncio.TimerHandle | None = None

    def next_id(self) -> int:
        """A number for a call or a connection."""
        self._ids += 1
        return self._ids

    def call(self, link: Link, request: HttpRequest, timeout_ns: int) -> asyncio.Future[HttpResult]:
        """One HTTP request; the future never raises."""
        number = self.next_id()
        future: asyncio.Future[HttpResult] = self._loop.create_future()
        link.calls[number] = future
        self._links[number] = link
        path, _, query = request.target.partition("?")
        call = RestCall(
            id=number,
            method=request.method,
            path=path,
            query=query,
            headers={name.lower(): value for name, value in request.headers},
            body=request.body.decode(),
            source=link.address,
        )
        self.deliver(link, call)
        self._loop.call_later(timeout_ns / SECOND_NS, self._time_out, number, context=NOBODY)
        return future

    def deliver(self, link: Link, request: Request) -> None:
        """Hand `request` to the lab, unless the way there is cut; a connection keeps its order."""
        if link.up_cut:
            return
        when = self._loop.time() + link.one_way_ns() / SECOND_NS
        if isinstance(request, (WsOpen, WsText, WsClosed)):
            when = max(when, self._up.get(request.conn, 0.0))
            self._up[request.conn] = when
        if isinstance(request, WsClosed):
            del self._up[request.conn]
        self._loop.call_at(when, self._arrive, request, context=NOBODY)

    def attach(self, link: Link, connection: "SimConnection") -> None:
        """Frames for this connection go there from now on."""
        link.streams[connection.number] = connection
        self._links[connection.number] = link

    def detach(self, number: int) -> None:
        """The client's side is gone."""
        link = self._links.pop(number, None)
        if link is not None and link.streams.pop(number, None) is not None:
            self.deliver(link, WsClosed(conn=number))

    def process_died(self, link: Link, process: Incarnation) -> None:
        """Its kernel closes its connections."""
        for number, stream in list(link.streams.items()):
            if stream.owner is process:
                self.detach(number)

    def advance(self) -> None:
        """Let the lab do what is due, and come back when the next thing is."""
        self.emit(self.lab.advance(self._time.wall()))

    def emit(self, outs: list[Out]) -> None:
        """Send what the lab said, and come back when it has something to do."""
        self._heard()
        for out in outs:
            number = out.conn if isinstance(out, (Push, CloseWs)) else out.call
            link = self._links.get(number)
            if link is not None and not link.down_cut:
                when = max(self._time.at(out.at_ns), self._loop.time())
                self._carry(out, link, when + link.one_way_ns() / SECOND_NS)
        due = self.lab.next_due_ns()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due is not None:
            when = max(self._time.at(due), self._loop.time())
            self._timer = self._loop.call_at(when, self.advance, context=NOBODY)

    def _carry(self, out: Out, link: Link, when: float) -> None:
        match out:
            case Respond():
                self._loop.call_at(when, self._respond, out, context=NOBODY)
            case Hangup(call=call):
                failure = HttpFailure(written=True, timed_out=False, cause="reset by the venue")
                self._loop.call_at(when, self._settle, call, failure, context=NOBODY)
            case Push(conn=conn) | CloseWs(conn=conn):
                connection = link.streams.get(conn)
                if connection is not None:
                    connection.queue(out, when)

    def _arrive(self, request: Request) -> None:
        self.emit(self.lab.handle(request, self._time.wall()))

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
        link = self._links.pop(number, None)
        future = None if link is None else link.calls.pop(number, None)
        if future is not None and not future.done():
            future.set_result(result)


class SimConnection:
    """One websocket; frames arrive in the order they were sent, in the context of who opened it."""

    def __init__(
        self, number: int, link: Link, clock: Clock, frame: Callable[[bytes, Mono], None]
    ) -> None:
        self.number = number
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._link = link
        self._clock = clock
        self._frame = frame
        self._last = 0.0
        self._context = copy_context()
        self.owner = RUNNING.get()

    def queue(self, out: Push | CloseWs, when: float) -> None:
        """Deliver after everything sent before."""
        self._last = max(when, self._last)
        loop = self.ended.get_loop()
        loop.call_at(self._last, self._receive, out, context=self._context)

    def broken(self, why: str) -> None:
        """The connection is gone."""
        if not self.ended.done():
            self.ended.set_result(why)

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
    """The pool port over a link."""

    def __init__(self, network: LabNetwork, link: Link) -> None:
        self._network = network
        self._link = link

    def ready(self) -> bool:
        """See the port."""
        return self._link.connected

    async def hold(self) -> None:
        """See the port."""
        await asyncio.sleep(2 * self._link.one_way_ns() / SECOND_NS)
        if self._link.cut:
            await asyncio.sleep(CONNECT_TIMEOUT_S)
            raise ConnectFailed(f"{self._link.address}: no answer in {CONNECT_TIMEOUT_S} s")
        self._link.connected = True

    def exchange(self, request: HttpRequest, *, timeout_ns: int) -> asyncio.Future[HttpResult]:
        """See the port."""
        return self._network.call(self._link, request, timeout_ns)


class SimStreams:
    """The streams port over a link."""

    def __init__(self, network: LabNetwork, link: Link, clock: Clock) -> None:
        self._network = network
        self._link = link
        self._clock = clock

    async def run(
        self, path: str, opened: Callable[[Send], None], frame: Callable[[bytes, Mono], None]
    ) -> str:
        """See the port."""
        link, network = self._link, self._network
        if link.cut:
            await asyncio.sleep(CONNECT_TIMEOUT_S)
            raise ConnectFailed(f"{link.address}: no answer in {CONNECT_TIMEOUT_S} s")
        connection = SimConnection(network.next_id(), link, self._clock, frame)
        network.attach(link, connection)
        network.deliver(link, WsOpen(conn=connection.number, path=path, source=link.address))
        await asyncio.sleep(2 * link.one_way_ns() / SECOND_NS)
        try:
            opened(lambda text: network.deliver(link, WsText(conn=connection.number, text=text)))
            return await connection.ended
        finally:
            network.detach(connection.number)
