"""Endpoints beside spot's own that clients ask on their way to it: of neighbouring venues, of the wallet.

Owns the least such clients accept. Refuses margin, futures and withdrawals beyond that.
"""

from dataclasses import dataclass

from nightdesk.lab.api import Ask, Route, Run, Stage
from nightdesk.lab.exchange import Exchange
from nightdesk.lab.orders import text8
from nightdesk.lab.params import SIGNED_NAMES
from nightdesk.lab.settings import MS_NS

_ZERO = "0"
_KEY_MADE_NS = 1_623_840_271_000 * MS_NS  # every key is as old as the document's example


@dataclass(slots=True)
class Stubs:
    """The neighbours of one lab."""

    exchange: Exchange

    def routes(self) -> list[Route]:
        """Every neighbouring endpoint."""
        empty: tuple[tuple[str, Run], ...] = (
            ("/sapi/v1/margin/allPairs", self.nothing),
            ("/sapi/v1/margin/isolated/allPairs", self.nothing),
            ("/fapi/v1/exchangeInfo", self.no_futures),
            ("/dapi/v1/exchangeInfo", self.no_futures),
        )
        stubs = [
            Route(
                method="GET",
                path=path,
                stage=Stage.PUBLIC,
                run=run,
                names=SIGNED_NAMES | {"symbol"},
            )
            for path, run in empty
        ]
        coins = Route(
            method="GET",
            path="/sapi/v1/capital/config/getall",
            stage=Stage.READ,
            run=self.coins,
            weight=10,
        )
        rights = Route(
            method="GET",
            path="/sapi/v1/account/apiRestrictions",
            stage=Stage.READ,
            run=self.key_rights,
        )
        return [*stubs, coins, rights]

    def nothing(self, ask: Ask) -> object:
        """No such pairs."""
        return []

    def no_futures(self, ask: Ask) -> object:
        """A futures venue without symbols."""
        return {
            "timezone": "UTC",
            "serverTime": ask.stamp(ask.now_ns),
            "rateLimits": [],
            "exchangeFilters": [],
            "assets": [],
            "symbols": [],
        }

    def key_rights(self, ask: Ask) -> object:
        """What the asking key may do; not the account, which spot's `canWithdraw` is about.

        Source: developers.binance.com, wallet, "Get API Key Permission", read 2026-11-22. A key that may
        withdraw must be bound to addresses.
        """
        may_withdraw = ask.client.settings.may_withdraw
        return {
            "ipRestrict": may_withdraw,
            "createTime": _KEY_MADE_NS // MS_NS,
            "enableReading": True,
            "enableWithdrawals": may_withdraw,
            "enableInternalTransfer": False,
            "enableMargin": False,
            "enableFutures": bool(ask.client.settings.usdm),
            "permitsUniversalTransfer": False,
            "enableVanillaOptions": False,
            "enableFixApiTrade": False,
            "enableFixReadOnly": False,
            "enableSpotAndMarginTrading": True,
            "enablePortfolioMarginTrading": False,
        }

    def coins(self, ask: Ask) -> object:
        """Every asset. Clients that miss an asset here cannot read fees paid in it."""
        return [
            {
                "coin": asset,
                "depositAllEnable": False,
                "free": text8(purse.free),
                "freeze": _ZERO,
                "ipoable": _ZERO,
                "ipoing": _ZERO,
                "isLegalMoney": False,
                "locked": text8(purse.locked),
                "name": asset,
                "networkList": [],
                "storage": _ZERO,
                "trading": True,
                "withdrawAllEnable": False,
                "withdrawing": _ZERO,
            }
            for asset, purse in ask.client.wallet.purses.items()
        ]
