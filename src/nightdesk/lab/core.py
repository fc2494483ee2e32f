"""The lab's core: one venue, driven by requests and by the clock it is told.

Owns the composition of all parts and the order in which things happen. Refuses sockets,
clocks and chance of its own: time comes with each call, and randomness from the seed.
"""

from nightdesk.lab.agenda import Agenda
from nightdesk.lab.amend_api import AmendApi
from nightdesk.lab.api import Ask, Route, Via
from nightdesk.lab.auth import Keyring
from nightdesk.lab.by_hand import ByHand
from nightdesk.lab.catalogue import ACTS, OF_LINES, FaultKind
from nightdesk.lab.choices import Which
from nightdesk.lab.control import Control
from nightdesk.lab.deeds import Deeds
from nightdesk.lab.delivery import Delivery
from nightdesk.lab.distortion import Distortion
from nightdesk.lab.dropping import Dropping
from nightdesk.lab.engine_faults import EngineFaults
from nightdesk.lab.exchange import Exchange
from nightdesk.lab.faults import Fault, FaultBoard
from nightdesk.lab.gate import Answer, Gate
from nightdesk.lab.limits import Limits, spot_quota
from nightdesk.lab.lines import Lines
from nightdesk.lab.list_api import ListApi
from nightdesk.lab.market import DepthSnapshot, Market, MarketEvent, Trade
from nightdesk.lab.private import Private
from nightdesk.lab.public import Public
from nightdesk.lab.refusals import Refused
from nightdesk.lab.reports import ListReport
from nightdesk.lab.rest import Rest
from nightdesk.lab.session_api import WEIGHT, SessionApi
from nightdesk.lab.sessions import Sessions
from nightdesk.lab.settings import MS_NS, LabSettings
from nightdesk.lab.spot_streams import SpotDialect
from nightdesk.lab.status import counters, market_status, usdm_status
from nightdesk.lab.streams import MarketStreams, StreamClock
from nightdesk.lab.stubs import Stubs
from nightdesk.lab.tape import Tape
from nightdesk.lab.tickers import Tickers
from nightdesk.lab.trading import Trading
from nightdesk.lab.truth import Entry, Kind, Truth
from nightdesk.lab.usdm.venue import Shared, Usdm
from nightdesk.lab.vanishing import Vanishing
from nightdesk.lab.views import Json
from nightdesk.lab.wire import CloseWs, Out, Request, RestCall, WsClosed, WsOpen, WsText
from nightdesk.lab.ws_api import WsApi

_WS_API_PATH = "/ws-api/v3"
_POLICY_CLOSE = 1008


class Lab:
    """A practice venue. Feed it requests and time; deliver what it returns."""

    def __init__(self, settings: LabSettings, market: Market, perps: Market | None = None) -> None:
        self.settings = settings
        self.market = market
        self.truth = Truth()
        self.exchange = Exchange(settings, self.truth)
        self.faults = FaultBoard(self.truth, settings.seed)
        self._tapes = {symbol: Tape(symbol) for symbol in self.exchange.rules}
        self._agenda = Agenda()
        self._limits = Limits(spot_quota(settings))
        self._outs: list[Out] = []
        self._now_ns = 0
        self._started = self._ended = False
        self._compose()
        self.usdm = self._lines.usdm = self._usdm(perps) if perps is not None else None
        by_hand = ByHand(
            self.exchange,
            self.faults,
            self._limits,
            self._tickers.reference_price,
            self._sessions.tell_transfer,
        )
        self._deeds = Deeds(by_hand, Dropping(self.exchange, self.faults), self.usdm)
        self._control = Control(
            self.exchange,
            self.usdm,
            self.faults,
            self.truth,
            self.market,
            self._endpoints,
            self._outs.append,
            self.start_market,
            self._strike,
            self.state,
        )
        for event in market.opening():
            self.exchange.on_market(event)

    def _compose(self) -> None:
        self._lines = Lines(
            self.faults,
            self._agenda,
            self.settings.connection_life_ns,
            self._outs.append,
            self._shut,
            self.venue_ns,
        )
        emit, keyring = self._lines.emit, Keyring(self.settings.accounts)
        self._streams = MarketStreams(
            SpotDialect(self.exchange, self._tapes),
            emit,
            self.venue_ns,
            lambda stream, now_ns: self.faults.silent(Which.MARKET, now_ns, stream),
        )
        self._clock = StreamClock(self._streams, self._agenda, self._tapes, self.market)
        self._distortion = Distortion(self.exchange, self.faults, self._agenda, self._streams)
        self._lines.streams = self._streams
        delivery = Delivery(self.faults, self._agenda)
        self._sessions = Sessions(self.faults, delivery, emit, self.venue_ns)
        self._lines.sessions = self._sessions
        self._gate = Gate(
            self.settings,
            self.exchange,
            self._limits,
            self.faults,
            self.truth,
            keyring,
            self._agenda,
            self.clock_offset_ns,
            self._answer,
            self._flush,
        )
        self._tickers = Tickers(self.exchange, self._tapes)
        routes = self._routes()
        session_api = SessionApi(self._sessions, keyring, self.venue_ns)
        self._rest = Rest(self._gate, self._limits, emit, routes)
        self._endpoints = [name for r in routes for name in (r.path, r.ws) if name]
        self._endpoints += session_api.methods()
        self._ws_api = WsApi(
            self.settings,
            self._gate,
            self._limits,
            self._sessions,
            session_api,
            emit,
            routes,
        )

    def _usdm(self, market: Market) -> Usdm:
        shared = Shared(
            settings=self.settings,
            clients=self.exchange,
            truth=self.truth,
            faults=self.faults,
            agenda=self._agenda,
            keyring=Keyring(self.settings.accounts),
            emit=self._lines.emit,
            venue_ns=self.venue_ns,
            clock_offset_ns=self.clock_offset_ns,
            start_market=self.start_market,
        )
        return Usdm(shared, market)

    def _routes(self) -> list[Route]:
        engine = EngineFaults(self.exchange, self.faults, self._agenda)
        self.exchange.floor.prevents = engine.prevents
        reference_price = self._tickers.reference_price
        trading = Trading(self.exchange, self._limits, reference_price, engine)
        return [
            *Public(self.exchange, self._tapes, self.market).routes(),
            *self._tickers.routes(),
            *trading.routes(),
            *AmendApi(self.exchange).routes(),
            *ListApi(self.exchange, trading, engine).routes(),
            *Private(self.exchange, self._limits, Vanishing(self.faults)).routes(),
            *Stubs(self.exchange).routes(),
        ]

    @property
    def log(self) -> list[Entry]:
        """The venue's truth so far."""
        return self.truth.entries

    # --- time ------------------------------------------------------------------------------

    def clock_offset_ns(self, now_ns: int) -> int:
        """How far the venue's clock is ahead of the lab's, faults included."""
        offset_ns = self.settings.clock_offset_ns
        if not self.faults.faults:
            return offset_ns
        for fault in self.faults.standing(FaultKind.CLOCK_OFFSET, now_ns):
            offset_ns += fault.spec.ms * MS_NS
        return offset_ns

    def venue_ns(self, at_ns: int) -> int:
        """A moment on the venue's clock."""
        return at_ns + self.clock_offset_ns(at_ns)

    def next_due_ns(self) -> int | None:
        """When `advance` must be called next; None when nothing is scheduled."""
        market_ns, act_ns = self.market.next_at_ns(), self._agenda.next_due_ns()
        if market_ns is None or act_ns is None:
            return market_ns if act_ns is None else act_ns
        return min(market_ns, act_ns)

    def advance(self, now_ns: int) -> list[Out]:
        """Everything due up to `now_ns`, in order of its time."""
        if not self._started and not self.settings.start_on_subscriber:
            self.start_market(now_ns)
        while True:
            market_ns, act_ns = self.market.next_at_ns(), self._agenda.next_due_ns()
            if market_ns is not None and (act_ns is None or market_ns <= act_ns):
                if market_ns > now_ns:
                    break
                self._now_ns = max(self._now_ns, market_ns)
                for event in self.market.take(market_ns):
                    self._on_market(event)
                self._note_end()
            elif act_ns is not None and act_ns <= now_ns:
                self._now_ns = max(self._now_ns, act_ns)
                _, act = self._agenda.take()
                act(self._now_ns)
                self._flush(self._now_ns)
            else:
                break
        self._now_ns = max(self._now_ns, now_ns)
        outs = self._outs.copy()
        self._outs.clear()
        return outs

    # --- requests --------------------------------------------------------------------------

    def handle(self, request: Request, now_ns: int) -> list[Out]:
        """Take a request that arrives now; what was due before comes first."""
        outs = self.advance(now_ns)
        now_ns = self._now_ns  # never earlier than what has already happened
        match request:
            case RestCall():
                self._door(request.path).receive(request, now_ns)
            case WsOpen():
                self._open(request, now_ns)
            case WsText():
                self._text(request, now_ns)
            case WsClosed():
                self._forget(request.conn)
        outs += self._outs
        self._outs.clear()
        return outs

    def _door(self, path: str) -> Control | Usdm | Rest:
        if path.startswith("/lab/"):
            return self._control
        return self.usdm if self.usdm is not None and self.usdm.serves(path) else self._rest

    def _open(self, opened: WsOpen, now_ns: int) -> None:
        self._lines.opened(opened.conn, now_ns)
        if self.usdm is not None and self.usdm.serves(opened.path):
            if self.usdm.open(opened, now_ns):
                self._lines.drop_if(Which.ALL, opened.conn, now_ns)
            return
        if not self._limits.connect(opened.source, now_ns):
            self._shut(opened.conn, now_ns, _POLICY_CLOSE, "Too many connections")
            return
        if opened.path.partition("?")[0] == _WS_API_PATH:
            try:
                self._limits.spend(opened.source, WEIGHT, now_ns)
            except Refused as e:
                self._shut(opened.conn, now_ns, _POLICY_CLOSE, e.msg)
                return
            self._sessions.open(opened.conn, opened.path, opened.source, now_ns)
            self._lines.drop_if(Which.USER, opened.conn, now_ns)
            return
        self._streams.open(opened.conn, opened.path)
        self._lines.drop_if(Which.MARKET, opened.conn, now_ns)
        self._after_subscribing(now_ns)

    def _text(self, frame: WsText, now_ns: int) -> None:
        if frame.conn in self._sessions.by_conn:
            self._ws_api.receive(frame.conn, frame.text, now_ns)
        elif self.usdm is not None and frame.conn in self.usdm.streams.listeners:
            self.usdm.text(frame, now_ns)
        elif frame.conn in self._streams.listeners:
            self._streams.command(frame.conn, frame.text, now_ns)
            self._after_subscribing(now_ns)

    def _after_subscribing(self, now_ns: int) -> None:
        if self._streams.subscribed and not self._started:
            self.start_market(now_ns)
        self._clock.wake(now_ns)

    def _answer(self, ask: Ask, answer: Answer, now_ns: int) -> None:
        door = self._rest if ask.caller.via is Via.REST else self._ws_api
        door.answer(ask, answer, now_ns)

    def _shut(self, conn: int, now_ns: int, code: int, reason: str) -> None:
        self._forget(conn)
        self._outs.append(CloseWs(conn=conn, at_ns=now_ns, code=code, reason=reason))

    def _forget(self, conn: int) -> None:
        self._lines.closed(conn)
        self._streams.close(conn)
        self._sessions.close(conn)
        if self.usdm is not None:
            self.usdm.streams.close(conn)

    # --- the market ------------------------------------------------------------------------

    def start_market(self, now_ns: int) -> None:
        """Start the market if it has not started."""
        if not self._started:
            self._started = True
            self.market.start(now_ns)
            if self.usdm is not None:
                self.usdm.start(now_ns)
            self._clock.candles.begin(now_ns)
            self.truth.add(Kind.MARKET, now_ns, what="started", reason=self.market.report().source)

    def _note_end(self) -> None:
        if self.market.ended and not self._ended:
            self._ended = True
            self.truth.add(Kind.MARKET, self._now_ns, what="ended")

    def _on_market(self, event: MarketEvent) -> None:
        if event.symbol not in self._tapes:
            known = ", ".join(self._tapes)
            raise ValueError(f"the market brings {event.symbol}; this lab lists only {known}")
        published = self.exchange.on_market(event)
        if isinstance(published, Trade):
            self._clock.candles.take(published, event.at_ns)
        if not isinstance(published, DepthSnapshot):
            self._distortion.on_event(published, event.at_ns)
        self._flush(event.at_ns)

    def _flush(self, now_ns: int) -> None:
        """Tell what settlement left behind: reports, balances, prints."""
        if self.usdm is not None:
            self.usdm.flush(now_ns)
        settlement = self.exchange.settlement
        touched = settlement.locks.touched
        if not touched and not settlement.prints and not settlement.reports:
            return
        for report in settlement.reports:
            if isinstance(report, ListReport):
                self._sessions.tell_list(report, now_ns)
                continue
            order, fill = report.order, report.fill
            if fill is not None and order.executed == fill.quantity:
                self._limits.first_fill(order.account, maker=fill.maker, now_ns=now_ns)
            self._sessions.tell_report(report, now_ns)
        settlement.reports.clear()
        for name, account in self.exchange.accounts.items():
            assets = [asset for owner, asset in touched if owner == name]
            if assets:
                self._sessions.tell_balances(name, account.wallet, assets, now_ns)
        touched.clear()
        for trade in settlement.prints:
            self._clock.candles.take(trade, now_ns)
            self._distortion.on_event(trade, now_ns)
        settlement.prints.clear()

    # --- faults beyond single requests -----------------------------------------------------

    def _strike(self, fault: Fault, now_ns: int) -> None:
        """A fault was just set: those that act by themselves act now."""
        if fault.spec.kind in ACTS:
            self._deeds.act(fault, now_ns)
            self._flush(now_ns)
        elif fault.spec.kind in OF_LINES:
            self._lines.act(fault, now_ns)
        elif fault.spec.kind is FaultKind.CLOCK_OFFSET:
            self.faults.begin(fault, now_ns)

    # --- looking in ------------------------------------------------------------------------

    def farewell(self, now_ns: int) -> list[Out]:
        """The venue shuts down: every websocket is told and closed."""
        return self._lines.farewell(now_ns)

    def state(self, now_ns: int) -> Json:
        """Where everything stands, for people."""
        return {
            "now_ns": now_ns,
            "clock_offset_ns": self.clock_offset_ns(now_ns),
            "seed": self.settings.seed,
            "symbols": list(self.exchange.rules),
            "accounts": list(self.exchange.accounts),
            "market": market_status(self.market, started=self._started),
            "counters": counters(self.exchange, self._streams, self._sessions),
            "usdm": usdm_status(self.usdm, started=self._started),
            "faults_active": sum(f.active(now_ns) for f in self.faults.faults.values()),
        }
