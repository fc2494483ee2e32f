"""The lab's own door, `/lab/...`: set faults, read the truth, look at the state.

Owns what a venue would never offer. Refuses the venue's protocol, limits and keys: whoever
reaches this door runs the lab.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from urllib.parse import parse_qs

import msgspec

from nightdesk.lab.catalogue import FaultRefused, FaultSpec
from nightdesk.lab.exchange import Exchange
from nightdesk.lab.fault_asked import read_spec
from nightdesk.lab.faults import Fault, FaultBoard, on_path
from nightdesk.lab.market import Market
from nightdesk.lab.params import whole_or_none
from nightdesk.lab.truth import Truth
from nightdesk.lab.usdm.venue import Usdm
from nightdesk.lab.views import Json
from nightdesk.lab.wire import Out, Respond, RestCall

_LOG_LIMIT_DEFAULT = 1000
_LOG_LIMIT_MAX = 100_000


class _Wrong(Exception):
    """The request cannot be answered; status and text say why."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(slots=True)
class Control:
    """The lab's own door."""

    exchange: Exchange
    usdm: Usdm | None
    faults: FaultBoard
    truth: Truth
    market: Market
    # What a fault's `path` can name: REST paths and methods of the WebSocket API.
    endpoints: Collection[str]
    emit: Callable[[Out], None]
    start_market: Callable[[int], None]
    strike: Callable[[Fault, int], None]
    state: Callable[[int], Json]

    def receive(self, call: RestCall, now_ns: int) -> None:
        """Take a call to `/lab/...`."""
        try:
            status, body = 200, self._answer(call, now_ns)
        except (_Wrong, FaultRefused) as e:
            status = e.status if isinstance(e, _Wrong) else 400
            body = {"error": str(e)}
        self.emit(
            Respond(
                call=call.id,
                at_ns=now_ns,
                status=status,
                headers={"Content-Type": "application/json"},
                body=msgspec.json.encode(body),
            )
        )

    def _answer(self, call: RestCall, now_ns: int) -> object:
        asked = {name: values[-1] for name, values in parse_qs(call.query).items()}
        place = call.path.removeprefix("/lab/")
        if place.startswith("faults/"):
            place, asked["id"] = "faults", place.removeprefix("faults/")
        answers: dict[str, Callable[[], object]] = {
            "GET log": lambda: self._log(asked),
            "GET status": lambda: self.state(now_ns),
            "GET account": lambda: self._account(asked.get("name", "")),
            "GET faults": lambda: [_shown(f, now_ns) for f in self.faults.faults.values()],
            "POST faults": lambda: self._add(call.body, now_ns),
            "DELETE faults": lambda: self._delete(asked.get("id")),
            "POST market/start": lambda: self._start(now_ns),
        }
        answer = answers.get(f"{call.method} {place}")
        if answer is None:
            raise _Wrong(404, f"no {call.method} {call.path}; known: {', '.join(answers)}")
        return answer()

    def _log(self, asked: dict[str, str]) -> object:
        after = _number(asked, "after", 0)
        limit = min(_number(asked, "limit", _LOG_LIMIT_DEFAULT), _LOG_LIMIT_MAX)
        return {"entries": self.truth.after(after, limit), "last_seq": self.truth.last_seq}

    def _account(self, name: str) -> object:
        account = self.exchange.accounts.get(name)
        if account is None:
            known = ", ".join(self.exchange.accounts) or "none"
            raise _Wrong(404, f"no account {name!r}; known: {known}")
        return {
            "name": name,
            "open_orders": len(account.open_ids),
            "balances": {
                asset: {
                    "free": str(purse.free),
                    "locked": str(purse.locked),
                    "initial": str(purse.initial),
                    "transferred": str(purse.transferred),
                }
                for asset, purse in account.wallet.purses.items()
            },
        } | (self.usdm.shown(name) if self.usdm is not None else {})

    def _add(self, body: str, now_ns: int) -> object:
        spec = read_spec(body.encode())
        self._check_names(spec)
        fault = self.faults.add(spec, now_ns)
        try:
            self.strike(fault, now_ns)
        except FaultRefused:
            del self.faults.faults[fault.id]
            raise
        return _shown(fault, now_ns)

    def _check_names(self, spec: FaultSpec) -> None:
        """A fault about what this lab does not have would never strike."""
        exchange, path, perps = self.exchange, spec.match.path, {}
        endpoints = list(self.endpoints)
        if self.usdm is not None:
            endpoints, perps = endpoints + self.usdm.endpoints, self.usdm.exchange.rules
        assets = {*exchange.settings.assets(), *(rules.quote for rules in perps.values())}
        for what, name, known in (
            ("account", spec.account, list(exchange.accounts)),
            ("asset", spec.asset, sorted(assets)),
            ("symbol", spec.symbol, list(exchange.rules | perps)),
        ):
            if name is not None and name not in known:
                raise FaultRefused(f"no {what} {name!r}; known: {', '.join(known) or 'none'}")
        if path is not None and not any(on_path(path, name, None) for name in endpoints):
            raise FaultRefused(f"no endpoint {path!r}; one is a REST path or a ws-api method")

    def _delete(self, fault_id: str | None) -> object:
        if fault_id is None:
            gone = list(self.faults.faults)
            self.faults.faults.clear()
            return {"deleted": gone}
        number = whole_or_none(fault_id)
        if number is None or number not in self.faults.faults:
            raise _Wrong(404, f"no fault {fault_id}")
        del self.faults.faults[number]
        return {"deleted": [number]}

    def _start(self, now_ns: int) -> object:
        self.start_market(now_ns)
        return self.state(now_ns)


def _number(asked: dict[str, str], name: str, default: int) -> int:
    if name not in asked:
        return default
    number = whole_or_none(asked[name])
    if number is None:
        raise _Wrong(400, f"{name} is a whole number, not {asked[name]!r}")
    return number


def _shown(fault: Fault, now_ns: int) -> Json:
    spec: Json = msgspec.to_builtins(fault.spec)
    return {"id": fault.id, "active": fault.active(now_ns), "fired": fault.fired} | spec
