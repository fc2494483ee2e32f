"""The websockets of a lab as lines: how old one may get, which fell mute, which are to end, what is garbled.

Owns what happens to a connection whatever it carries. Refuses to say what it carries: streams and sessions do.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import cycle

from msgspec.structs import replace

from nightdesk.lab.agenda import Agenda
from nightdesk.lab.catalogue import FaultKind
from nightdesk.lab.choices import Which
from nightdesk.lab.faults import Fault, FaultBoard
from nightdesk.lab.sessions import Sessions
from nightdesk.lab.settings import MS_NS
from nightdesk.lab.streams import MarketStreams
from nightdesk.lab.usdm.venue import Usdm
from nightdesk.lab.wire import CloseWs, Out, Push

GOING_AWAY = 1001

# Each the way some frame was once broken: cut off, not JSON, another shape, a number that is none.
_GARBLES: tuple[Callable[[str], str], ...] = (
    lambda text: text[: len(text) // 2],
    lambda _: "<html>502 Bad Gateway</html>",
    lambda _: "[]",
    lambda text: text.replace('":"', '":{}', 1),
    lambda _: '{"stream":"btcusdt@bookTicker","data":null,"event":7,"e":[]}',
)


@dataclass(slots=True)
class Lines:
    """Every websocket of one lab. `out` takes what is sent, `shut` closes one."""

    faults: FaultBoard
    agenda: Agenda
    life_ns: int  # after which a connection is closed; 0: never
    out: Callable[[Out], None]
    shut: Callable[[int, int, int, str], None]
    venue_ns: Callable[[int], int]
    streams: MarketStreams = field(init=False)
    sessions: Sessions = field(init=False)
    usdm: Usdm | None = field(init=False, default=None)
    _open: set[int] = field(default_factory=set)
    _mute: set[int] = field(default_factory=set)
    _garble: "cycle[Callable[[str], str]]" = field(default_factory=lambda: cycle(_GARBLES))

    def opened(self, conn: int, now_ns: int) -> None:
        """A websocket is there."""
        self._open.add(conn)
        if self.life_ns:
            self.agenda.at(now_ns + self.life_ns, lambda at_ns: self._end([conn], at_ns))

    def closed(self, conn: int) -> None:
        """A websocket is gone."""
        self._open.discard(conn)
        self._mute.discard(conn)

    def emit(self, out: Out) -> None:
        """Send something, faults permitting."""
        if isinstance(out, Push) and (self._mute or self.faults.faults):
            if out.conn in self._mute:
                return
            if self._garbled(out):
                out = replace(out, text=next(self._garble)(out.text))
        self.out(out)

    def act(self, fault: Fault, now_ns: int) -> None:
        """What a fault does to the connections that are open when it is set."""
        self.faults.fire(fault, now_ns)
        struck = self.carrying(fault.spec.which)
        match fault.spec.kind:
            case FaultKind.STREAM_MUTE:
                self._mute.update(struck)
            case FaultKind.STREAM_DROP:
                for conn in struck:
                    self.shut(conn, now_ns, fault.spec.code, "")
            case _:
                for push in self._last_words(struck, now_ns):
                    self.out(push)
                due_ns = now_ns + fault.spec.ms * MS_NS
                self.agenda.at(due_ns, lambda at_ns: self._end(struck, at_ns))

    def drop_if(self, which: Which, conn: int, now_ns: int) -> None:
        """While a timed drop lasts, new connections are dropped too."""
        for fault in self.faults.standing(FaultKind.STREAM_DROP, now_ns):
            timed = fault.until_ns is not None
            if timed and fault.spec.which in (which, Which.ALL):
                self.shut(conn, now_ns, fault.spec.code, "")
                return

    def carrying(self, which: Which) -> list[int]:
        """The websockets that a fault about these streams is about."""
        conns: list[int] = []
        if which is not Which.MARKET:
            conns += [c for c, s in self.sessions.by_conn.items() if s.subscriptions]
        if which is not Which.USER:
            conns += list(self.streams.listeners)
        if self.usdm is not None:
            conns += self.usdm.conns(which)
        return conns

    def farewell(self, now_ns: int) -> list[Out]:
        """The venue shuts down: every websocket is told and closed."""
        others = self.usdm.streams.listeners if self.usdm is not None else []
        conns = [*self.streams.listeners, *self.sessions.by_conn, *others]
        ends = [
            CloseWs(conn=conn, at_ns=now_ns, code=GOING_AWAY, reason="shutdown") for conn in conns
        ]
        return [*self._last_words(conns, now_ns), *ends]

    def _last_words(self, conns: Iterable[int], now_ns: int) -> Iterator[Out]:
        """What market listeners and api sockets are told; the other venue has no words for it."""
        event = f'{{"e":"serverShutdown","E":{self.venue_ns(now_ns) // MS_NS}}}'
        for conn in conns:
            listener = self.streams.listeners.get(conn)
            if listener is not None:
                raw = not listener.combined
                text = event if raw else f'{{"stream":"!serverShutdown","data":{event}}}'
                yield Push(conn=conn, at_ns=now_ns, text=text)
            elif conn in self.sessions.by_conn:
                yield Push(conn=conn, at_ns=now_ns, text=f'{{"event":{event}}}')

    def _end(self, conns: Iterable[int], at_ns: int) -> None:
        for conn in conns:
            if conn in self._open:
                self.shut(conn, at_ns, GOING_AWAY, "")

    def _garbled(self, push: Push) -> bool:
        for fault in self.faults.standing(FaultKind.GARBLED_FRAME, push.at_ns):
            if push.conn in self.carrying(fault.spec.which) and self.faults.drawn(fault):
                self.faults.begin(fault, push.at_ns)
                return True
        return False
