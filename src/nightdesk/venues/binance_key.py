"""Binance: what a key may do, and whose it is.

Sources: developers.binance.com, wallet, "Get API Key Permission" (GET /sapi/v1/account/apiRestrictions), and
rest-api.md "Account information" (GET /api/v3/account), read 2026-11-22. `enableWithdrawals` is about the key:
"allows you to withdraw via API". `canWithdraw` of the account information is about the account, whatever the
key; it is not asked. Spot's host tells it for every market of the venue. The Spot Test Network has no `/sapi`
(testnet/general-info.md): there nobody answers.
"""

import msgspec

from nightdesk.model.time import Wall
from nightdesk.venues import binance_wire as wire
from nightdesk.venues.binance_costs import SPOT
from nightdesk.venues.binance_errors import meaning_of
from nightdesk.venues.binance_rest import BinanceRest, wall_of
from nightdesk.venues.binance_sign import Signer
from nightdesk.venues.http import HttpRequest, HttpResult
from nightdesk.venues.protocol import NoAnswer

TAIL = 4  # of the key, which is no secret but need not stand in every log either


class _Rights(msgspec.Struct, rename="camel"):
    enable_withdrawals: bool


class _Owner(msgspec.Struct):
    uid: int


class BinanceKey:
    """The questions about one key."""

    def __init__(self, signer: Signer) -> None:
        self._rest = BinanceRest(signer, meaning_of, SPOT)
        self.tail = signer.key[-TAIL:]

    def time(self) -> HttpRequest:
        """Ask for the clock of who is asked."""
        return self._rest.public("/api/v3/time")

    def told_time(self, result: HttpResult) -> Wall | NoAnswer:
        """That clock, to the millisecond."""
        return self._rest.answered(result, wire.ServerTime, lambda told: wall_of(told.server_time))

    def rights(self, now: Wall) -> HttpRequest:
        """Ask what the key may do."""
        return self._rest.signed("GET", "/sapi/v1/account/apiRestrictions", "", now)

    def righted(self, result: HttpResult) -> bool | NoAnswer:
        """Whether it may withdraw."""
        return self._rest.answered(result, _Rights, lambda told: told.enable_withdrawals)

    def owner(self, now: Wall) -> HttpRequest:
        """Ask whose account it is."""
        return self._rest.signed("GET", "/api/v3/account", "", now)

    def owned(self, result: HttpResult) -> str | NoAnswer:
        """The account's id."""
        return self._rest.answered(result, _Owner, lambda told: str(told.uid))
