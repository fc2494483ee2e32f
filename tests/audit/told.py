"""Facts as tests tell them: one desk, BTC/USDT, times in milliseconds after NOW."""

from collections.abc import Iterable
from decimal import Decimal
from itertools import count
from typing import Any

import msgspec

from builders import NOW, D, a_report, an_execution, an_id, an_instrument, an_intent
from nightdesk.audit.facts import (
    Commanded,
    Fact,
    Healed,
    Kept,
    Leased,
    Published,
    SentOut,
    VenueSaid,
    Written,
)
from nightdesk.audit.invariant import Finding, Invariant
from nightdesk.audit.laws import Hearing
from nightdesk.audit.ledger import Ledger
from nightdesk.audit.venue_log import Entry, Sender
from nightdesk.model.ids import ClientOrderId, Epoch
from nightdesk.model.order import Amendment, Inputs, OrderReport, Origin, Side, VenueStatus
from nightdesk.model.outcome import Reason, Verdict
from nightdesk.model.records import (
    AmendAnswered,
    AmendAsked,
    Answered,
    CancelAsked,
    Configured,
    EpochOpened,
    Executed,
    Intended,
    Reconciled,
    Record,
    Reported,
    Resolved,
    Spooled,
)
from nightdesk.model.time import MS_NS, Wall

ID = an_id()
_SLOTS = count(1)
KEY = "the-key"
LIMITS = {
    "position_max": "2",
    "order_qty_max": "1",
    "order_notional_max": "1000",
    "open_orders_max": 3,
    "orders_per_second_max": 2,
    "stale_after_ns": 100 * MS_NS,
}


def at(ms: float) -> int:
    """UTC ns, `ms` after NOW."""
    return NOW + int(ms * MS_NS)


def entry(kind: str, ms: float = 0, **rest: Any) -> Entry:
    """One line of the venue's log about order 1, a buy of ours."""
    made = {
        "seq": 1,
        "at_ns": at(ms),
        "kind": kind,
        "account": "practice",
        "client_order_id": ID,
        "order_id": 1,
        "symbol": "BTCUSDT",
        "side": "BUY",
        **rest,
    }
    return Entry(**made)


def said(kind: str, ms: float = 0, **rest: Any) -> VenueSaid:
    return VenueSaid(at_ns=at(ms), entry=entry(kind, ms, **rest))


def accept(ms: float = 0, qty: str = "1", **rest: Any) -> VenueSaid:
    return said("accept", ms, quantity=D(qty), price=rest.pop("price", D(100)), **rest)


def fill(ms: float = 0, qty: str = "1", **rest: Any) -> VenueSaid:
    price = rest.pop("price", D(100))
    return said("fill", ms, last_quantity=D(qty), last_price=price, **rest)


def arrival(ms: float = 0, **rest: Any) -> VenueSaid:
    made: dict[str, Any] = {
        "order_id": None,
        "account": None,
        "sender": Sender(api_key=KEY),
        **rest,
    }
    return said("arrival", ms, **made)


def bought(ms: float, qty: str, number: int, **rest: Any) -> list[Fact]:
    """An order of ours that fills at once."""
    named = {"order_id": number, "client_order_id": an_id(number), **rest}
    return [accept(ms, qty, **named), fill(ms, qty, **named)]


def written(
    record: Record, ms: float = 0, *, epoch: int = 1, decided: float | None = None
) -> Written:
    decided_at = Wall(at(ms if decided is None else decided))
    return Written(
        at_ns=at(ms), seq=next(_SLOTS), epoch=epoch, record=record, decided_at=decided_at
    )


def intended(
    ms: float = 0, *, epoch: int = 1, decided: float | None = None, **changed: Any
) -> Written:
    return written(Intended(intent=an_intent(**changed)), ms, epoch=epoch, decided=decided)


def kept(ms: float = 0) -> Kept:
    """A spool has it."""
    return Kept(at_ns=at(ms), node="a", client_id=ID)


def imported(ms: float = 0, *, epoch: int = 2, kept_ms: float = 0) -> Written:
    """Who leads next found it in a spool."""
    found = Spooled(intent=an_intent(), epoch=Epoch(1), at=Wall(at(kept_ms)))
    return written(found, ms, epoch=epoch)


def inputs(bid: str = "100", ask: str = "100.01", age_ms: float = 0) -> Inputs:
    return Inputs(bid=D(bid), ask=D(ask), age_ns=int(age_ms * MS_NS))


def answered(verdict: Verdict, ms: float = 0, client_id: str = ID) -> Written:
    record = Answered(
        client_id=client_id,  # type: ignore[arg-type]
        verdict=verdict,
        reason=Reason.NONE,
        code=0,
        text="",
        sent_at=Wall(at(ms)),
        answered_at=Wall(at(ms)),
    )
    return written(record, ms)


def reported(status: VenueStatus, filled: str = "0", ms: float = 0, **rest: Any) -> Written:
    report: OrderReport = a_report(status=status, filled=D(filled), **rest)
    return written(Reported(report=report), ms)


def executed(ms: float = 0, **rest: Any) -> Written:
    return written(Executed(execution=an_execution(**rest)), ms)


def amend_asked(
    qty: str = "2", price: str = "101", ms: float = 0, *, number: int = 1, **rest: Any
) -> Written:
    """Other terms for the order are asked for."""
    made: dict[str, Any] = {"client_id": ID, "deadline": Wall(at(2_000)), **rest}
    new = Amendment(number=number, qty=D(qty), price=D(price), **made)
    return written(AmendAsked(amendment=new, why="target"), ms)


def amend_answered(verdict: Verdict, ms: float = 0, number: int = 1) -> Written:
    record = AmendAnswered(
        client_id=ID,
        number=number,
        verdict=verdict,
        reason=Reason.NONE,
        code=0,
        text="",
        sent_at=Wall(at(ms)),
        answered_at=Wall(at(ms)),
    )
    return written(record, ms)


def amended(qty: str = "2", price: str = "101", ms: float = 0, **rest: Any) -> VenueSaid:
    """The venue gave it other terms."""
    return said("amend", ms, quantity=D(qty), price=D(price), **rest)


def resolved(ms: float = 0, client_id: str = ID) -> Written:
    return written(Resolved(client_id=ClientOrderId(client_id), evidence="x"), ms)


def cancel_asked(ms: float = 0) -> Written:
    return written(CancelAsked(client_id=ID, why="x"), ms)


def configured(ms: float = -1_000, **changed: Any) -> Written:
    """Settings as a desk journals them; no name, so that ids of any desk count until one is intended."""
    body = {"limits": {"binance:BTCUSDT": LIMITS | changed}, "more": 1}
    text = msgspec.json.encode(body).decode()
    return written(Configured(hash="h", instruments=[an_instrument()], body=text), ms)


def opened(epoch: int, ms: float = 0, nonce: int = 1) -> Written:
    record = EpochOpened(epoch=Epoch(epoch), nonce=nonce, holder="a", version="0", config_hash="h")
    return written(record, ms, epoch=epoch)


def reconciled(ms: float = -900, surplus: str = "0", **balances: str) -> Written:
    return written(
        Reconciled(
            balances={asset: D(amount) for asset, amount in balances.items()},
            unexplained={},
            surplus={} if surplus == "0" else {an_instrument().id: D(surplus)},
        ),
        ms,
    )


def sent(ms: float = 0, what: Any = "place", **rest: Any) -> SentOut:
    made: dict[str, Any] = {"node": "a", "client_id": ID, "epoch": 1, **rest}
    return SentOut(at_ns=at(ms), what=what, **made)


def leased(ms: float = 0, *, epoch: int = 1, holder: str = "a", until: float = 1_000) -> Leased:
    return Leased(at_ns=at(ms), epoch=epoch, holder=holder, until_ns=at(until))


def published(ms: float = 0, qty: str = "0", **rest: Any) -> Published:
    made: dict[str, Any] = {
        "node": "a",
        "epoch": 1,
        "mode": "NORMAL",
        "trading": True,
        "positions": {"binance:BTCUSDT": D(qty)},
        "open_orders": (),
        "unknown": 0,
        "balances": {},
        **rest,
    }
    return Published(at_ns=at(ms), **made)


def commanded(command: str, ms: float = 0) -> Commanded:
    return Commanded(at_ns=at(ms), command=command)


def healed(ms: float = 0) -> Healed:
    return Healed(at_ns=at(ms))


def heard(
    invariant: Invariant, facts: Iterable[Fact], rest_ms: float | None = None
) -> list[Finding]:
    """What an invariant finds in a hearing, where it is spared what it does not hear; then at rest."""
    hearing = Hearing([invariant], getattr(invariant, "ledger", None) or Ledger())
    found = [finding for fact in facts for finding in hearing.hear(fact)]
    if rest_ms is not None:
        found += hearing.rest(at(rest_ms))
    assert all(finding.law == invariant.law for finding in found)
    return found


def whats(invariant: Invariant, facts: Iterable[Fact], rest_ms: float | None = None) -> list[str]:
    return [finding.what for finding in heard(invariant, facts, rest_ms)]


FLATTEN = {"origin": Origin.FLATTEN, "side": Side.SELL}
ZERO = Decimal(0)
