"""What facts add up to."""

from decimal import Decimal

import pytest

from audit.told import accept, configured, executed, fill, intended, reconciled, said, written
from builders import BTCUSDT, STRATEGY, D, an_id
from nightdesk.audit.facts import Fact
from nightdesk.audit.ledger import Ledger
from nightdesk.desk.settings import DeskSettings
from nightdesk.model.records import Configured

FEE = {"fee": D("0.001"), "fee_asset": "BTC"}


def told(*facts: Fact, account: str = "") -> Ledger:
    ledger = Ledger(account)
    for fact in facts:
        ledger.hear(fact)
    return ledger


@pytest.mark.parametrize("first", [[], [configured()]])
def test_a_position_is_fills_less_fees_in_base_plus_what_was_adopted(first: list[Fact]) -> None:
    ledger = told(
        *first, accept(), fill(qty="0.5", **FEE), fill(qty="0.2", fee=D(1), fee_asset="USDT")
    )
    name = BTCUSDT if first else "BTCUSDT"  # until a journal says more, the symbol
    assert ledger.position(name) == Decimal("0.699")
    ledger.hear(reconciled(surplus="2"))
    assert ledger.positions() == {name: Decimal("2.699")}


def test_other_peoples_fills_move_money_and_no_position() -> None:
    foreign = {"client_order_id": "web_x", "order_id": 5}
    ledger = told(
        configured(), reconciled(BTC="1", USDT="1000"), accept(), fill(**FEE),
        accept(**foreign), fill(**foreign), accept(account="b", **foreign | {"order_id": 6}),
        fill(account="b", order_id=6),
    )  # fmt: skip
    assert ledger.position(BTCUSDT) == Decimal("0.999")
    assert ledger.accounts.balances() == {"BTC": Decimal("2.999"), "USDT": Decimal(800)}


def test_the_same_fact_twice_in_a_row_is_one() -> None:
    once = fill()
    assert told(accept(), once, once).position("BTCUSDT") == 1


def test_worst_case_is_side_by_side() -> None:
    ledger = told(
        accept(), fill(), accept(qty="2", order_id=2), accept(qty="4", order_id=3, side="SELL")
    )
    assert ledger.worst("BTCUSDT") == 3
    ledger.hear(said("cancel", order_id=2))
    assert ledger.worst("BTCUSDT") == 3
    assert ledger.open_of("BTCUSDT", "BUY") == 0


def test_fees_are_known_once_their_trade_is_journaled() -> None:
    ledger = told(configured(), accept(), fill(**FEE))
    assert ledger.unknown_fees(BTCUSDT) == Decimal("0.001")
    ledger.hear(executed(**FEE))
    ledger.hear(executed(1, **FEE))
    assert ledger.unknown_fees(BTCUSDT) == 0


def test_dust_is_what_the_venues_filters_refuse() -> None:
    ledger = told(configured())
    assert ledger.dust(BTCUSDT, D("0.000009"))
    assert not ledger.dust(BTCUSDT, D("-0.01"))
    ledger.hear(accept())
    ledger.hear(fill(price=D(100)))
    assert ledger.dust(BTCUSDT, D("-0.04"))
    assert not ledger.dust(BTCUSDT, D("0.05"))
    assert not ledger.dust("ETHUSDT", D("0.001"))
    assert ledger.dust("ETHUSDT", D(0))


def test_ids_are_ours_by_pattern_until_the_desks_code_is_known() -> None:
    ledger = told()
    assert ledger.is_ours(an_id(desk=7))
    assert not ledger.is_ours("web_x")
    assert not ledger.is_ours(None)
    ledger.hear(intended())
    assert ledger.is_ours(an_id(9))
    assert not ledger.is_ours(an_id(9, desk=7))


def test_a_desks_name_gives_the_code_that_the_desk_itself_uses() -> None:
    settings = DeskSettings(
        name="practice",
        limits={},
        instruments={},
        baseline={},
        strategies={},
        read_lag_ns=0,
        order_ttl_ns=1,
    )
    ledger = told(written(Configured(hash="h", instruments=[], body=settings.canonical())))
    assert ledger.desks == {settings.code}


def test_settings_of_another_release_leave_limits_unknown() -> None:
    for body in ("not json", '{"limits": 3}'):
        ledger = told(written(Configured(hash="h", instruments=[], body=body)))
        assert ledger.limits == {}


def test_a_fill_that_is_told_before_its_intent_is_its_strategys_all_the_same() -> None:
    before = [accept(), fill(1, "0.4")]
    assert told(*before).unheard("BTCUSDT")
    ledger = told(*before, intended(2), fill(3, "0.6"))
    assert not ledger.unheard("BTCUSDT")
    assert ledger.attributed == {(STRATEGY, "BTCUSDT"): D(1)}
