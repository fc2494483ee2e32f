"""A desk that somebody gets out of by hand: halted before anything else, with books that say what was done."""

import pytest

from benches import BTCUSDT, Bench, causes, effects, sent
from builders import STRATEGY, D
from desk.perpetuals import PERP, WALLET, PerpBench
from nightdesk.desk.emergency import CAUSE, LASTS_NS, halting
from nightdesk.desk.events import AskByHand, OrderFound, OrderTold, Resume, Tell
from nightdesk.model.account import Forced
from nightdesk.model.ids import emergency_order_id
from nightdesk.model.mode import Mode
from nightdesk.model.order import Execution, OrderReport, ReportSource, Side, VenueStatus
from nightdesk.model.records import ForceTraded
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.modes.ladder import DESK
from nightdesk.strategy.messages import Filled, Target, TargetSuspended

ID = emergency_order_id(77, 1)


def a_report(bench: Bench, instrument: str = BTCUSDT, client_id: str = ID) -> OrderReport:
    return OrderReport(
        client_id=client_id,
        venue_order_id="900",
        instrument=instrument,
        status=VenueStatus.FILLED,
        filled=D(1),
        venue_time=bench.wall,
        source=ReportSource.STREAM,
    )


def a_trade(
    bench: Bench,
    qty: str,
    price: str,
    *,
    instrument: str = BTCUSDT,
    realised: str = "",
    fee: str = "0.1",
) -> Execution:
    return Execution(
        client_id=ID,
        instrument=instrument,
        trade_id="t1",
        side=Side.SELL,
        price=D(price),
        qty=D(qty),
        fee=D(fee),
        fee_asset="USDT",
        maker=False,
        venue_time=bench.wall,
        realised=D(realised) if realised else None,
    )


def test_an_order_of_the_tools_halts_the_desk_however_it_is_met() -> None:
    for met in ("stream", "query", "list"):
        bench = Bench().ready()
        report = a_report(bench)
        if met == "stream":
            bench.decide(OrderTold(report=report))
        elif met == "query":
            bench.decide(OrderFound(report=report, asked_at=bench.wall))
        else:
            bench.account(orders=[report])
        assert bench.state.ladder.mode(DESK) is Mode.HALTED, met
        assert sent(bench.propose(Target(instrument=BTCUSDT, qty=D(1)))) == []


def test_of_an_instrument_that_nobody_trades_here_it_halts_as_well() -> None:
    bench = Bench().ready()
    bench.decide(halting(ID))
    assert causes(bench.state) == {CAUSE: "HALTED"}


def test_only_an_operator_leaves_it_and_an_order_that_he_has_seen_halts_nobody_again() -> None:
    bench = Bench().ready()
    bench.decide(OrderTold(report=a_report(bench)))
    assert bench.restart().ready().state.ladder.mode(DESK) is Mode.HALTED
    bench.decide(Resume(reason="looked at it", by="me"))
    assert causes(bench.state) == {}
    bench.decide(OrderTold(report=a_report(bench)))
    assert causes(bench.state) == {}
    bench.decide(OrderTold(report=a_report(bench, client_id=emergency_order_id(77, 2))))
    assert causes(bench.state)[CAUSE] == "HALTED"


def test_what_it_sold_on_spot_leaves_no_difference_behind() -> None:
    bench = Bench().ready()
    bench.buy("2", "100")
    held = dict(bench.state.funds.balances)
    trade = a_trade(bench, "2", "90")
    decision = bench.decide(OrderTold(report=a_report(bench), execution=trade))
    (booked,) = [record for record in decision.records if isinstance(record, ForceTraded)]
    assert (booked.fill.kind, booked.shares) == (Forced.EMERGENCY, {STRATEGY: D(2)})
    position = bench.state.position(STRATEGY, BTCUSDT)
    assert (position.qty, position.realised, position.fees_quote) == (D(0), D(-20), D("0.1"))
    assert bench.state.funds.balances["BTC"] == held["BTC"] - 2
    assert bench.state.funds.balances["USDT"] == held["USDT"] + D("179.9")
    (message,) = [m for m in effects(Tell, decision) if isinstance(m.message, Filled)]
    assert message.message.position == 0
    again = bench.decide(OrderTold(report=a_report(bench), execution=trade))
    assert not [record for record in again.records if isinstance(record, ForceTraded)]
    for _ in range(3):
        bench.account(dict(bench.state.funds.balances))
    assert "reconcile" not in causes(bench.state)


def test_behind_a_difference_that_lasts_it_is_sought_in_the_lives_before() -> None:
    """They may all have been too short to compare their books."""
    bench = Bench().ready()
    bench.desk.views.books_of(bench.settings.venues[0]).agreed = None
    bench.desk.views.last_known = Wall(bench.wall - SECOND_NS)
    off = {**bench.state.funds.balances, "BTC": D(9)}
    (first,) = effects(AskByHand, bench.account(off))
    bench.wait(SECOND_NS)
    (again,) = effects(AskByHand, bench.account(off))
    assert first.since > bench.wall - 60 * SECOND_NS
    assert again.since < bench.wall - LASTS_NS


def test_what_it_closed_of_a_contract_moves_position_and_wallet() -> None:
    bench = PerpBench().ready_with()
    bench.go_long("2")
    before = bench.held()[WALLET]
    trade = a_trade(bench, "2", "90", instrument=PERP, realised="-20")
    bench.decide(OrderTold(report=a_report(bench, PERP), execution=trade))
    assert bench.held() == {PERP: D(0), WALLET: before - D("20.1")}
    assert bench.state.position(STRATEGY, PERP).qty == 0
    assert bench.state.ladder.mode(DESK) is Mode.HALTED


def test_a_target_does_not_buy_back_what_was_sold_by_hand() -> None:
    bench = Bench().ready()
    bench.quote()
    bench.propose(Target(instrument=BTCUSDT, qty=D(1)))
    bench.buy("1", "100")
    decision = bench.decide(OrderTold(report=a_report(bench), execution=a_trade(bench, "1", "99")))
    assert [m for m in effects(Tell, decision) if isinstance(m.message, TargetSuspended)]
    bench.decide(Resume(reason="looked at it", by="me"))
    assert sent(*bench.ticks(3, quoted=True)) == []


@pytest.mark.parametrize(
    "text", ["", "wayout", "wayoutil0000000000", "wayout00000000001x9", "x" * 18]
)
def test_other_peoples_ids_halt_nobody(text: str) -> None:
    bench = Bench().ready()
    bench.decide(OrderTold(report=a_report(bench, client_id=text)))
    assert causes(bench.state) == {}
