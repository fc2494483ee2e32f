"""Facts of a desk that trades BTC/USDT at spot and its perpetual beside it, one symbol and one account."""

from typing import Any

import msgspec

from audit.told import LIMITS, accept, fill, intended, said, written
from builders import NOW, STRATEGY, D, an_id, an_instrument
from nightdesk.audit.facts import Fact, VenueSaid, Written
from nightdesk.model.account import Flow, Forced, ForcedFill, WalletMove
from nightdesk.model.ids import InstrumentId, StrategyId, VenueId
from nightdesk.model.instrument import Instrument, Kind
from nightdesk.model.order import OrderType, Origin, Side
from nightdesk.model.records import Configured, Flowed, ForceTraded, Reconciled
from nightdesk.model.time import MS_NS, Wall

USDM = VenueId("usdm")
PERP, ETH_PERP = InstrumentId("usdm:BTCUSDT"), InstrumentId("usdm:ETHUSDT")
WALLET = "usdm/USDT"
OTHER = StrategyId("t")
REDUCES: dict[str, Any] = {"venue": "usdm", "reduce_only": True}
STOP: dict[str, Any] = {
    "type": OrderType.STOP,
    "trigger": D(90),
    "origin": Origin.PROTECT,
    "side": Side.SELL,
    "reduce_only": True,
}


def a_perp(instrument: InstrumentId = PERP, base: str = "BTC") -> Instrument:
    made = {"symbol": instrument.partition(":")[2], "kind": Kind.PERPETUAL, "margin": "USDT"}
    return an_instrument(id=instrument, venue=USDM, base=base, **made)


def both(ms: float = -1_000, *, leverage: int = 10, **changed: Any) -> Written:
    """Settings of a desk of spot and two perpetuals."""
    listed = [an_instrument(), a_perp(), a_perp(ETH_PERP, "ETH")]
    body = {
        "limits": {each.id: LIMITS | changed for each in listed},
        "terms": {PERP: {"leverage": leverage}, ETH_PERP: {"leverage": leverage}},
    }
    text = msgspec.json.encode(body).decode()
    return written(Configured(hash="h", instruments=listed, body=text), ms)


def wanted(ms: float = 0, number: int = 1, **changed: Any) -> Written:
    """An intent for the perpetual."""
    return intended(ms, **{"instrument": PERP, "client_id": an_id(number), **changed})


def taken(ms: float = 0, qty: str = "1", number: int = 1, **rest: Any) -> VenueSaid:
    """The venue of contracts takes an order of ours; its numbers may be spot's as well."""
    named = {"venue": "usdm", "order_id": number, "client_order_id": an_id(number)}
    return accept(ms, qty, **named | rest)


def traded(ms: float = 0, qty: str = "1", number: int = 1, **rest: Any) -> VenueSaid:
    named = {"venue": "usdm", "order_id": number, "client_order_id": an_id(number)}
    return fill(ms, qty, **named | {"realised": D(0)} | rest)


def long(qty: str = "1", number: int = 1, ms: float = 0, **rest: Any) -> list[Fact]:
    """The perpetual is bought."""
    return [
        wanted(ms - 1, number, qty=D(qty)),
        taken(ms, qty, number, **rest),
        traded(ms, qty, number, **rest),
    ]


def algo(ms: float, what: str, number: int = 2, qty: str = "1", **rest: Any) -> VenueSaid:
    """The book of conditional orders tells of one of ours that sells."""
    made = {
        "order_id": None,
        "algo_id": 1_000 + number,
        "client_order_id": an_id(number),
        "side": "SELL",
        "order_type": "STOP_MARKET",
        "quantity": D(qty),
        **REDUCES,
        **rest,
    }
    return said("algo", ms, what=what, **made)


def became(ms: float, number: int = 2, order_id: int = 7, qty: str = "1") -> list[VenueSaid]:
    """What waited is triggered, and is now an order of the usual book."""
    child = {"order_id": order_id, "algo_id": 1_000 + number, "side": "SELL", **REDUCES}
    return [
        algo(ms, "TRIGGERING", number, qty),
        taken(ms, qty, number, order_type="MARKET", price=D(0), **child),
    ]


def stopped(ms: float, number: int = 2, order_id: int = 7, qty: str = "1") -> list[VenueSaid]:
    """And trades."""
    gone = traded(ms, qty, number, order_id=order_id, side="SELL", **REDUCES)
    return [*became(ms, number, order_id, qty), gone, algo(ms, "FINISHED", number, qty)]


def forced(ms: float, qty: str = "1", **rest: Any) -> list[VenueSaid]:
    """The venue liquidates a long position."""
    made = {"client_order_id": "autoclose-1", "side": "SELL", "order_id": 99, **REDUCES, **rest}
    return [taken(ms, qty, **made), traded(ms, qty, **made)]


def opened_with(ms: float = -900, wallet: str = "1000", surplus: str = "0") -> Written:
    """The books of contracts are opened."""
    return written(
        Reconciled(
            balances={WALLET: D(wallet), PERP: D(surplus), ETH_PERP: D(0)},
            unexplained={},
            surplus={} if surplus == "0" else {PERP: D(surplus)},
        ),
        ms,
    )


def adopted(ms: float, qty: str, **shares: str) -> Written:
    """An operator adopts another position; of the difference strategies bear their shares."""
    made = {PERP: {StrategyId(name): D(share) for name, share in shares.items()}}
    record = Reconciled(balances={PERP: D(0)}, unexplained={}, surplus={PERP: D(qty)}, shares=made)
    return written(record, ms)


def paid(ms: float, amount: str = "-1", kind: str = "funding", **rest: Any) -> VenueSaid:
    """The venue moves the wallet."""
    made = {"venue": "usdm", "order_id": None, "client_order_id": None, "side": None, **rest}
    return said(kind, ms, asset="USDT", amount=D(amount), **made)


def flowed(
    ms: float, amount: str = "-1", kind: Flow = Flow.FUNDING, id: str = "1", **shares: str
) -> Written:
    """The desk books a move; at the same moment by the venue's stamp."""
    move = WalletMove(
        kind=kind,
        id=id,
        instrument=PERP if kind is Flow.FUNDING else None,
        asset="USDT",
        amount=D(amount),
        at=Wall(NOW + int(ms * MS_NS)),
    )
    shared = {StrategyId(who): D(share) for who, share in shares.items()}
    return written(Flowed(venue=USDM, move=move, shares=shared), ms)


def force_traded(
    ms: float, qty: str = "1", id: str = "1", realised: str = "0", fee: str = "0", **shares: str
) -> Written:
    """The desk books a liquidation of a long position."""
    trade = ForcedFill(
        kind=Forced.LIQUIDATION,
        instrument=PERP,
        venue_order_id="99",
        trade_id=id,
        side=Side.SELL,
        price=D(100),
        qty=D(qty),
        fee=D(fee),
        fee_asset="USDT",
        realised=D(realised),
        at=Wall(NOW + int(ms * MS_NS)),
    )
    shared = {StrategyId(who): D(share) for who, share in shares.items()}
    return written(ForceTraded(fill=trade, shares=shared), ms)


MINE = str(STRATEGY)
