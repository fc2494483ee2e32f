"""Where a desk stands: each part of its profit by its name, and all of them together its profit."""

from builders import STRATEGY, D
from desk.perpetuals import PERP, VENUE, PerpBench
from nightdesk.desk.events import FlowsTold, ForcedTold
from nightdesk.model.account import Flow, WalletMove
from nightdesk.model.order import Side
from nightdesk.results.standing import Standing


def moved(bench: PerpBench, kind: Flow, amount: str) -> None:
    """A venue moves the wallet."""
    of = PERP if kind is Flow.FUNDING else None
    move = WalletMove(
        kind=kind, id="1", instrument=of, asset="USDT", amount=D(amount), at=bench.wall
    )
    bench.decide(FlowsTold(venue=VENUE, moves=[move]))


def test_funding_and_insurance_are_apart_from_what_trades_realised() -> None:
    bench, standing = PerpBench().ready_with(), Standing()
    standing.look(bench.desk, bench.wall)
    began = standing.start_equity
    bench.trade(bench.place(Side.BUY, "2", "100", instrument=PERP), fee="0.08")
    moved(bench, Flow.FUNDING, "-1.5")
    moved(bench, Flow.TRANSFER, "500")
    bench.decide(ForcedTold(fills=[bench.forced("1", realised="-20")]))
    moved(bench, Flow.INSURANCE, "3")
    bench.wait(1)
    standing.look(bench.desk, bench.wall)
    last, (row,) = standing.curve.points[-1], standing.holdings
    position = bench.state.position(STRATEGY, PERP)
    assert last.realised == row.realised == position.realised
    assert (last.fees, last.funding, last.insurance) == (D("1.08"), D("-1.5"), D(3))
    together = last.realised + last.unrealised - last.fees + last.funding
    assert last.profit == together + last.insurance
    assert row.profit == together, "insurance is the account's"
    assert last.equity == began + last.profit, "a transfer is no profit"
    assert (row.strategy, row.instrument, row.position, row.trades) == (STRATEGY, PERP, D(1), 2)


def test_nothing_is_measured_before_there_is_a_price() -> None:
    bench, standing = PerpBench(), Standing()
    standing.look(bench.desk, bench.wall)
    assert (standing.curve.points, standing.holdings, standing.start_equity) == ([], [], 0)
