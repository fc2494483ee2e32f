"""The gate: the way of every request through the venue, whichever door it came through.

Owns the order of things: faults, limits, key, signature, time window, parameters, engine,
answer. Refuses to read or write wire formats: `rest` and `ws_api` do.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import msgspec

from nightdesk.lab.agenda import Agenda
from nightdesk.lab.api import Ask, Stage, Via
from nightdesk.lab.auth import Keyring, window
from nightdesk.lab.catalogue import (
    FRAME_KINDS,
    KEY_KINDS,
    OVERLOAD_KINDS,
    REQUEST_KINDS,
    FaultKind,
)
from nightdesk.lab.exchange import Exchange
from nightdesk.lab.faults import FaultBoard
from nightdesk.lab.limits import Limits
from nightdesk.lab.params import amount_or_none, check_names
from nightdesk.lab.plans import GOOD_DAY, SPOT_OVERLOAD, Overload, Plan, maintenance, plan
from nightdesk.lab.refusals import Refused
from nightdesk.lab.settings import MS_NS, AccountSettings, LabSettings
from nightdesk.lab.truth import Kind, Origin, Truth
from nightdesk.lab.views import shows_orders, with_unheard_of


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What a request brings to prove who sent it."""

    api_key: str | None
    payload: str
    signature: str | None
    # A session that has logged on proves its requests without signatures.
    trusted: bool = False


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue says: a result or a refusal, and what its plan makes of the saying."""

    result: object = None
    refusal: Refused | None = None
    plan: Plan = GOOD_DAY


@dataclass(slots=True)
class Gate:
    """The way through one lab."""

    settings: LabSettings
    exchange: Exchange
    limits: Limits
    faults: FaultBoard
    truth: Truth
    keyring: Keyring
    agenda: Agenda
    clock_offset_ns: Callable[[int], int]
    answer: Callable[[Ask, Answer, int], None]
    flush: Callable[[int], None]
    overload: Overload = SPOT_OVERLOAD

    def receive(self, ask: Ask, proof: Proof) -> None:
        """Take a request; its answer comes now, later or never."""
        way = self._plan(ask)
        if not way.arrives:
            self.answer(ask, Answer(plan=way), ask.now_ns)
            return
        if ask.route.signed:
            self._log_arrival(ask)
        if not way.executes:
            self._finish(ask, Answer(refusal=way.refusal, plan=way), ask.now_ns)
            return
        try:
            self._admit(ask, proof)
        except Refused as e:
            self._refuse(ask, e, way, ask.now_ns)
            return
        engine_ns = self.settings.processing_ns if ask.route.stage is Stage.ENGINE else 0
        work_ns = ask.now_ns + way.delay_ns + engine_ns
        if work_ns == ask.now_ns:
            self._work(ask, way, work_ns)
        else:
            self.agenda.at(work_ns, lambda at_ns: self._work(ask, way, at_ns))

    def _plan(self, ask: Ask) -> Plan:
        if not self.faults.faults:
            return GOOD_DAY
        kinds = REQUEST_KINDS if ask.caller.via is Via.REST else FRAME_KINDS
        if not ask.route.private:
            kinds -= KEY_KINDS
        if self.overload.exempts and _only_reduces(ask.params):
            kinds -= OVERLOAD_KINDS
        fault = self.faults.pick(kinds, ask.target, ask.now_ns)
        return plan(fault, ask.now_ns, self.limits.quota.weight_per_minute_max, self.overload)

    def _admit(self, ask: Ask, proof: Proof) -> None:
        """Everything that is checked on receipt."""
        self.limits.spend(ask.caller.source, ask.route.weigh(ask.params), ask.now_ns)
        if ask.route.private:
            self._check_open(ask)
            account = self.keyring.owner(proof.api_key)
            check_names(ask.params, ask.route.known, signed=True)
            if ask.route.signed:
                self._check_signed(ask, proof, account)
            ask.account = self.exchange.accounts[account.name]
            ask.read_lag_ns = self._read_lag_ns(ask)
        else:
            check_names(ask.params, ask.route.known, signed=False)
        if ask.route.before is not None:
            ask.route.before(ask)

    def _check_signed(self, ask: Ask, proof: Proof, account: AccountSettings) -> None:
        asked = window(ask.params)
        if not proof.trusted:
            self.keyring.verify(account, proof.payload, proof.signature)
        asked.check_on_receipt(ask.now_ns + ask.clock_offset_ns)
        ask.window = asked

    def _check_open(self, ask: Ask) -> None:
        if self.faults.pick((FaultKind.MAINTENANCE,), ask.target, ask.now_ns) is not None:
            raise maintenance()

    def _read_lag_ns(self, ask: Ask) -> int:
        if ask.route.stage is not Stage.READ or not self.faults.faults:
            return self.settings.read_lag_ns
        fault = self.faults.pick((FaultKind.READ_LAG,), ask.target, ask.now_ns)
        lag_ns = 0 if fault is None else fault.spec.ms * MS_NS
        return self.settings.read_lag_ns + lag_ns

    def _work(self, ask: Ask, way: Plan, at_ns: int) -> None:
        """Do what was asked. The engine looks at the time window once more."""
        asked = replace(ask, now_ns=at_ns, clock_offset_ns=self.clock_offset_ns(at_ns))
        try:
            if asked.window is not None and asked.route.stage is Stage.ENGINE:
                # Refused here, an order still counts as unfilled: so it is documented.
                asked.window.check_before_matching(at_ns + asked.clock_offset_ns)
            self.truth.origin = self._origin(ask)
            result = asked.route.run(asked)
        except Refused as e:
            self._refuse(asked, e, way, at_ns)
        else:
            told = self._worded(asked, result) if way.tells else result
            self._finish(asked, Answer(result=told, plan=way), at_ns)
        finally:
            self.truth.origin = None
        self.flush(at_ns)

    def _worded(self, ask: Ask, result: object) -> object:
        """The result, where a fault wants it with a word that no document knows."""
        if not self.faults.faults or not shows_orders(result):
            return result
        fault = self.faults.pick((FaultKind.NEW_ENUM,), ask.target, ask.now_ns)
        return result if fault is None else with_unheard_of(result, fault.spec.field)

    def _origin(self, ask: Ask) -> Origin:
        return Origin(
            arrived_ns=ask.now_ns,
            timestamp=ask.params.get("timestamp"),
            recv_window=ask.params.get("recvWindow"),
            sender=ask.sender,
            clock_offset_ns=ask.clock_offset_ns or None,
        )

    def _refuse(self, ask: Ask, refusal: Refused, way: Plan, at_ns: int) -> None:
        if ask.route.signed:
            self.truth.add(
                Kind.REFUSAL,
                at_ns,
                account=ask.account.name if ask.account is not None else None,
                what=ask.what,
                symbol=ask.params.get("symbol"),
                client_order_id=ask.named_client_id,
                code=refusal.code,
                reason=refusal.msg,
                sender=ask.sender,
            )
        self._finish(ask, Answer(refusal=refusal, plan=way), at_ns)

    def _finish(self, ask: Ask, answer: Answer, at_ns: int) -> None:
        if answer.plan.late_ns:
            late_ns = at_ns + answer.plan.late_ns
            self.agenda.at(late_ns, lambda then_ns: self.answer(ask, answer, then_ns))
        else:
            self.answer(ask, answer, at_ns)

    def _log_arrival(self, ask: Ask) -> None:
        sent = ask.params
        self.truth.add(
            Kind.ARRIVAL,
            ask.now_ns,
            what=ask.what,
            symbol=sent.get("symbol"),
            client_order_id=ask.named_client_id,
            side=sent.get("side"),
            order_type=sent.get("type"),
            time_in_force=sent.get("timeInForce"),
            quantity=amount_or_none(sent.get("quantity")),
            price=amount_or_none(sent.get("price")),
            timestamp=sent.get("timestamp"),
            recv_window=sent.get("recvWindow"),
            sender=ask.sender,
            clock_offset_ns=ask.clock_offset_ns or None,
        )


def _only_reduces(sent: Mapping[str, str]) -> bool:
    return "true" in (sent.get("reduceOnly", ""), sent.get("closePosition", ""))
