"""Positions with and without what protects them, where that was declared."""

from typing import Any

import pytest

from audit.told import accept, bought, configured, executed, fill, intended, published, said, whats
from audit.told import written as told
from builders import BTCUSDT, STRATEGY, D, an_id
from nightdesk.audit.facts import Fact
from nightdesk.audit.i10_protection import SILENT_NS, Protection
from nightdesk.model.order import OrderType, Origin, Side
from nightdesk.model.records import ModeSet, ProtectionSet, TargetSet
from nightdesk.model.time import SECOND_NS

STOP = {"type": OrderType.STOP, "trigger": D(90)}
PROFIT = {"type": OrderType.TAKE_PROFIT, "trigger": D(110)}
GUARD: dict[str, Any] = {"origin": Origin.PROTECT, "side": Side.SELL}


def declared(ms: float = 0, **terms: Any) -> Fact:
    made = {name: D(term) if type(term) is str else term for name, term in terms.items()}
    return told(ProtectionSet(strategy=STRATEGY, instrument=BTCUSDT, **made), ms)


def target(qty: str | None, ms: float = 0, suspended: str = "") -> Fact:
    wish = None if qty is None else D(qty)
    record = TargetSet(strategy=STRATEGY, instrument=BTCUSDT, qty=wish, suspended=suspended)
    return told(record, ms)


def mode(scope: str, cause: str, mode: str = "REDUCE_ONLY") -> Fact:
    return told(ModeSet(scope=scope, cause=cause, mode=mode, by="desk", why="why"), 5)


def stop(
    ms: float, qty: str = "1", number: int = 2, kind: str = "STOP_LOSS", **rest: Any
) -> list[Fact]:
    """A protective order of ours that the venue takes."""
    client_id = an_id(number)
    side = rest.pop("side", "SELL")
    wish = PROFIT if kind == "TAKE_PROFIT" else STOP
    return [
        intended(ms, client_id=client_id, qty=D(qty), **GUARD | wish),
        accept(
            ms, qty, order_id=number, client_order_id=client_id, side=side, order_type=kind, **rest
        ),
    ]


def up(until_s: int, since_s: int = 0, **rest: Any) -> list[Fact]:
    """A desk that tells every second that all is well."""
    return [published(second * 1_000, "1", **rest) for second in range(since_s, until_s + 1)]


LONG: list[Fact] = [configured(), declared(stop="90"), intended(-1), *bought(0, "1", 1)]
GONE = said("expire", 1_500, order_id=2)


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([*LONG, *up(11)], 0),  # the first word shows that it is up
        ([*LONG, *up(12)], 1),
        ([*LONG, *up(60)], 1),
        ([*LONG, *stop(500), *up(60)], 0),
        ([*LONG, *stop(500, "0.9"), *up(60)], 1),
        ([*LONG, *stop(500, "0.4"), *stop(600, "0.6", 3), *up(60)], 0),
        ([*LONG, *stop(500, side="BUY"), *up(60)], 1),
        ([*LONG, *stop(500, kind="TAKE_PROFIT"), *up(60)], 1),
        ([*LONG, *stop(500), GONE, *up(60)], 1),
        ([*LONG, declared(10), *up(60)], 0),
        ([*LONG, target("0", 10), *up(60)], 0),
        ([*LONG, target("0", 10, suspended="why"), *up(60)], 1),
        ([*LONG, target("-1", 10), *up(60)], 0),
        ([*LONG, target("0.5", 10), *stop(20, "0.5"), *up(60)], 0),
        ([*LONG, target("0.5", 10), *stop(20, "0.4"), *up(60)], 1),
        ([*LONG, target("2", 10), *stop(20, "0.5"), *up(60)], 1),
        ([*LONG, *up(60, mode="REDUCE_ONLY")], 0),
        ([*LONG, *up(60, trading=False)], 0),
        ([*LONG, mode(f"strategy/{STRATEGY}", "crash"), *up(60)], 0),
        ([*LONG, mode(f"instrument/{BTCUSDT}", "unresolved", "CAUTIOUS"), *up(60)], 0),
        (
            [
                *LONG,
                mode(f"instrument/{BTCUSDT}", "feed"),
                mode(f"instrument/{BTCUSDT}", "feed", "NORMAL"),
                *up(60),
            ],
            1,
        ),
        ([*LONG, mode(f"strategy/{STRATEGY}", "unprotected"), *up(60)], 1),
        ([*LONG, mode("strategy/another", "crash"), *up(60)], 1),
        ([*LONG, *up(60, unknown=1)], 0),
        ([*LONG, *up(8), *up(18, since_s=8 + SILENT_NS // SECOND_NS + 1)], 0),
        ([configured(), intended(-1), *bought(0, "1", 1), *up(60)], 0),
        ([configured(), declared(stop="90"), accept(0, "0.04"), fill(0, "0.04"), *up(60)], 0),
    ],
)
def test_a_position_is_protected_in_time(facts: list[Fact], found: int) -> None:
    assert len(whats(Protection(within_ns=10 * SECOND_NS), facts, 99_000)) == found


def test_covered_between_two_looks_is_covered() -> None:
    moment = [*stop(6_500), said("expire", 6_600, order_id=2)]
    facts = [*LONG, *up(6), *moment, *up(14, since_s=7)]
    assert whats(Protection(within_ns=10 * SECOND_NS), facts) == []
    assert len(whats(Protection(within_ns=10 * SECOND_NS), [*facts, *up(20, since_s=15)])) == 1


def test_of_a_pair_each_side_counts_for_itself() -> None:
    pair = [
        *stop(500, order_list_id=7),
        *stop(500, number=3, kind="TAKE_PROFIT", order_list_id=7),
    ]
    law = Protection(within_ns=10 * SECOND_NS)
    both = [configured(), declared(stop="90", take_profit="110"), intended(-1), *bought(0, "1", 1)]
    assert whats(law, [*both, *pair, *up(60)]) == []
    assert law.ledger.open_of(BTCUSDT, "SELL") == D(1)
    assert law.ledger.worst(BTCUSDT) == D(1)


@pytest.mark.parametrize(("qty", "found"), [("1", 0), ("1.001", 0), ("1.5", 1)])
def test_a_protection_never_sells_more_than_its_strategy_holds(qty: str, found: int) -> None:
    sold = fill(600, qty, order_id=2, client_order_id=an_id(2), side="SELL")
    law = Protection()
    assert len(whats(law, [*LONG, *stop(500, qty), sold])) == found
    assert law.checked


@pytest.mark.parametrize(("declared_anew", "found"), [(False, 0), (True, 1)])
def test_an_order_that_the_venue_denied_may_sell_again_what_another_sold(
    declared_anew: bool, found: int
) -> None:
    denied = said("fault_fired", 550, order_id=2, client_order_id=an_id(2), what="order_vanishes")
    anew = [declared(580, stop="91")] if declared_anew else []
    sold = fill(600, "1.5", order_id=2, client_order_id=an_id(2), side="SELL")
    assert len(whats(Protection(), [*LONG, *stop(500, "1.5"), denied, *anew, sold])) == found


@pytest.mark.parametrize(
    ("between", "found"),
    [([], 1), ([target("1", 700, suspended="sold")], 1), ([target("1", 700)], 0)],
)
def test_no_order_for_a_target_buys_back_what_a_protection_sold(
    between: list[Fact], found: int
) -> None:
    known = executed(600, client_id=an_id(2), trade_id="9", side=Side.SELL, qty=D(1))
    again = intended(800, client_id=an_id(5), origin=Origin.TARGET)
    facts = [*LONG, target("1"), *stop(500), known, *between, again]
    assert len(whats(Protection(), facts)) == found


def test_without_a_declaration_there_is_nothing_to_judge() -> None:
    law = Protection()
    assert whats(law, [configured(), *bought(0, "1", 1), *up(60)], rest_ms=10**9) == []
    assert not law.checked


@pytest.mark.parametrize(
    ("declarations", "found"),
    [
        ([declared(stop="90", side=Side.BUY)], 1),
        ([declared(stop="90", side=Side.SELL)], 0),
        ([declared(stop="90")], 0),  # the first order says for which side it is
        ([declared(stop="90"), *stop(500), said("expire", 600, order_id=2)], 1),
        ([declared(stop="90", side=Side.BUY), declared(700)], 0),
        ([declared(stop="90", side=Side.BUY), declared(700, stop="110")], 0),
    ],
)
def test_no_order_is_placed_for_the_side_that_it_was_not_declared_for(
    declarations: list[Fact], found: int
) -> None:
    wrong = intended(800, client_id=an_id(4), **GUARD | STOP | {"side": Side.BUY})
    assert len(whats(Protection(), [configured(), *declarations, wrong])) == found
