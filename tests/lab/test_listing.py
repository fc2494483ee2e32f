"""Rules of a symbol as a venue lists them."""

import msgspec
import pytest

from lab.driver import Driver
from lab.markets import D
from nightdesk.lab.listing import Listed, symbol_of
from nightdesk.lab.settings import KNOWN_SYMBOLS, SymbolSettings

TICK = {"filterType": "PRICE_FILTER", "minPrice": "0", "maxPrice": "0", "tickSize": "0.05"}
LOT = {"filterType": "LOT_SIZE", "minQty": "0.1", "maxQty": "900", "stepSize": "0.1"}


def listed(*filters: dict[str, object]) -> Listed:
    row = {"symbol": "XYZUSDC", "baseAsset": "XYZ", "quoteAsset": "USDC", "filters": filters}
    return msgspec.convert(row, Listed, strict=False)


def test_a_lab_reads_back_what_a_lab_lists() -> None:
    symbols = tuple(KNOWN_SYMBOLS.values())
    odd = SymbolSettings(
        symbol="XYZUSDC",
        base="XYZ",
        quote="USDC",
        tick=D("0.0005"),
        step=D(1),
        price_max=D(77),
        quantity_min=D(3),
        quantity_max=D(4000),
        market_quantity_max=D(11),
        notional_min=D(7),
        notional_max=D(12345),
        open_orders_max=9,
        bid_up=D("1.5"),
        bid_down=D("0.5"),
        ask_up=D("1.6"),
        ask_down=D("0.4"),
    )
    driver = Driver(symbols=(*symbols, odd))
    told = driver.public("/api/v3/exchangeInfo").json["symbols"]
    assert [symbol_of(msgspec.convert(row, Listed, strict=False)) for row in told] == [
        *symbols,
        odd,
    ]


def test_rules_that_are_not_listed_or_switched_off_keep_the_labs_own() -> None:
    rules = symbol_of(
        listed(TICK, LOT, {"filterType": "TRAILING_DELTA", "minTrailingAboveDelta": 1})
    )
    own = SymbolSettings(symbol="XYZUSDC", base="XYZ", quote="USDC")
    assert (rules.tick, rules.step, rules.quantity_min) == (D("0.05"), D("0.1"), D("0.1"))
    assert rules.price_max == own.price_max
    assert rules.notional_min == own.notional_min
    older = {"filterType": "MIN_NOTIONAL", "minNotional": "10"}
    assert symbol_of(listed(TICK, LOT, older)).notional_min == 10


@pytest.mark.parametrize(
    ("filters", "missing"),
    [((LOT,), "no tick size"), ((TICK,), "no step size"), ((), "no step and no tick size")],
)
def test_without_tick_or_lot_size_there_is_nothing_to_practise_on(
    filters: tuple[dict[str, object], ...], missing: str
) -> None:
    with pytest.raises(ValueError, match=missing):
        symbol_of(listed(*filters))
