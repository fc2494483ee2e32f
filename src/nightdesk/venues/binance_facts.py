"""Binance: what a person asks of a venue, and a desk does not: its rate limits as it tells them, and an
account's fees.

Sources, read 2026-11-22: spot's rest-api.md ("Query Commission Rates") of 2026-07-21; USD-M "User Commission
Rate". Rates are shares of what is traded: 0.001 is ten basis points. On spot standard, special and tax rates
are all charged; a discount for fees paid in another asset is not counted.
"""

from collections.abc import Sequence
from decimal import Decimal
from urllib.parse import quote

import msgspec

from nightdesk.model import money
from nightdesk.model.time import Wall
from nightdesk.venues import binance_errors, binance_usdm_errors
from nightdesk.venues import binance_wire as wire
from nightdesk.venues.binance_costs import SPOT, USDM
from nightdesk.venues.binance_rates import told_rate_limits
from nightdesk.venues.binance_rest import BinanceRest
from nightdesk.venues.binance_sign import Signer
from nightdesk.venues.http import HttpRequest, HttpResult
from nightdesk.venues.protocol import Fees, NoAnswer, RateLimit


class _Rates(msgspec.Struct):
    maker: Decimal
    taker: Decimal


class _Commission(msgspec.Struct, rename="camel"):
    standard_commission: _Rates
    special_commission: _Rates
    tax_commission: _Rates


class _CommissionRate(msgspec.Struct, rename="camel"):
    maker_commission_rate: Decimal
    taker_commission_rate: Decimal


class BinanceFacts:
    """The questions about one venue and account."""

    def __init__(self, signer: Signer, *, contracts: bool) -> None:
        errors = binance_usdm_errors if contracts else binance_errors
        self._rest = BinanceRest(signer, errors.meaning_of, USDM if contracts else SPOT)
        self._contracts = contracts

    def rate_limits(self, symbol: str) -> HttpRequest:
        """Ask for the rate limits; they come with the rules of a symbol."""
        if self._contracts:
            return self._rest.public("/fapi/v1/exchangeInfo")
        return self._rest.public("/api/v3/exchangeInfo", f"symbol={quote(symbol, safe='')}")

    def told_rate_limits(self, result: HttpResult) -> Sequence[RateLimit] | NoAnswer:
        """The rate limits, in the venue's order."""
        return told_rate_limits(self._rest, result)

    def fees(self, symbol: str, now: Wall) -> HttpRequest:
        """Ask what the account pays for trading a symbol."""
        path = "/fapi/v1/commissionRate" if self._contracts else "/api/v3/account/commission"
        return self._rest.signed("GET", path, f"symbol={quote(symbol, safe='')}", now)

    def told_fees(self, result: HttpResult) -> Fees | NoAnswer:
        """What it pays."""
        if self._contracts:
            return self._rest.answered(
                result,
                _CommissionRate,
                lambda told: Fees(
                    maker=wire.signed(told.maker_commission_rate),
                    taker=wire.signed(told.taker_commission_rate),
                ),
            )

        def build(told: _Commission) -> Fees:
            parts = (told.standard_commission, told.special_commission, told.tax_commission)
            return Fees(
                maker=money.total(wire.signed(part.maker) for part in parts),
                taker=money.total(wire.signed(part.taker) for part in parts),
            )

        return self._rest.answered(result, _Commission, build)
