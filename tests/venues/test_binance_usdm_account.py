"""What an account of contracts holds, on which terms, and what moved it: read as the documents show it."""

import msgspec
import pytest

from builders import NOW, D
from nightdesk.model.account import AccountTerms, Flow, Forced, Margin, Terms
from nightdesk.model.time import MS_NS, Wall
from nightdesk.venues.protocol import NoAnswer
from venues.spot import HUNG, answer, refusal
from venues.usdm import CODEC, PERP, TRADE

ACCOUNT = {
    "totalWalletBalance": "126.72469206",
    "assets": [
        {"asset": "USDT", "walletBalance": "23.72469206", "unrealizedProfit": "1.5"},
        {"asset": "BNB", "walletBalance": "-0.10000000", "unrealizedProfit": "0"},
    ],
    "positions": [
        {"symbol": "BTCUSDT", "positionSide": "BOTH", "positionAmt": "-1.500", "notional": "0"},
        {"symbol": "XRPUSDT", "positionSide": "BOTH", "positionAmt": "3", "notional": "0"},
    ],
}
CONFIG = {"feeTier": 0, "canTrade": True, "dualSidePosition": False, "multiAssetsMargin": False}
SYMBOLS = [
    {"symbol": "BTCUSDT", "marginType": "CROSSED", "leverage": 21, "maxNotionalValue": "1000000"},
    {"symbol": "ETHUSDT", "marginType": "ISOLATED", "leverage": 5, "maxNotionalValue": "1000000"},
    {"symbol": "XRPUSDT", "marginType": "CROSSED", "leverage": 20, "maxNotionalValue": "1000000"},
]


def test_wallets_and_positions_are_told_in_one_answer():
    assert CODEC.account(NOW).target.startswith("/fapi/v3/account?")
    held = CODEC.held(answer(ACCOUNT))
    assert held.balances == {"usdm/USDT": D("23.72469206"), "usdm/BNB": D("-0.1")}
    assert held.positions == {PERP: D("-1.5")}


def test_a_position_of_hedge_mode_is_no_number():
    long = {"symbol": "BTCUSDT", "positionSide": "LONG", "positionAmt": "1"}
    hedged = ACCOUNT | {"positions": [long]}
    assert isinstance(CODEC.held(answer(hedged)), NoAnswer)
    flat = ACCOUNT | {"positions": [long | {"positionAmt": "0"}]}
    assert CODEC.held(answer(flat)).positions == {}


def test_the_terms_are_asked_of_the_account_and_of_its_contracts():
    paths = [ask(NOW).target.partition("?")[0] for ask in CODEC.terms()]
    assert paths == ["/fapi/v1/accountConfig", "/fapi/v1/symbolConfig"]
    assert CODEC.termed([answer(CONFIG), answer(SYMBOLS)]) == AccountTerms(
        hedge=False,
        multi_asset=False,
        contracts={
            PERP: Terms(leverage=21, margin=Margin.CROSS),
            "usdm:ETHUSDT": Terms(leverage=5, margin=Margin.ISOLATED),
        },
    )


@pytest.mark.parametrize(
    "results",
    [
        [HUNG, answer(SYMBOLS)],
        [answer(CONFIG), HUNG],
        [answer({}), answer(SYMBOLS)],
        [answer(CONFIG), answer([SYMBOLS[0] | {"marginType": "A_MODE_OF_NEXT_YEAR"}])],
    ],
)
def test_terms_that_cannot_be_read_are_no_terms(results):
    assert isinstance(CODEC.termed(results), NoAnswer)


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (Flow.FUNDING, "FUNDING_FEE"),
        (Flow.TRANSFER, "TRANSFER"),
        (Flow.INSURANCE, "INSURANCE_CLEAR"),
    ],
)
def test_moves_of_the_wallet_are_asked_kind_by_kind(kind, word):
    request = CODEC.flows(kind, Wall(7 * MS_NS), NOW)
    path, _, query = request.target.partition("?")
    assert path == "/fapi/v1/income"
    assert query.startswith(f"incomeType={word}&startTime=7&limit=1000&")


def test_funding_names_its_contract_and_a_transfer_none():
    funding = {
        "symbol": "BTCUSDT",
        "incomeType": "FUNDING_FEE",
        "income": "-0.37500000",
        "asset": "USDT",
        "info": "FUNDING_FEE",
        "time": 1570608000000,
        "tranId": 9689322392,
        "tradeId": "",
    }
    transfer = funding | {"symbol": "", "incomeType": "TRANSFER"}
    [told] = CODEC.flowed(Flow.FUNDING, answer([funding, transfer]))
    assert msgspec.to_builtins(told) == {
        "kind": "funding",
        "id": "9689322392",
        "instrument": PERP,
        "asset": "USDT",
        "amount": "-0.375",
        "at": 1570608000000 * MS_NS,
    }
    [told] = CODEC.flowed(Flow.TRANSFER, answer([funding, transfer]))
    assert told.instrument is None
    assert isinstance(CODEC.flowed(Flow.FUNDING, HUNG), NoAnswer)


def test_orders_of_the_venue_itself_are_told_by_why_they_were_placed():
    order = {
        "orderId": 6071832819,
        "symbol": "BTCUSDT",
        "status": "FILLED",
        "clientOrderId": "autoclose-1596107620040000020",
        "executedQty": "0.001",
        "side": "SELL",
    }
    adl = order | {"orderId": 7, "clientOrderId": "adl_autoclose"}
    told = CODEC.closed(answer([order, adl, order | {"symbol": "XRPUSDT"}]))
    assert [(o.kind, o.venue_order_id) for o in told] == [
        (Forced.LIQUIDATION, "6071832819"),
        (Forced.ADL, "7"),
    ]
    assert "forceOrders?symbol=BTCUSDT&startTime=7&" in CODEC.closes(PERP, 7 * MS_NS, NOW).target
    assert "userTrades?symbol=BTCUSDT&orderId=7&" in CODEC.close_trades(told[1], NOW).target
    [fill] = CODEC.close_traded(told[1], answer([TRADE]))
    assert (fill.kind, fill.qty, fill.realised) == (Forced.ADL, D("0.002"), D("-0.91539999"))


def test_the_private_stream_is_read_by_a_key_that_is_asked_for_and_never_closed():
    request = CODEC.private_key()
    assert (request.method, request.target) == ("POST", "/fapi/v1/listenKey")
    assert dict(request.headers) == {"X-MBX-APIKEY": "key"}
    assert CODEC.keyed(answer({"listenKey": "pqia91ma19a5s61c"})) == "pqia91ma19a5s61c"
    assert isinstance(CODEC.keyed(answer({"listenKey": "a/../b"})), NoAnswer)
    assert isinstance(CODEC.keyed(refusal(401, -2015)), NoAnswer)
    assert CODEC.private_path("abc") == "/private/ws/abc"
    assert CODEC.private_hello(NOW) == ""
