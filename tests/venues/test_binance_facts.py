"""What a person asks of a venue: its limits, an account's fees."""

import pytest

from builders import NOW, D
from nightdesk.venues.binance_facts import BinanceFacts
from nightdesk.venues.binance_sign import HmacSigner
from nightdesk.venues.protocol import Fees, NoAnswer, RateLimit
from venues.spot import HTML, answer, refusal

SPOT = BinanceFacts(HmacSigner("key", "secret"), contracts=False)
USDM = BinanceFacts(HmacSigner("key", "secret"), contracts=True)
# exchangeInfo of the documents.
LIMITS = [
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
    {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200_000},
]
COMMISSION = {
    "symbol": "BTCUSDT",
    "standardCommission": {"maker": "0.00000010", "taker": "0.00000020", "buyer": "0.00000030"},
    "specialCommission": {"maker": "0.01000000", "taker": "0.02000000", "buyer": "0.03000000"},
    "taxCommission": {"maker": "0.00000112", "taker": "0.00000114", "buyer": "0.00000118"},
    "discount": {"enabledForAccount": True, "discount": "0.75000000"},
}


def test_the_limits_are_the_venues_own() -> None:
    assert SPOT.told_rate_limits(
        answer({"timezone": "UTC", "rateLimits": LIMITS, "symbols": []})
    ) == [
        RateLimit(unit="request_weight", most=6000, length_s=60),
        RateLimit(unit="orders", most=100, length_s=10),
        RateLimit(unit="orders", most=200_000, length_s=86_400),
    ]
    assert SPOT.rate_limits("BTCUSDT").target == "/api/v3/exchangeInfo?symbol=BTCUSDT"
    assert USDM.rate_limits("BTCUSDT").target == "/fapi/v1/exchangeInfo"


def test_a_limit_of_an_unknown_interval_spoils_no_other() -> None:
    listed = [LIMITS[0] | {"interval": "FORTNIGHT"}, LIMITS[0]]
    told = [RateLimit(unit="request_weight", most=6000, length_s=60)]
    assert SPOT.told_rate_limits(answer({"rateLimits": listed})) == told


@pytest.mark.parametrize("body", [HTML, {}, {"rateLimits": [{}]}])
def test_limits_that_cannot_be_read_are_no_limits(body: object) -> None:
    assert isinstance(SPOT.told_rate_limits(answer(body)), NoAnswer)


def test_every_part_of_a_fee_is_charged() -> None:
    assert SPOT.told_fees(answer(COMMISSION)) == Fees(maker=D("0.01000122"), taker=D("0.02000134"))
    told = {"symbol": "BTCUSDT", "makerCommissionRate": "-0.0001", "takerCommissionRate": "0.0004"}
    assert USDM.told_fees(answer(told)) == Fees(maker=D("-0.0001"), taker=D("0.0004"))


@pytest.mark.parametrize(
    ("facts", "path"), [(SPOT, "/api/v3/account/commission"), (USDM, "/fapi/v1/commissionRate")]
)
def test_fees_are_the_accounts_so_the_question_is_signed(facts: BinanceFacts, path: str) -> None:
    asked = facts.fees("BTCUSDT", NOW)
    assert asked.target.startswith(f"{path}?symbol=BTCUSDT&recvWindow=")
    assert "&signature=" in asked.target
    assert isinstance(facts.told_fees(refusal(401, -2015)), NoAnswer)
