"""The venue's grid: which filter an order would break, and rounding by who benefits."""

import pytest
from hypothesis import given

from builders import D, an_instrument, decimals
from nightdesk.model.instrument import instrument_id


@pytest.mark.parametrize(
    ("qty", "price", "fault"),
    [
        ("1", "100", None),
        ("0.00001", "500000", None),  # the least quantity
        ("100", "100", None),  # the most
        ("0.05", "100", None),  # exactly the least notional
        ("0.000015", "500000", "multiple of the lot"),
        ("0.00000", "100", "outside"),
        ("100.00001", "100", "outside"),
        ("1", "100.001", "multiple of the tick"),
        ("0.04999", "100", "notional"),
        ("0.00001", "499999.99", "notional"),
    ],
)
def test_fault_of_names_the_filter_that_breaks(qty, price, fault):
    found = an_instrument().fault_of(D(qty), D(price))
    if fault is None:
        assert found is None
    else:
        assert fault in found


@pytest.mark.parametrize(
    ("qty", "price", "values"),
    [
        ("100.00001", "100", ["100.00001", "0.00001", "100"]),
        ("0.04999", "100", ["4.999", "5"]),
        ("1", "100.001", ["100.001", "0.01"]),
    ],
)
def test_fault_of_tells_value_and_limit(qty, price, values):
    found = an_instrument(lot=D("0.00001"), qty_min=D("0.00001")).fault_of(D(qty), D(price))
    for value in values:
        assert D(value) in [
            D(word) for word in found.replace(",", " ").split() if word[0].isdigit()
        ]


def test_the_least_quantity_may_be_above_the_lot():
    instrument = an_instrument(qty_min=D("0.001"))
    assert instrument.fault_of(D("0.001"), D("10000")) is None
    assert "outside" in instrument.fault_of(D("0.00099"), D("10000"))


@given(decimals(1, 99, 8), decimals(1000, 100_000, 8))
def test_what_was_rounded_to_the_grid_breaks_no_grid_filter(qty, price):
    instrument = an_instrument()
    assert instrument.fault_of(instrument.qty_down(qty), instrument.price_down(price)) is None
    assert instrument.fault_of(instrument.qty_down(qty), instrument.price_up(price)) is None
    assert instrument.qty_down(qty) <= qty
    assert instrument.price_down(price) <= price <= instrument.price_up(price)


@pytest.mark.parametrize("name", ["tick", "lot", "qty_max"])
@pytest.mark.parametrize("value", ["0", "-1"])
def test_an_instrument_without_a_grid_is_refused(name, value):
    with pytest.raises(ValueError, match=name):
        an_instrument(**{name: D(value)})


@pytest.mark.parametrize(
    ("market_max", "waits", "qty", "fits"),
    [
        (None, True, "1000", True),
        ("2", True, "2", True),
        ("2", True, "3", False),
        ("2", False, "3", True),
        ("5000", True, "2000", False),  # never more than any order
    ],
)
def test_what_waits_for_a_price_may_be_no_more_than_trades_at_any(market_max, waits, qty, fits):
    most = None if market_max is None else D(market_max)
    instrument = an_instrument(market_qty_max=most, qty_max=D(1000))
    assert (instrument.fault_of(D(qty), D(100), waits=waits) is None) is fits


def test_what_trades_at_any_price_is_told_in_lots():
    instrument = an_instrument(market_qty_max=D("1.50000123"))
    assert instrument.waiting_qty_max == instrument.qty_down(D("1.50000123"))


def test_an_instruments_id_is_venue_and_symbol():
    assert instrument_id("binance", "BTCUSDT") == "binance:BTCUSDT"


@pytest.mark.parametrize(("qty", "price"), [("1E+30", "100"), ("1E+24", "100"), ("1", "1E+30")])
def test_an_absurd_order_is_a_fault_and_never_an_exception(qty, price):
    assert an_instrument().fault_of(D(qty), D(price))
