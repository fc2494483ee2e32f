"""Market streams: who listens to what, and the frames they get.

Owns subscriptions and the order of frames. Refuses the market itself: events are handed in, and
a dialect says what a venue calls its streams and how it writes them.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol
from urllib.parse import parse_qs

import msgspec

from nightdesk.lab.agenda import Agenda
from nightdesk.lab.candle_feed import CandleFeed
from nightdesk.lab.market import DepthUpdate, Market, MarketEvent
from nightdesk.lab.settings import MS_NS, SECOND_NS
from nightdesk.lab.tape import Tape
from nightdesk.lab.views import Stamp
from nightdesk.lab.wire import CloseWs, Out, Push

TICK_NS = 100 * MS_NS
_STREAMS_MAX = 1024
_MESSAGES_PER_SECOND_MAX = 5
_POLICY_CLOSE = 1008
_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")

# The frame of a stream on a clock; None when there is nothing to tell.
Write = Callable[[Stamp], str | None]


class Dialect(Protocol):
    """What one venue's streams are called and how their frames look."""

    @property
    def periods(self) -> Mapping[str, int]:
        """Streams that come by the clock: how many ticks lie between two frames."""
        ...

    def told(self, event: MarketEvent) -> Iterable[tuple[str, Write]]:
        """The streams that carry an event at once."""
        ...

    def periodic(self, symbol: str, kind: str, now_ns: int) -> Write | None:
        """What a stream tells by the clock; None for a symbol that is not listed."""
        ...

    def batch(self, update: DepthUpdate) -> Write:
        """Depth changes collected for the slower stream."""
        ...


class _Command(msgspec.Struct):
    method: str | None = None
    params: list[object] | None = None
    id: msgspec.Raw = msgspec.Raw(b"null")


@dataclass(slots=True)
class Listener:
    """One websocket on the market side."""

    conn: int
    combined: bool
    unit_ns: int
    names: dict[str, None] = field(default_factory=dict)
    messages: deque[int] = field(default_factory=lambda: deque(maxlen=_MESSAGES_PER_SECOND_MAX))


@dataclass(slots=True)
class DepthBatch:
    """Depth changes collected for the slower diff stream."""

    first_id: int
    last_id: int = 0
    bids: dict[Decimal, Decimal] = field(default_factory=dict)
    asks: dict[Decimal, Decimal] = field(default_factory=dict)

    def add(self, update: DepthUpdate) -> None:
        """Take later changes; the newest quantity of a level counts."""
        self.last_id = update.last_id
        self.bids.update(update.bids)
        self.asks.update(update.asks)

    def whole(self, symbol: str, now_ns: int) -> DepthUpdate:
        """Everything collected, as one update."""
        return DepthUpdate(
            at_ns=now_ns,
            event_ns=now_ns,
            symbol=symbol,
            first_id=self.first_id,
            last_id=self.last_id,
            bids=tuple(self.bids.items()),
            asks=tuple(self.asks.items()),
        )


@dataclass(slots=True)
class MarketStreams:
    """Every market-side websocket of one venue."""

    dialect: Dialect
    emit: Callable[[Out], None]
    venue_ns: Callable[[int], int]
    silent: Callable[[str, int], bool]
    # Whether what a path says is a stream; clients also number their sockets: /ws/1
    names_stream: Callable[[str], bool] = lambda name: "@" in name
    listeners: dict[int, Listener] = field(default_factory=dict)
    _by_name: dict[str, dict[int, Listener]] = field(default_factory=dict)
    _batches: dict[str, DepthBatch] = field(default_factory=dict)
    _ticks: int = 0

    # --- connections -----------------------------------------------------------------------

    def open(self, conn: int, path: str) -> None:
        """A websocket to `/ws...` or `/stream...`."""
        place, _, query = path.partition("?")
        asked = parse_qs(query)
        micro = asked.get("timeUnit", [""])[0].upper() == "MICROSECOND"
        listener = Listener(conn, place.startswith("/stream"), 1_000 if micro else MS_NS)
        self.listeners[conn] = listener
        in_path, in_query = place.removeprefix("/ws").strip("/"), asked.get("streams", [""])[0]
        wanted = in_query if listener.combined else in_path
        for name in [*wanted.split("/"), *asked.get("listenKey", [])]:
            if name and self.names_stream(name):
                self._subscribe(listener, name)

    def close(self, conn: int) -> None:
        """A websocket is gone."""
        listener = self.listeners.pop(conn, None)
        for name in listener.names if listener is not None else ():
            self._forget(name, conn)

    @property
    def subscribed(self) -> bool:
        """Whether anybody listens to anything."""
        return bool(self._by_name)

    @property
    def names(self) -> list[str]:
        """Every stream that somebody listens to."""
        return list(self._by_name)

    def hears(self, name: str) -> bool:
        """Whether anybody listens to this stream."""
        return name in self._by_name

    @property
    def ticking(self) -> bool:
        """Whether any stream needs the clock."""
        return any(name.partition("@")[2] in self.dialect.periods for name in self._by_name)

    def _subscribe(self, listener: Listener, name: str) -> None:
        listener.names[name] = None
        self._by_name.setdefault(name, {})[listener.conn] = listener

    def _forget(self, name: str, conn: int) -> None:
        listening = self._by_name.get(name, {})
        listening.pop(conn, None)
        if not listening:
            self._by_name.pop(name, None)

    # --- commands --------------------------------------------------------------------------

    def command(self, conn: int, text: str, now_ns: int) -> None:
        """A text frame from a listener."""
        listener = self.listeners[conn]
        full = len(listener.messages) == _MESSAGES_PER_SECOND_MAX
        if full and listener.messages[0] > now_ns - SECOND_NS:
            self._shut(conn, now_ns, "Too many requests")
            return
        listener.messages.append(now_ns)
        self._push(listener, now_ns, self._answer(listener, text))
        if len(listener.names) > _STREAMS_MAX:
            self._shut(conn, now_ns, "Too many streams")

    def _answer(self, listener: Listener, text: str) -> str:
        try:
            command = msgspec.json.decode(text, type=_Command)
        except msgspec.ValidationError as e:
            return _error(2, f"Invalid request: {e}")
        except msgspec.DecodeError:
            return '{"code":3,"msg":"Invalid JSON: expected value at line 1 column 1"}'
        if command.method is None:
            return _error(2, "Invalid request: missing field `method` at line 1 column 1")
        if command.method not in _METHODS:
            known = ", ".join(f"`{name}`" for name in _METHODS)
            return _error(
                2,
                f"Invalid request: unknown variant `{command.method}`, "
                f"expected one of {known} at line 1 column 1",
            )
        request_id = bytes(command.id).decode()
        return self._obey(listener, command.method, command.params or [], request_id)

    def _obey(self, listener: Listener, method: str, params: list[object], request_id: str) -> str:
        result = "null"
        if method == "SUBSCRIBE":
            for name in params:
                self._subscribe(listener, str(name))
        elif method == "UNSUBSCRIBE":
            for name in params:
                listener.names.pop(str(name), None)
                self._forget(str(name), listener.conn)
        elif method == "LIST_SUBSCRIPTIONS":
            result = msgspec.json.encode(list(listener.names)).decode()
        elif not params or params[0] != "combined":
            return f'{{"code":0,"msg":"Unknown property","id":{request_id}}}'
        elif method == "GET_PROPERTY":
            result = "true" if listener.combined else "false"
        elif len(params) < 2 or not isinstance(params[1], bool):
            return _error(1, "Invalid value type: expected Boolean")
        else:
            listener.combined = params[1]
        return f'{{"result":{result},"id":{request_id}}}'

    def _shut(self, conn: int, now_ns: int, reason: str) -> None:
        self.close(conn)
        self.emit(CloseWs(conn=conn, at_ns=now_ns, code=_POLICY_CLOSE, reason=reason))

    # --- frames ----------------------------------------------------------------------------

    def on_event(self, event: MarketEvent, now_ns: int) -> None:
        """Tell listeners what just happened."""
        self.collect(event)
        self.tell(event, now_ns)

    def listened(self, symbol: str, kinds: Iterable[str]) -> bool:
        """Whether anybody listens to one of these streams."""
        return any(f"{symbol.lower()}@{kind}" in self._by_name for kind in kinds)

    def collect(self, event: MarketEvent) -> None:
        """Note a depth change for the slower stream."""
        if isinstance(event, DepthUpdate) and self.listened(event.symbol, ("depth",)):
            batch = self._batches.setdefault(event.symbol, DepthBatch(event.first_id))
            batch.add(event)

    def skip(self, symbol: str) -> None:
        """A depth change is not told: what the slower stream has collected begins after it."""
        self._batches.pop(symbol, None)

    def tell(self, event: MarketEvent, now_ns: int) -> None:
        """Push an event's frames."""
        for name, write in self.dialect.told(event):
            self.publish(name, now_ns, write)

    def publish(self, name: str, now_ns: int, write: Write) -> None:
        """Push the frame `write` makes to everyone who listens to `name`."""
        listening = self._by_name.get(name)
        if not listening or self.silent(name, now_ns):
            return
        texts: dict[int, str | None] = {}
        for listener in listening.values():
            if listener.unit_ns not in texts:
                texts[listener.unit_ns] = write(self._stamp(listener.unit_ns))
            text = texts[listener.unit_ns]
            if text is None:
                continue
            if listener.combined:
                text = f'{{"stream":"{name}","data":{text}}}'
            self._push(listener, now_ns, text)

    def _stamp(self, unit_ns: int) -> Stamp:
        return lambda at_ns: self.venue_ns(at_ns) // unit_ns

    def _push(self, listener: Listener, now_ns: int, text: str) -> None:
        self.emit(Push(conn=listener.conn, at_ns=now_ns, text=text))

    # --- the clock -------------------------------------------------------------------------

    def tick(self, now_ns: int) -> None:
        """A tenth of a second has passed."""
        self._ticks += 1
        for name in list(self._by_name):
            symbol, _, kind = name.partition("@")
            period = self.dialect.periods.get(kind)
            if period is None or self._ticks % period:
                continue
            write = (
                self._collected(symbol.upper(), now_ns)
                if kind == "depth"
                else self.dialect.periodic(symbol.upper(), kind, now_ns)
            )
            if write is not None:
                self.publish(name, now_ns, write)

    def _collected(self, symbol: str, now_ns: int) -> Write | None:
        batch = self._batches.pop(symbol, None)
        return None if batch is None else self.dialect.batch(batch.whole(symbol, now_ns))


@dataclass(slots=True)
class StreamClock:
    """The beat of the streams that come by the clock, and the candles'; both stand while nobody listens."""

    streams: MarketStreams
    agenda: Agenda
    tapes: dict[str, Tape]
    market: Market
    candles_every_ns: int = 2 * SECOND_NS  # the documented update speed of candle streams
    candles: CandleFeed = field(init=False)
    _beating: bool = False

    def __post_init__(self) -> None:
        streams, later = self.streams, self.agenda.at
        self.candles = CandleFeed(
            self.tapes, self.market, later, streams.venue_ns, streams, self.candles_every_ns
        )

    def wake(self, now_ns: int) -> None:
        """Somebody may have begun to listen."""
        if self.streams.ticking and not self._beating:
            self._beating = True
            self.agenda.at(now_ns - now_ns % TICK_NS + TICK_NS, self._beat)
        self.candles.follow(self.streams.names, now_ns)

    def _beat(self, now_ns: int) -> None:
        self.streams.tick(now_ns)
        self._beating = self.streams.ticking
        if self._beating:
            self.agenda.at(now_ns + TICK_NS, self._beat)


def _error(code: int, msg: str) -> str:
    return msgspec.json.encode({"code": code, "msg": msg}).decode()
