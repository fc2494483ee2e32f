"""The WebSocket API door: requests in text frames, answers in text frames.

Owns the envelope of requests and answers. Refuses decisions: the gate has them, and
`session_api` has what concerns only the session.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec

from nightdesk.lab.api import Ask, Caller, Route, Via
from nightdesk.lab.auth import ws_payload
from nightdesk.lab.choices import How
from nightdesk.lab.gate import Answer, Gate, Proof
from nightdesk.lab.limits import Limits
from nightdesk.lab.params import flag
from nightdesk.lab.plans import GOOD_DAY, STAND_IN
from nightdesk.lab.refusals import Refused, mandatory
from nightdesk.lab.session_api import WEIGHT, SessionApi
from nightdesk.lab.sessions import Session, Sessions
from nightdesk.lab.settings import LabSettings
from nightdesk.lab.truth import Sender
from nightdesk.lab.views import Json
from nightdesk.lab.wire import CloseWs, Out, Push

_VERSION_PREFIX = "v3/"
_BROKEN_CLOSE = 1006
# Envelope parameters: they are signed, but no endpoint reads them.
_ENVELOPE = ("apiKey", "returnRateLimits")


class _Request(msgspec.Struct):
    method: str
    id: msgspec.Raw = msgspec.Raw(b"null")
    params: dict[str, msgspec.Raw] = {}


@dataclass(slots=True)
class WsApi:
    """The WebSocket API door of one lab."""

    settings: LabSettings
    gate: Gate
    limits: Limits
    sessions: Sessions
    session_api: SessionApi
    emit: Callable[[Out], None]
    table: Iterable[Route]
    _routes: dict[str, Route] = field(init=False)

    def __post_init__(self) -> None:
        self._routes = {route.ws: route for route in self.table if route.ws is not None}

    def receive(self, conn: int, text: str, now_ns: int) -> None:
        """Take a text frame."""
        session = self.sessions.by_conn[conn]
        try:
            request = msgspec.json.decode(text, type=_Request)
            sent = {name: _text(raw) for name, raw in request.params.items()}
        except msgspec.DecodeError:
            refusal = Refused(-1135, "Invalid JSON Request")
            caller = Caller(via=Via.WS, number=conn, source=session.source)
            self._write(caller, refusal, None, [], now_ns)
            return
        caller = Caller(
            via=Via.WS,
            number=conn,
            source=session.source,
            request_id=bytes(request.id),
            show_limits=_wants_limits(sent, session),
        )
        method = request.method.removeprefix(_VERSION_PREFIX)
        route = self._routes.get(method)
        if route is not None:
            self._to_gate(session, route, sent, caller, now_ns)
        else:
            self._in_session(session, method, sent, caller, now_ns)

    def _to_gate(
        self, session: Session, route: Route, sent: dict[str, str], caller: Caller, now_ns: int
    ) -> None:
        signed_here = "signature" in sent or "apiKey" in sent
        api_key = sent.get("apiKey") if signed_here else session.api_key
        if route.signed and not api_key:
            self._write(caller, mandatory("apiKey"), None, [], now_ns)
            return
        ask = Ask(
            route=route,
            params={name: value for name, value in sent.items() if name not in _ENVELOPE},
            caller=caller,
            sender=Sender(api_key=api_key or "", source=session.source, node="ws-api"),
            now_ns=now_ns,
            clock_offset_ns=self.gate.clock_offset_ns(now_ns),
            unit_ns=session.unit_ns,
        )
        proof = Proof(
            api_key=api_key,
            payload=ws_payload(sent),
            signature=sent.get("signature"),
            trusted=not signed_here and session.api_key is not None,
        )
        self.gate.receive(ask, proof)

    def _in_session(
        self, session: Session, method: str, sent: dict[str, str], caller: Caller, now_ns: int
    ) -> None:
        result: object = None
        refusal = None
        sent.pop("returnRateLimits", None)
        try:
            self.limits.spend(session.source, WEIGHT, now_ns)
            run = self.session_api.methods().get(method)
            if run is None:
                raise Refused(-1020, "This operation is not supported.")
            result = run(session, sent, now_ns)
        except Refused as e:
            refusal = e
        self._write(caller, refusal, result, [], now_ns)

    def answer(self, ask: Ask, answer: Answer, now_ns: int) -> None:
        """Write an answer, or do what its plan does to it."""
        conn, way = ask.caller.number, answer.plan
        if way.lose is How.CLOSE:
            self.sessions.close(conn)
            self.emit(CloseWs(conn=conn, at_ns=now_ns, code=_BROKEN_CLOSE, reason=""))
        if way.lose is not None or conn not in self.sessions.by_conn:
            return
        if way.mangle is not None and way.mangle.text is not None:
            self.emit(Push(conn=conn, at_ns=now_ns, text=way.mangle.text.decode()))
            return
        refusal = way.refusal or answer.refusal
        orders = self._order_limits(ask, now_ns)
        cut = None if way is GOOD_DAY or way.mangle is None else way.mangle.cut
        result = answer.result if way.executes else STAND_IN
        self._write(ask.caller, refusal, result, orders, now_ns, cut)

    def _order_limits(self, ask: Ask, now_ns: int) -> list[Json]:
        if not ask.route.orders or ask.account is None:
            return []
        per_10s, per_day = self.limits.order_counts(ask.account.name, now_ns)
        return [
            _limit("ORDERS", "SECOND", 10, self.settings.orders_per_10s_max, per_10s),
            _limit("ORDERS", "DAY", 1, self.settings.orders_per_day_max, per_day),
        ]

    def _write(
        self,
        caller: Caller,
        refusal: Refused | None,
        result: object,
        orders: list[Json],
        now_ns: int,
        cut: int | None = None,
    ) -> None:
        body: Json = {"id": msgspec.Raw(caller.request_id)}
        if refusal is None:
            body |= {"status": 200, "result": result}
        else:
            body |= {"status": refusal.status, "error": refusal.body()}
        if caller.show_limits:
            used = self.limits.used_weight(caller.source, now_ns)
            most = self.settings.weight_per_minute_max
            body["rateLimits"] = [*orders, _limit("REQUEST_WEIGHT", "MINUTE", 1, most, used)]
        text = msgspec.json.encode(body).decode()
        self.emit(Push(conn=caller.number, at_ns=now_ns, text=text[:cut]))


def _limit(kind: str, interval: str, number: int, limit: int, count: int) -> Json:
    return {
        "rateLimitType": kind,
        "interval": interval,
        "intervalNum": number,
        "limit": limit,
        "count": count,
    }


def _text(raw: msgspec.Raw) -> str:
    """A parameter as its client wrote it: signatures cover numbers as they were sent."""
    token = bytes(raw)
    if token.startswith(b'"'):
        return msgspec.json.decode(token, type=str)
    return token.decode()


def _wants_limits(sent: dict[str, str], session: Session) -> bool:
    try:
        return flag(sent, "returnRateLimits", default=session.show_limits)
    except Refused:
        return session.show_limits
