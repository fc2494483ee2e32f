"""Cells of recorded tables: what is believed, and what is refused with its reason."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.recordings.rows import flag, price, quantity, stamp_ns, stamp_us_ns, whole

MS_FIRST, MS_LAST = 10**12, 10**13 - 1


@given(st.integers(MS_FIRST, MS_LAST), st.integers(0, 999))
def test_milliseconds_and_microseconds_are_told_apart_by_their_digits(ms: int, us: int) -> None:
    assert stamp_ns(str(ms)) == ms * 1_000_000
    assert stamp_ns(str(ms * 1000 + us)) == (ms * 1000 + us) * 1000
    assert stamp_us_ns(str(ms * 1000 + us)) == (ms * 1000 + us) * 1000


@pytest.mark.parametrize(
    "text", ["", "1760129340", "17601293400000", "1760129340000000000", "-1", "x"]
)
def test_any_other_number_of_digits_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="is no time in ms"):
        stamp_ns(text)


def test_a_time_in_microseconds_is_never_in_milliseconds() -> None:
    with pytest.raises(ValueError, match="is no time in us"):
        stamp_us_ns("1760129340000")


@pytest.mark.parametrize(
    "text",
    ["NaN", "nan", "sNaN", "Infinity", "-Infinity", "", " 1", "1 ", "1_000", "x", "0x1", "1,5"],
)
def test_what_is_no_number_is_neither_price_nor_quantity(text: str) -> None:
    for read in (price, quantity):
        with pytest.raises(ValueError, match="is no number"):
            read(text, "cell")


@pytest.mark.parametrize("text", ["0", "0.000", "-1", "1E+15", "9E+99"])
def test_a_price_is_above_zero_and_of_this_world(text: str) -> None:
    with pytest.raises(ValueError, match=r"open .* is no price"):
        price(text, "open")


def test_a_quantity_may_be_zero_only_where_that_means_something() -> None:
    assert quantity("0", "volume", zero=True) == 0
    for text, zero in (("0", False), ("-1", True), ("1E+15", True)):
        with pytest.raises(ValueError, match="is no quantity"):
            quantity(text, "volume", zero=zero)


@given(st.decimals("0.00000001", "1000000", places=8))
def test_a_price_comes_back_exactly(value: Decimal) -> None:
    assert price(f"{value:f}", "open") == value


def test_flags_and_counts_are_exact() -> None:
    assert [flag(t, "f") for t in ("true", "True", "false", "False")] == [True, True, False, False]
    assert whole("12", "count") == 12
    with pytest.raises(ValueError, match="neither true nor false"):
        flag("1", "is_buyer_maker")
    with pytest.raises(ValueError, match=r"'1\.0' is no whole number"):
        whole("1.0", "count")
