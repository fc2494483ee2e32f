"""The REST door: HTTP calls in, HTTP answers out.

Owns paths, headers and bodies. Refuses decisions: the gate has them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec

from nightdesk.lab import params
from nightdesk.lab.api import Ask, Caller, Route, Via
from nightdesk.lab.auth import rest_payload
from nightdesk.lab.choices import How
from nightdesk.lab.gate import Answer, Gate, Proof
from nightdesk.lab.limits import Limits
from nightdesk.lab.plans import STAND_IN, Mangle
from nightdesk.lab.refusals import Refused
from nightdesk.lab.settings import MS_NS
from nightdesk.lab.truth import Sender
from nightdesk.lab.wire import Hangup, Out, Respond, RestCall

_JSON = {"Content-Type": "application/json;charset=UTF-8"}
_HTML = {"Content-Type": "text/html"}


@dataclass(slots=True)
class Rest:
    """The REST door of one lab."""

    gate: Gate
    limits: Limits
    emit: Callable[[Out], None]
    table: Iterable[Route]
    _routes: dict[tuple[str, str], Route] = field(init=False)

    def __post_init__(self) -> None:
        self._routes = {(route.method, route.path): route for route in self.table}

    def receive(self, call: RestCall, now_ns: int) -> None:
        """Take a call."""
        route = self._routes.get((call.method, call.path))
        if route is None:
            self._respond(call.id, now_ns, 404, dict(_HTML), b"Not Found")
            return
        caller = Caller(via=Via.REST, number=call.id, source=call.source)
        headers = call.headers
        micro = headers.get("x-mbx-time-unit", "").upper() == "MICROSECOND"
        api_key = headers.get("x-mbx-apikey")
        node = headers.get("x-nightdesk-node", headers.get("user-agent", ""))
        ask = Ask(
            route=route,
            params={},
            caller=caller,
            sender=Sender(api_key=api_key or "", source=call.source, node=node),
            now_ns=now_ns,
            clock_offset_ns=self.gate.clock_offset_ns(now_ns),
            unit_ns=1_000 if micro else MS_NS,
        )
        # GET parameters travel in the query only.
        body = "" if call.method == "GET" else call.body
        try:
            ask.params = params.form(call.query, body)
        except Refused as e:
            self.answer(ask, Answer(refusal=e), now_ns)
            return
        payload = rest_payload(call.query, body)
        signature = ask.params.get("signature")
        self.gate.receive(ask, Proof(api_key=api_key, payload=payload, signature=signature))

    def answer(self, ask: Ask, answer: Answer, now_ns: int) -> None:
        """Write an answer, or do what its plan does to it."""
        call, way = ask.caller.number, answer.plan
        if way.lose is How.CLOSE:
            self.emit(Hangup(call=call, at_ns=now_ns))
        if way.lose is not None:
            return
        if way.page is not None and way.refusal is not None:
            self._respond(call, now_ns, way.refusal.status, dict(_HTML), way.page)
            return
        refusal = way.refusal or answer.refusal
        headers = dict(_JSON) | self._usage(ask, refusal, now_ns)
        if refusal is None:
            result = answer.result if way.executes else STAND_IN
            status, body = 200, msgspec.json.encode(result)
        else:
            shown = refusal.body()
            if refusal.retry_after_s is not None:
                headers["Retry-After"] = str(refusal.retry_after_s)
                shown.pop("data", None)  # the header says it; only the WebSocket API has data
            status, body = refusal.status, msgspec.json.encode(shown)
        if way.mangle is not None and way.mangle.spread_ns:
            spread_ns = way.mangle.spread_ns
            self._respond(call, now_ns, status, headers, body, spread_ns)
        elif way.mangle is not None:
            self._mangled(call, now_ns, headers, body, way.mangle)
        else:
            self._respond(call, now_ns, status, headers, body)

    def _usage(self, ask: Ask, refusal: Refused | None, now_ns: int) -> dict[str, str]:
        used = str(self.limits.used_weight(ask.caller.source, now_ns))
        headers = {"X-MBX-USED-WEIGHT": used, "X-MBX-USED-WEIGHT-1M": used}
        if ask.route.orders and refusal is None and ask.account is not None:
            counts = self.limits.order_counts(ask.account.name, now_ns)
            for quota, count in zip(self.limits.quota.orders, counts, strict=True):
                headers[f"X-MBX-ORDER-COUNT-{quota.header}"] = str(count)
        return headers

    def _mangled(
        self, call: int, now_ns: int, headers: dict[str, str], body: bytes, mangle: Mangle
    ) -> None:
        if mangle.text is not None:
            shown = headers | _HTML if mangle.text else headers
            self._respond(call, now_ns, 200, shown, mangle.text)
            return
        self.emit(
            Respond(call=call, at_ns=now_ns, status=200, headers=headers, body=body, cut=mangle.cut)
        )

    def _respond(
        self,
        call: int,
        now_ns: int,
        status: int,
        headers: dict[str, str],
        body: bytes,
        spread_ns: int = 0,
    ) -> None:
        self.emit(
            Respond(
                call=call,
                at_ns=now_ns,
                status=status,
                headers=headers,
                body=body,
                spread_ns=spread_ns,
            )
        )
