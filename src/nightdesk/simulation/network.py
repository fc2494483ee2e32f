"""The network between simulated processes and one lab: delays, losses, cuts and resets of each machine's link.

What is under way belongs to the network, not to who sent it: a request of a process that died still arrives,
and an answer to it is dropped. Callbacks into a process run in that process's context, so that a frozen one
hears nothing until it goes on.
"""

import asyncio
from collections.abc import Callable
from contextvars import Context, copy_context
from functools import partial

from nightdesk.adapters.streams import PING_AFTER_S, PONG_WITHIN_S
from nightdesk.lab.core import Lab
from nightdesk.lab.wire import (
    CloseWs,
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
from nightdesk.simulation.incarnation import RUNNING, Incarnation, gone
from nightdesk.simulation.link import Link
from nightdesk.venues.http import HttpAnswer, HttpFailure, HttpRequest, HttpResult

CONNECT_TIMEOUT_S = 2.0
# Combined market streams, of spot and of perpetuals; orders are followed on other paths.
MARKETS = ("/stream", "/public/stream", "/market/stream")
NOBODY = Context()  # where what belongs to no process runs


class LabNetwork:
    """Carries requests and frames between links and one lab, each way with its own delay."""

    def __init__(
        self,
        lab: Lab,
        time: TrueTime,
        heard: Callable[[], None] = lambda: None,
        ping_after_s: float = PING_AFTER_S,
    ) -> None:
        self.lab = lab
        self.ping_after_s = ping_after_s
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
        if gone():
            return future
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
        if gone():
            return
        if link.clogged:
            channel = self._channel(request.id if isinstance(request, RestCall) else request.conn)
            if link.holds(channel, partial(self._send, link, request)):
                return
        self._send(link, request)

    def _send(self, link: Link, request: Request) -> None:
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
        link = self._links.get(number)
        if link is not None and number in link.streams:
            self.deliver(link, WsClosed(conn=number))
            del link.streams[number]
        self._links.pop(number, None)

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
        now = self._loop.time()
        for out in outs:
            number = out.conn if isinstance(out, (Push, CloseWs)) else out.call
            link = self._links.get(number)
            if link is None or (
                link.clogged and link.holds(self._channel(number), partial(self._come, out, link))
            ):
                continue
            self._come(out, link)
        due = self.lab.next_due_ns()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due is not None:
            self._timer = self._loop.call_at(
                max(self._time.at(due), now), self.advance, context=NOBODY
            )

    def _channel(self, number: int) -> str:
        """What a call or connection is for: a fault may be about one of them."""
        link = self._links.get(number)
        stream = None if link is None else link.streams.get(number)
        return "rest" if stream is None else stream.channel

    def _come(self, out: Out, link: Link) -> None:
        if link.down_cut:
            return
        when = max(self._time.at(out.at_ns), self._loop.time())
        size = len(out.body) if isinstance(out, Respond) else len(getattr(out, "text", ""))
        self._carry(out, link, when + link.one_way_ns(size) / SECOND_NS)

    def _carry(self, out: Out, link: Link, when: float) -> None:
        if isinstance(out, (Push, CloseWs)):
            connection = link.streams.get(out.conn)
            if connection is not None:
                connection.queue(out, when)
        elif isinstance(out, Respond):
            when += out.spread_ns / SECOND_NS  # a body is read whole
            self._loop.call_at(when, self._respond, out, context=NOBODY)
        else:
            failure = HttpFailure(written=True, timed_out=False, cause="reset by the venue")
            self._loop.call_at(when, self._settle, out.call, failure, context=NOBODY)

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
        self,
        number: int,
        link: Link,
        clock: Clock,
        frame: Callable[[bytes, Mono], None],
        channel: str,
        ping_after_s: float = PING_AFTER_S,
    ) -> None:
        self.number = number
        self._ping_after_s = ping_after_s
        self.channel = channel
        self.deaf = False  # nothing comes any more, and neither side knows
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[str] = self._loop.create_future()
        self._link = link
        self._clock = clock
        self._frame = frame
        self._last = 0.0
        self._context = copy_context()
        self._heard_at = self.ended.get_loop().time()
        self.owner = RUNNING.get()
        self._at(self._heard_at + self._ping_after_s, self._ping)

    def queue(self, out: Push | CloseWs, when: float) -> None:
        """Deliver after everything sent before."""
        if self.deaf:
            return
        self._last = max(when, self._last)
        self._loop.call_at(self._last, self._receive, out, context=self._context)

    def broken(self, why: str) -> None:
        """The connection is gone."""
        if not self.ended.done():
            self.ended.set_result(why)

    def _at(self, when: float, do: Callable[[], None]) -> None:
        self.ended.get_loop().call_at(when, do, context=self._context)

    def _ping(self) -> None:
        """As the production client does: ping when nothing came for a while, give up without an answer."""
        if self.ended.done():
            return
        now = self.ended.get_loop().time()
        if now >= self._heard_at + self._ping_after_s:
            if not self._reaches_venue():
                self._at(now + PONG_WITHIN_S, partial(self._no_pong, self._heard_at))
                return
            self._heard_at = now
        self._at(self._heard_at + self._ping_after_s, self._ping)

    def _no_pong(self, heard_at: float) -> None:
        if self._heard_at > heard_at or self._reaches_venue():
            self._ping()
        else:
            self.broken(f"no answer to a ping in {PONG_WITHIN_S} s")

    def _reaches_venue(self) -> bool:
        return not (self.deaf or self._link.cut or self.channel in self._link.clogged)

    def _receive(self, out: Push | CloseWs) -> None:
        if self.ended.done():
            return
        self._heard_at = self.ended.get_loop().time()
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
        await _may_connect(self._link)
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
        await _may_connect(link)
        channel = "market" if path.startswith(MARKETS) else "user"
        connection = SimConnection(
            network.next_id(), link, self._clock, frame, channel, network.ping_after_s
        )
        network.attach(link, connection)
        network.deliver(link, WsOpen(conn=connection.number, path=path, source=link.address))
        await asyncio.sleep(2 * link.one_way_ns() / SECOND_NS)
        try:
            opened(lambda text: network.deliver(link, WsText(conn=connection.number, text=text)))
            return await connection.ended
        finally:
            network.detach(connection.number)


async def _may_connect(link: Link) -> None:
    """Raises `ConnectFailed` as late as a client would know."""
    if link.refuses:
        await asyncio.sleep(2 * link.one_way_ns() / SECOND_NS)
        raise ConnectFailed(f"{link.address}: {link.refuses}")
    if link.cut:
        await asyncio.sleep(CONNECT_TIMEOUT_S)
        raise ConnectFailed(f"{link.address}: no answer in {CONNECT_TIMEOUT_S} s")
