"""Rules of a contract as a venue lists them."""

import msgspec
import pytest

from lab.perps import D, Perps
from nightdesk.lab.usdm.listing import ListedPerp, perp_of
from nightdesk.lab.usdm.settings import KNOWN_PERPS, PerpSettings, UsdmSettings

TICK = {"filterType": "PRICE_FILTER", "minPrice": "0.05", "maxPrice": "9", "tickSize": "0.05"}
LOT = {"filterType": "LOT_SIZE", "minQty": "0.1", "maxQty": "900", "stepSize": "0.1"}


def listed(*filters: dict[str, object], kind: str = "PERPETUAL") -> ListedPerp:
    row = {
        "symbol": "XYZUSDC",
        "contractType": kind,
        "baseAsset": "XYZ",
        "quoteAsset": "USDC",
        "marginAsset": "USDC",
        "filters": filters,
    }
    return msgspec.convert(row, ListedPerp, strict=False)


def test_a_lab_reads_back_what_a_lab_lists() -> None:
    odd = PerpSettings(
        symbol="XYZUSDC",
        base="XYZ",
        quote="USDC",
        tick=D("0.0005"),
        step=D(1),
        price_min=D("0.001"),
        price_max=D(77),
        quantity_min=D(3),
        quantity_max=D(4000),
        market_quantity_max=D(11),
        notional_min=D(7),
        open_orders_max=9,
        algo_orders_max=8,
        price_up=D("1.15"),
        price_down=D("0.85"),
        liquidation_fee=D("0.02"),
    )
    contracts = (*KNOWN_PERPS.values(), odd)
    info = Perps(usdm=UsdmSettings(symbols=contracts)).public("/fapi/v1/exchangeInfo", "").raw.body
    told = msgspec.json.decode(info, type=dict[str, msgspec.Raw])["symbols"]
    assert tuple(map(perp_of, msgspec.json.decode(told, type=list[ListedPerp]))) == contracts


def test_what_is_not_listed_keeps_the_labs_own_rule() -> None:
    assert perp_of(listed(TICK, LOT)) == PerpSettings(
        symbol="XYZUSDC",
        base="XYZ",
        quote="USDC",
        tick=D("0.05"),
        step=D("0.1"),
        price_min=D("0.05"),
        price_max=D(9),
        quantity_min=D("0.1"),
        quantity_max=D(900),
    )


def test_a_contract_without_a_grid_and_one_that_ends_are_refused() -> None:
    with pytest.raises(ValueError, match="no step size"):
        perp_of(listed(TICK))
    with pytest.raises(ValueError, match="CURRENT_QUARTER"):
        perp_of(listed(TICK, LOT, kind="CURRENT_QUARTER"))
