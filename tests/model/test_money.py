"""Money is exact or raises; grids never move a number the wrong way; one number has one spelling."""

from decimal import Decimal, FloatOperation, Inexact, InvalidOperation, localcontext
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from builders import D, decimals
from nightdesk.model import money

AMOUNTS = st.decimals(
    allow_nan=False, allow_infinity=False, places=8, min_value=-(10**12), max_value=10**12
)
STEPS = st.one_of(
    st.integers(-8, 3).map(lambda e: D(1).scaleb(e)),
    st.sampled_from([D("0.25"), D("0.00005"), D("3"), D("0.07"), D("2.5")]),
)


@pytest.mark.parametrize("operation", [money.add, money.subtract, money.multiply, money.notional])
def test_arithmetic_raises_rather_than_round(operation):
    third = D("0.3333333333333333333333333333333333")
    with pytest.raises(Inexact):
        operation(third, D("1000.1"))


@pytest.mark.parametrize("operation", [money.add, money.subtract, money.multiply, money.notional])
@pytest.mark.parametrize("pair", [(0.1, D(1)), (D(1), 0.1)])
def test_arithmetic_refuses_floats(operation, pair):
    with pytest.raises((TypeError, FloatOperation)):
        operation(*pair)


@given(AMOUNTS, AMOUNTS)
def test_sums_differences_and_products_are_those_of_fractions(left, right):
    assert Fraction(money.add(left, right)) == Fraction(left) + Fraction(right)
    assert Fraction(money.subtract(left, right)) == Fraction(left) - Fraction(right)
    small = left.scaleb(-6).quantize(D("1E-8"))
    assert Fraction(money.multiply(small, right)) == Fraction(small) * Fraction(right)


@given(st.lists(AMOUNTS, max_size=20))
def test_a_total_does_not_depend_on_the_order(amounts):
    assert Fraction(money.total(amounts)) == sum(map(Fraction, amounts), Fraction(0))
    assert money.total(reversed(amounts)) == money.total(amounts)


def test_a_total_raises_rather_than_lose_a_small_amount():
    with pytest.raises(Inexact):
        money.total([D("1E20"), D("1E-20")])


@given(AMOUNTS, STEPS)
def test_floor_and_ceil_enclose_the_value_by_less_than_a_step(value, step):
    low, high = money.floor_to(value, step), money.ceil_to(value, step)
    assert low <= value <= high
    assert value - low < step
    assert high - value < step
    assert Fraction(low) % Fraction(step) == 0
    assert Fraction(high) % Fraction(step) == 0


@given(AMOUNTS, STEPS)
def test_rounding_to_a_grid_twice_changes_nothing(value, step):
    low, high = money.floor_to(value, step), money.ceil_to(value, step)
    assert money.floor_to(low, step) == low == money.ceil_to(low, step)
    assert money.ceil_to(high, step) == high
    assert money.is_multiple(low, step)


@given(AMOUNTS, STEPS)
def test_a_value_is_on_the_grid_exactly_when_its_fraction_is(value, step):
    assert money.is_multiple(value, step) == (Fraction(value) % Fraction(step) == 0)


@given(AMOUNTS, AMOUNTS, STEPS)
def test_floor_and_ceil_keep_the_order(left, right, step):
    low, high = sorted((left, right))
    assert money.floor_to(low, step) <= money.floor_to(high, step)
    assert money.ceil_to(low, step) <= money.ceil_to(high, step)


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=12, min_value=-(10**15), max_value=10**15
    )
)
def test_canonical_keeps_the_value_and_is_idempotent(value):
    once = money.canonical(value)
    assert once == value
    assert str(money.canonical(once)) == str(once)


@given(AMOUNTS, st.integers(0, 6))
def test_equal_numbers_have_one_canonical_spelling(value, zeros):
    padded = D(format(value, "f") + "0" * zeros)
    assert str(money.canonical(padded)) == str(money.canonical(value))
    assert str(money.canonical(value.normalize())) == str(money.canonical(value))


@given(AMOUNTS, AMOUNTS)
def test_canonical_preserves_order(left, right):
    assert (left < right) == (money.canonical(left) < money.canonical(right))


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        ("0", "0"),
        ("-0.000", "0"),
        ("1E+3", "1000"),
        ("1000.00", "1000"),
        ("0.10", "0.1"),
        ("0.00000001", "0.00000001"),
        ("-12.3400", "-12.34"),
        ("61837.63000000", "61837.63"),
    ],
)
def test_plain_has_digits_without_exponent(value, spelled):
    assert money.plain(D(value)) == spelled


@given(AMOUNTS)
def test_plain_reads_back_and_holds_no_exponent(value):
    text = money.plain(value)
    assert D(text) == value
    assert set(text) <= set("-.0123456789")


@pytest.mark.parametrize(
    ("value", "spelled"), [("1E+1", "10"), ("1000", "1000"), ("-2E+3", "-2000"), ("10.0", "10")]
)
def test_canonical_of_a_whole_number_has_no_exponent(value, spelled):
    assert str(money.canonical(D(value))) == spelled


def test_canonical_raises_past_34_digits():
    with pytest.raises(Inexact):
        money.canonical(D("1." + "1" * 34))


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_canonical_refuses_what_is_no_number(text):
    with pytest.raises((AssertionError, InvalidOperation)):
        money.canonical(D(text))


@pytest.mark.parametrize(
    ("price", "reference", "bps"),
    [("101", "100", "100"), ("99", "100", "100"), ("100", "100", "0"), ("100.01", "100", "1")],
)
def test_distance_in_basis_points_is_of_the_reference_and_never_negative(price, reference, bps):
    assert money.away_bps(D(price), D(reference)) == D(bps)


@pytest.mark.parametrize(
    ("price", "bps", "moved"),
    [("100", "100", "101"), ("100", "-100", "99"), ("61837.64", "0", "61837.64")],
)
def test_a_price_is_shifted_by_basis_points(price, bps, moved):
    assert money.shifted_bps(D(price), D(bps)) == D(moved)


def test_what_is_shown_has_eight_decimals_rounded_half_even():
    assert money.shown(D("0.123456785")) == D("0.12345678")
    assert money.shown(D("0.123456795")) == D("0.12345680")
    assert str(money.shown(D("2.50000000001"))) == "2.5"


def test_an_average_is_the_one_place_that_rounds():
    assert money.average(D(1), D(3)) == D("0.3333333333333333333333333333333333")


@given(decimals(1, 100_000, 8), STEPS)
def test_an_average_times_its_quantity_is_the_value_again(value, qty):
    assume(qty > 0)
    back = Fraction(money.average(value, qty)) * Fraction(qty)
    assert abs(back - Fraction(value)) <= Fraction(value) / 10**32


def _rounds(where, call, expected):
    return pytest.param(call, expected)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        _rounds("money.floor_to", lambda: money.floor_to(D("61837.637"), D("0.01")), "61837.63"),
        _rounds("money.ceil_to", lambda: money.ceil_to(D("61837.631"), D("0.01")), "61837.64"),
        _rounds("money.is_multiple", lambda: money.is_multiple(D("61837.63"), D("0.01")), "True"),
        _rounds(
            "money.away_bps",
            lambda: money.shown(money.away_bps(D("61837.63"), D("61000"))),
            "137.31639344",
        ),
        _rounds(
            "money.shifted_bps",
            lambda: money.shifted_bps(D("61837.63"), D("0.123")),
            "61838.390602849",
        ),
        (lambda: money.add(D("61837.63"), D("0.00001")), "61837.63001"),
        (lambda: money.canonical(D("61837.6300")), "61837.63"),
        (lambda: money.shown(D("61837.123456789")), "61837.12345679"),
    ],
)
def test_no_result_depends_on_the_threads_decimal_context(call, expected):
    with localcontext() as context:
        context.prec = 6  # what one line of a strategy, or a library it imports, can set
        assert str(call()) == expected


def test_a_floor_is_never_above_its_value_however_many_digits_it_has():
    value = Decimal("0." + "9" * 30)
    assert money.floor_to(value, D(1)) <= value
