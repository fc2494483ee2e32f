"""Drives a lab's core without sockets: signed calls in, decoded answers out."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from lab.markets import ScriptedMarket, stamped
from lab.running import KEY, SECRET, SETTINGS
from nightdesk.lab.core import Lab
from nightdesk.lab.market import Market, MarketEvent, Trade
from nightdesk.lab.settings import LabSettings
from nightdesk.lab.wire import (
    CloseWs,
    Hangup,
    Out,
    Push,
    Respond,
    RestCall,
    WsClosed,
    WsOpen,
    WsText,
)

T0_NS = 1_700_000_000_000_000_000
MS = 1_000_000
SECOND = 1_000 * MS
ORDER = "/api/v3/order"
LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}

Signer = Callable[[str], str]


def hmac_signer(secret: str = SECRET) -> Signer:
    return lambda text: hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


class Answer:
    """One answer, as a client would see it."""

    def __init__(self, respond: Respond) -> None:
        self.raw = respond
        self.status = respond.status
        self.headers = respond.headers

    @property
    def json(self) -> Any:
        return json.loads(self.raw.body)

    @property
    def code(self) -> int:
        return int(self.json["code"])

    @property
    def error(self) -> tuple[int, int, str]:
        return self.status, self.json["code"], self.json["msg"]


class Driver:
    """A lab and its time. Everything the lab puts out is kept in `outs`."""

    def __init__(
        self,
        market: Market | None = None,
        settings: LabSettings = SETTINGS,
        perp_market: Market | None = None,
        **more: Any,
    ) -> None:
        self.market = market or ScriptedMarket()
        fields = {f: getattr(settings, f) for f in settings.__struct_fields__}
        self.lab = Lab(LabSettings(**(fields | more)), self.market, perp_market)
        self.now_ns = T0_NS
        self.outs: list[Out] = []
        self._number = 0
        self.pass_time(0)

    # --- time and market

    def pass_time(self, ns: int) -> list[Out]:
        """Let time pass, stopping at everything that is due."""
        until_ns = self.now_ns + ns
        outs: list[Out] = []
        while (due_ns := self.lab.next_due_ns()) is not None and due_ns <= until_ns:
            self.now_ns = max(self.now_ns, due_ns)
            outs += self.lab.advance(self.now_ns)
        self.now_ns = until_ns
        outs += self.lab.advance(until_ns)
        self.outs += outs
        return outs

    def happen(self, *events: MarketEvent) -> None:
        """Let the market do something now."""
        for event in events:
            self.lab._on_market(stamped(event, self.now_ns))
        self.pass_time(0)

    def made(self, event: Trade, trade_ns: int) -> None:
        """A trade made at `trade_ns` is told now."""
        told = stamped(event, self.now_ns)
        self.lab._on_market(msgspec.structs.replace(told, trade_ns=trade_ns))
        self.pass_time(0)

    # --- REST

    def send(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        key: str | None = KEY,
        sign: Signer | None = None,
        source: str = "10.0.0.1",
        headers: Mapping[str, str] | None = None,
        in_body: bool = False,
    ) -> int:
        """Send a signed call; its number."""
        sent = {"timestamp": self.now_ns // MS} | dict(params or {})
        text = urlencode(sent)
        text += "&signature=" + quote((sign or hmac_signer())(text), safe="")
        return self.raw(
            method,
            path,
            query="" if in_body else text,
            body=text if in_body else "",
            headers=({"x-mbx-apikey": key} if key else {}) | dict(headers or {}),
            source=source,
        )

    def raw(self, method: str, path: str, **fields: Any) -> int:
        self._number += 1
        call = RestCall(id=self._number, method=method, path=path, **fields)
        self.outs += self.lab.handle(call, self.now_ns)
        return self._number

    def answer(self, number: int) -> Answer | None:
        """The answer to a call, if it came."""
        for out in self.outs:
            if isinstance(out, Respond) and out.call == number:
                return Answer(out)
        return None

    def hung_up(self, number: int) -> bool:
        return any(isinstance(out, Hangup) and out.call == number for out in self.outs)

    def call(self, method: str, path: str, params: Any = None, **more: Any) -> Answer:
        """Send a signed call and wait for its answer."""
        number = self.send(method, path, params, **more)
        self.pass_time(5 * MS)
        answer = self.answer(number)
        assert answer is not None, f"no answer to {method} {path}"
        return answer

    def public(self, path: str, query: str = "", **more: Any) -> Answer:
        answer = self.answer(self.raw("GET", path, query=query, **more))
        assert answer is not None
        return answer

    def lab_call(self, method: str, path: str, body: Any = None, query: str = "") -> Answer:
        text = json.dumps(body) if body is not None else ""
        answer = self.answer(self.raw(method, f"/lab/{path}", body=text, query=query))
        assert answer is not None
        return answer

    def fault(self, kind: str, **more: Any) -> int:
        answer = self.lab_call("POST", "faults", {"kind": kind} | more)
        assert answer.status == 200, answer.json
        return int(answer.json["id"])

    def place(self, price: str | None = "100", quantity: str | None = "1", **more: Any) -> Answer:
        """A limit buy, unless `more` says otherwise. None drops a parameter."""
        params = LIMIT | {"price": price, "quantity": quantity} | more
        return self.call("POST", ORDER, {k: v for k, v in params.items() if v is not None})

    def order(self, client_id: str) -> Any:
        params = {"symbol": "BTCUSDT", "origClientOrderId": client_id}
        return self.call("GET", ORDER, params).json

    def balances(self) -> dict[str, tuple[str, str]]:
        rows = self.call("GET", "/api/v3/account").json["balances"]
        return {row["asset"]: (row["free"], row["locked"]) for row in rows}

    # --- websockets

    def open(self, path: str, *, source: str = "10.0.0.1") -> int:
        self._number += 1
        opened = WsOpen(conn=self._number, path=path, source=source)
        self.outs += self.lab.handle(opened, self.now_ns)
        return self._number

    def say(self, conn: int, message: Any) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        self.outs += self.lab.handle(WsText(conn=conn, text=text), self.now_ns)

    def shut(self, conn: int) -> None:
        self.outs += self.lab.handle(WsClosed(conn=conn), self.now_ns)

    def heard(self, conn: int) -> list[Any]:
        """Every frame a websocket got so far."""
        return [
            json.loads(out.text) for out in self.outs if isinstance(out, Push) and out.conn == conn
        ]

    def closed(self, conn: int) -> int | None:
        """The code a websocket was closed with."""
        codes = [out.code for out in self.outs if isinstance(out, CloseWs) and out.conn == conn]
        return codes[0] if codes else None

    def ask(self, conn: int, method: str, params: Any = None, request_id: Any = 1) -> Any:
        """A WebSocket API request and its answer."""
        before = len(self.heard(conn))
        request: dict[str, Any] = {"id": request_id, "method": method}
        if params is not None:
            request["params"] = params
        self.say(conn, request)
        self.pass_time(5 * MS)
        answers = [m for m in self.heard(conn)[before:] if "status" in m]
        assert len(answers) == 1, answers
        return answers[0]

    def signed(self, params: Any = None, *, key: str = KEY, sign: Signer | None = None) -> Any:
        """WebSocket API parameters with key and signature."""
        sent = {"apiKey": key, "timestamp": self.now_ns // MS} | dict(params or {})

        def text(value: Any) -> str:
            return str(value).lower() if isinstance(value, bool) else str(value)

        payload = "&".join(f"{name}={text(sent[name])}" for name in sorted(sent))
        return sent | {"signature": (sign or hmac_signer())(payload)}

    def user_stream(self) -> int:
        """A websocket that hears of the account."""
        conn = self.open("/ws-api/v3")
        answer = self.ask(conn, "userDataStream.subscribe.signature", self.signed())
        assert answer["status"] == 200
        return conn

    def reports(self, conn: int) -> list[Any]:
        """The execution reports a websocket got."""
        events = [m["event"] for m in self.heard(conn) if "event" in m]
        return [e for e in events if e["e"] == "executionReport"]


def ed25519_signer(private: Any) -> Signer:
    return lambda text: base64.b64encode(private.sign(text.encode())).decode()
