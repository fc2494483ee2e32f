"""Orders from acceptance to end, and the law that money is conserved."""

import contextlib
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.markets import ASKS, BIDS, quote, snapshot, trade
from nightdesk.lab.accounts import Account, AmendOrder, CancelOrder, NewList, NewOrder
from nightdesk.lab.exchange import Exchange
from nightdesk.lab.orders import OrderType, RespType, Side, Status, StpMode, TimeInForce
from nightdesk.lab.refusals import Refused
from nightdesk.lab.settings import AccountSettings, LabSettings, default_symbol
from nightdesk.lab.truth import Truth

D = Decimal
NAMES = ("desk", "other")
BALANCES = {"BTC": D(10), "USDT": D(2_000)}


def exchange() -> Exchange:
    accounts = tuple(AccountSettings(name=n, api_key=n, secret=n, balances=BALANCES) for n in NAMES)
    settings = LabSettings(accounts=accounts, symbols=(default_symbol("BTCUSDT"),))
    made = Exchange(settings, Truth())
    made.on_market(snapshot(BIDS, ASKS))
    return made


def new(
    side: Side = Side.BUY, price: str = "100", quantity: str | None = "1", **more: object
) -> NewOrder:
    fields: dict[str, object] = {
        "symbol": "BTCUSDT",
        "side": side,
        "type": OrderType.LIMIT,
        "time_in_force": TimeInForce.GTC,
        "price": D(price),
        "quantity": None if quantity is None else D(quantity),
        "quote_quantity": None,
        "client_order_id": None,
        "stp": StpMode.NONE,
        "strategy_id": None,
        "strategy_type": None,
        "resp_type": RespType.FULL,
    }
    return NewOrder(**(fields | more))  # type: ignore[arg-type]


def oco(side: Side, price: Decimal, stop: Decimal, quantity: str) -> NewList:
    legs = (
        new(side, "0", quantity, type=OrderType.STOP_LOSS, stop_price=stop),
        new(side, str(price), quantity, type=OrderType.LIMIT_MAKER),
    )
    return NewList(symbol="BTCUSDT", client_list_id=None, working=None, others=legs)


def market(side: Side = Side.BUY, **more: object) -> NewOrder:
    fields: dict[str, Any] = {"type": OrderType.MARKET} | more
    return new(side, "0", **fields)


def test_a_limit_order_locks_what_it_needs_and_frees_it_when_canceled() -> None:
    x = exchange()
    desk = x.accounts["desk"]
    record = x.place(desk, new(price="100", quantity="2"), 1)
    assert (desk.wallet.free("USDT"), desk.wallet.purses["USDT"].locked) == (D(1800), D(200))
    x.cancel(desk, record, None, 2)
    assert record.now.status is Status.CANCELED
    assert (desk.wallet.free("USDT"), desk.wallet.purses["USDT"].locked) == (D(2000), D(0))


def test_a_taker_pays_level_prices_and_the_fee_comes_off_what_it_receives() -> None:
    x = exchange()
    desk = x.accounts["desk"]
    record = x.place(desk, new(price="102", quantity="2"), 1)
    assert record.now.status is Status.FILLED
    assert desk.wallet.free("USDT") == D(2000) - D(101) - D(102)
    assert desk.wallet.free("BTC") == D(12) - D("0.002")
    assert [f.fee_asset for f in desk.fills] == ["BTC", "BTC"]


def test_a_maker_sell_receives_quote_less_the_fee() -> None:
    x = exchange()
    desk = x.accounts["desk"]
    x.place(desk, new(Side.SELL, "100.50", "1"), 1)
    x.on_market(trade(1, "100.50", "0.4", buyer_is_maker=False, at_ns=2))
    assert desk.wallet.free("USDT") == D(2000) + D("40.2") - D("0.0402")
    assert desk.wallet.purses["BTC"].locked == D("0.6")


def test_an_order_beyond_the_wallet_is_refused() -> None:
    x = exchange()
    with pytest.raises(Refused, match="insufficient balance"):
        x.place(x.accounts["desk"], new(price="100", quantity="20.1"), 1)
    with pytest.raises(Refused, match="insufficient balance"):
        x.place(x.accounts["desk"], market(Side.SELL, quantity=D("10.1")), 1)


def test_client_ids_are_unique_among_open_orders_only() -> None:
    x = exchange()
    desk = x.accounts["desk"]
    first = x.place(desk, new(price="90", client_order_id="a"), 1)
    with pytest.raises(Refused, match="Duplicate order sent"):
        x.place(desk, new(price="91", client_order_id="a"), 2)
    x.cancel(desk, first, None, 3)
    again = x.place(desk, new(price="91", client_order_id="a"), 4)
    found = desk.find("BTCUSDT", None, "a")
    assert found is again


def test_a_canceled_order_is_also_found_by_the_cancels_id() -> None:
    x = exchange()
    desk = x.accounts["desk"]
    record = x.place(desk, new(price="90", client_order_id="a"), 1)
    x.cancel(desk, record, "my-cancel", 2)
    assert desk.find("BTCUSDT", None, "my-cancel") is record


def test_both_ids_of_a_cancel_must_fit_the_same_order() -> None:
    x = exchange()
    desk = x.accounts["desk"]
    record = x.place(desk, new(price="90", client_order_id="a"), 1)
    for order_id, client_id in ((record.now.order_id, "b"), (99, "a"), (None, "b")):
        cancel = CancelOrder(
            symbol="BTCUSDT",
            order_id=order_id,
            client_order_id=client_id,
            cancel_id=None,
            only_status=None,
        )
        with pytest.raises(Refused, match="Unknown order sent"):
            x.to_cancel(desk, cancel)


def test_an_ioc_order_takes_what_it_can_and_expires() -> None:
    x = exchange()
    record = x.place(
        x.accounts["desk"], new(price="101", quantity="3", time_in_force=TimeInForce.IOC), 1
    )
    assert (record.now.status, record.now.executed) == (Status.EXPIRED, D(1))
    assert record.now.expiry == "UNFILLED_IOC_QUANTITY_EXPIRED"


def test_a_fok_order_fills_whole_or_not_at_all() -> None:
    x = exchange()
    desk = x.accounts["desk"]
    fok = TimeInForce.FOK
    none = x.place(desk, new(price="102", quantity="3.5", time_in_force=fok), 1)
    assert (none.now.status, none.now.executed) == (Status.EXPIRED, D(0))
    whole = x.place(desk, new(price="102", quantity="3", time_in_force=fok), 2)
    assert (whole.now.status, whole.now.executed) == (Status.FILLED, D(3))


def test_a_post_only_order_is_refused_when_it_would_take() -> None:
    x = exchange()
    with pytest.raises(Refused, match="immediately match and take"):
        x.place(x.accounts["desk"], new(price="101", type=OrderType.LIMIT_MAKER), 1)
    record = x.place(x.accounts["desk"], new(price="100.99", type=OrderType.LIMIT_MAKER), 1)
    assert record.now.status is Status.NEW


def test_a_market_order_by_quote_amount_buys_what_the_amount_can() -> None:
    x = exchange()
    record = x.place(x.accounts["desk"], market(quantity=None, quote_quantity=D(152)), 1)
    assert (record.now.quantity, record.now.executed_quote) == (D("1.5"), D(152))
    assert record.now.status is Status.FILLED


def test_a_market_order_larger_than_the_book_expires_partly_filled() -> None:
    x = exchange()
    record = x.place(x.accounts["desk"], market(Side.SELL, quantity=D(7)), 1)
    assert (record.now.status, record.now.executed) == (Status.EXPIRED, D(6))
    assert x.accounts["desk"].wallet.purses["BTC"].locked == 0


def test_clients_trade_with_each_other_at_the_makers_price() -> None:
    x = exchange()
    desk, other = x.accounts["desk"], x.accounts["other"]
    x.place(other, new(Side.SELL, "100.20", "1"), 1)
    record = x.place(desk, new(Side.BUY, "101", "1"), 2)
    assert record.now.executed_quote == D("100.2")
    assert [f.trade_id for f in desk.fills] == [f.trade_id for f in other.fills]
    assert (desk.fills[0].maker, other.fills[0].maker) == (False, True)
    assert x.settlement.market_gain == {}


def test_trade_numbers_have_no_gap_between_ours_and_the_markets() -> None:
    x = exchange()
    x.on_market(trade(7, "101.00", "0.1", buyer_is_maker=False))
    x.place(x.accounts["desk"], new(price="101", quantity="0.5"), 1)
    later = x.on_market(trade(8, "101.00", "0.1", buyer_is_maker=False))
    assert [f.trade_id for f in x.accounts["desk"].fills] == [8]
    assert later.trade_id == 9  # type: ignore[union-attr]


def test_a_withheld_fill_is_in_the_truth_at_once_and_in_the_wallet_later() -> None:
    x = exchange()
    desk = x.accounts["desk"]
    record = x.place(desk, new(price="100", quantity="2"), 1)
    hidden = x.cancel(desk, record, None, 2, withheld=D("0.5"))
    assert hidden is not None
    assert (record.now.status, record.now.executed) == (Status.CANCELED, D(0))
    assert [str(e.kind) for e in x.truth.entries] == ["accept", "fill", "cancel"]
    assert desk.wallet.purses["USDT"].locked == D(50)
    x.settlement.reveal(hidden, 9)
    assert (record.now.status, record.now.executed) == (Status.CANCELED, D("0.5"))
    assert desk.wallet.purses["USDT"].locked == 0
    assert desk.wallet.free("BTC") == D("10.4995")
    report = x.settlement.reports[-1]
    assert (report.execution, report.order.status) == ("TRADE", Status.PARTIALLY_FILLED)


prices = st.integers(9_700, 10_300).map(lambda cents: D(cents) / 100)
quantities = st.integers(1, 40).map(lambda n: D(n) / 10)
sides = st.sampled_from(Side)
acts = st.one_of(
    st.tuples(
        st.just("place"),
        st.sampled_from(NAMES),
        sides,
        prices,
        quantities,
        st.sampled_from(TimeInForce),
        st.sampled_from(StpMode),
    ),
    st.tuples(st.just("market"), st.sampled_from(NAMES), sides, quantities),
    st.tuples(
        st.just("conditional"),
        st.sampled_from(NAMES),
        sides,
        st.sampled_from([t for t in OrderType if t.conditional]),
        prices,
        prices,
        quantities,
        st.sampled_from([None, 10, 100, 200]),
    ),
    st.tuples(st.just("oco"), st.sampled_from(NAMES), sides, prices, prices, quantities),
    st.tuples(st.just("bracket"), st.sampled_from(NAMES), sides, prices, prices, quantities),
    st.tuples(st.just("amend"), st.sampled_from(NAMES), st.integers(0, 9), quantities),
    st.tuples(st.just("drop"), st.sampled_from(NAMES), st.integers(0, 9)),
    st.tuples(st.just("cancel"), st.sampled_from(NAMES), st.integers(0, 9)),
    st.tuples(st.just("trade"), prices, quantities, st.booleans()),
    st.tuples(st.just("quote"), st.integers(9_700, 10_300), quantities, quantities),
)


def act_on(x: Exchange, act: tuple[object, ...], now: int) -> None:
    match act:
        case ("place", str(name), Side() as side, price, quantity, tif, stp):
            order = new(side, str(price), str(quantity), time_in_force=tif, stp=stp)
            x.place(x.accounts[name], order, now)
        case ("market", str(name), Side() as side, quantity):
            x.place(x.accounts[name], market(side, quantity=quantity), now)
        case ("cancel", str(name), int(index)):
            records = x.accounts[name].open_orders()
            if records:
                x.cancel(x.accounts[name], records[index % len(records)], None, now)
        case ("trade", price, quantity, bool(buyer_is_maker)):
            x.on_market(
                trade(now, str(price), str(quantity), buyer_is_maker=buyer_is_maker, at_ns=now)
            )
        case ("quote", int(cents), bid_quantity, ask_quantity):
            bid, ask = str(D(cents) / 100), str(D(cents + 1) / 100)
            x.on_market(quote(now, (bid, str(bid_quantity)), (ask, str(ask_quantity)), at_ns=now))
        case _:
            act_on_waiting(x, act, now)


def act_on_waiting(x: Exchange, act: tuple[object, ...], now: int) -> None:
    match act:
        case (
            "conditional",
            str(name),
            Side() as side,
            OrderType() as kind,
            price,
            stop,
            qty,
            delta,
        ):
            limit = "0" if kind.at_market else str(price)
            asked = {"type": kind, "stop_price": stop, "trailing_delta": delta}
            x.place(x.accounts[name], new(side, limit, str(qty), **asked), now)
        case ("oco", str(name), Side() as side, Decimal() as price, Decimal() as stop, qty):
            x.place_list(x.accounts[name], oco(side, price, stop, str(qty)), now)
        case ("bracket", str(name), Side() as side, Decimal() as price, Decimal() as stop, qty):
            pair = oco(side.opposite, 2 * price - stop, stop, str(qty))
            working = new(side, str(price), str(qty))
            x.place_list(x.accounts[name], msgspec.structs.replace(pair, working=working), now)
        case ("amend", str(name), int(index), Decimal() as quantity):
            records = x.accounts[name].open_orders()
            if records:
                chosen = records[index % len(records)].now
                smaller = AmendOrder(
                    symbol="BTCUSDT",
                    order_id=chosen.order_id,
                    client_order_id=None,
                    quantity=quantity,
                    new_client_id=None,
                )
                x.amend(x.accounts[name], x.to_amend(x.accounts[name], smaller), smaller, now)
        case ("drop", str(name), int(index)):
            waiting = [r for r in x.accounts[name].open_orders() if x.floor.waiting.has(r.now)]
            if waiting:
                x.drop(x.accounts[name], waiting[index % len(waiting)], now)
        case _:
            raise AssertionError(f"no such act: {act}")


def check_laws(x: Exchange) -> None:
    check_lists(x)
    for asset in ("BTC", "USDT"):
        held = sum(
            (a.wallet.purses[asset].free + a.wallet.purses[asset].locked)
            for a in x.accounts.values()
        )
        gone = x.settlement.market_gain.get(asset, D(0)) + x.settlement.fees.get(asset, D(0))
        assert held + gone == 2 * BALANCES[asset]
    for account in x.accounts.values():
        check_locks(account)
        for record in account.orders.values():
            assert 0 <= record.now.executed <= record.now.quantity
            assert record.now.status.open == (record.now.order_id in account.open_ids)


def check_locks(account: Account) -> None:
    """A sell has its quantity locked, a limit buy its cost; a pair has once what both need, and
    what waits for another order has nothing."""
    held = {"BTC": D(0), "USDT": D(0)}
    for record in account.open_orders():
        order = record.now
        asset = "USDT" if order.side is Side.BUY else "BTC"
        held[asset] += account.locks[order.order_id]
        if order.status is Status.PENDING_NEW:
            assert account.locks[order.order_id] == 0
        elif order.order_id not in account.pairs and not order.type.at_market:
            price = order.price if order.side is Side.BUY else D(1)
            assert account.locks[order.order_id] == price * order.remaining
        elif order.order_id in account.pairs:
            other = account.pairs[order.order_id]
            both = account.locks[order.order_id] + account.locks[other]
            assert both >= (order.remaining if order.side is Side.SELL else D(0))
            assert D(0) in (account.locks[order.order_id], account.locks[other])
            assert account.orders[other].now.status.open
    assert {a: account.wallet.purses[a].locked for a in held} == held
    assert account.locks.keys() == account.open_ids.keys()


def check_lists(x: Exchange) -> None:
    """Of a pair, both together never trade more than one may; a list ends with its last order."""
    for record in x.lists.records.values():
        group = record.now
        orders = [x.accounts[group.account].orders[i].now for i in group.orders]
        assert group.open == any(o.status.open for o in orders)
        pair = orders[-2:] if group.contingency == "OCO" or len(orders) == 3 else []
        if pair:
            assert sum(o.executed for o in pair) <= pair[0].quantity
            assert sum(o.executed > 0 for o in pair) <= 1
        if group.contingency == "OTO" and orders[0].status is not Status.FILLED:
            assert not any(o.executed for o in orders[1:])


@given(st.lists(acts, max_size=40))
def test_money_is_conserved_and_locks_are_what_open_orders_need(
    history: list[tuple[object, ...]],
) -> None:
    x = exchange()
    for number, act in enumerate(history, start=2):
        with contextlib.suppress(Refused):
            act_on(x, act, number)
        check_laws(x)
