"""Settings endpoints: leverage, margin, position mode, asset mode, and what they depend on.

Owns the account's settings and the venue's tables. Refuses hedge mode's orders: the mode can be
switched, and then the venue takes no order that a one-way account would send.
"""

from collections.abc import Callable, Sized
from dataclasses import dataclass
from decimal import Decimal

from nightdesk.lab import params
from nightdesk.lab.api import Ask, Route, Run, Stage
from nightdesk.lab.orders import ZERO
from nightdesk.lab.refusals import Refused
from nightdesk.lab.truth import Kind
from nightdesk.lab.usdm.accounts import PerpAccount
from nightdesk.lab.usdm.engine import PerpExchange
from nightdesk.lab.usdm.margin import notional_max
from nightdesk.lab.usdm.news import ConfigNews, Reason
from nightdesk.lab.usdm.settings import PerpSettings
from nightdesk.lab.usdm.settlement import VENUE
from nightdesk.lab.views import Json

_SUCCESS = {"code": 200, "msg": "success"}
_ADD, _TAKE = 1, 2


@dataclass(slots=True)
class Configuration:
    """The settings of all accounts of one USD-M venue."""

    exchange: PerpExchange
    # The conditional orders an account has open, of a contract or of any.
    open_algos: Callable[[PerpAccount, str | None], Sized]

    def routes(self) -> list[Route]:
        """Every endpoint of settings."""
        nothing, symbol = frozenset[str](), frozenset({"symbol"})
        margin = symbol | {"amount", "type", "positionSide"}
        dual, multi = frozenset({"dualSidePosition"}), frozenset({"multiAssetsMargin"})
        posts: tuple[tuple[str, Run, frozenset[str]], ...] = (
            ("leverage", self.change_leverage, symbol | {"leverage"}),
            ("marginType", self.change_margin_type, symbol | {"marginType"}),
            ("positionMargin", self.change_position_margin, margin),
            ("positionSide/dual", self.change_hedge_mode, dual),
            ("multiAssetsMargin", self.change_multi_assets, multi),
        )
        gets: tuple[tuple[str, Run, frozenset[str], int], ...] = (
            ("positionSide/dual", self.hedge_mode, nothing, 30),
            ("multiAssetsMargin", self.multi_assets, nothing, 30),
            ("leverageBracket", self.brackets, symbol, 1),
            ("commissionRate", self.commission, symbol, 20),
            ("accountConfig", self.account_config, nothing, 5),
            ("symbolConfig", self.symbol_config, symbol, 5),
            ("adlQuantile", self.adl_quantile, symbol, 5),
            ("feeBurn", self.fee_burn, nothing, 30),
        )
        return [
            *(
                Route(
                    method="POST",
                    path=f"/fapi/v1/{path}",
                    stage=Stage.ENGINE,
                    run=run,
                    names=names,
                )
                for path, run, names in posts
            ),
            *(
                Route(
                    method="GET",
                    path=f"/fapi/v1/{path}",
                    stage=Stage.READ,
                    run=run,
                    names=names,
                    weight=weight,
                )
                for path, run, names, weight in gets
            ),
        ]

    def _account(self, ask: Ask) -> PerpAccount:
        return self.exchange.accounts[ask.client.name]

    def _rules(self, ask: Ask) -> PerpSettings:
        return self.exchange.rules[params.symbol(ask.params, self.exchange.rules)]

    def _wanted(self, ask: Ask) -> list[PerpSettings]:
        if "symbol" in ask.params:
            return [self._rules(ask)]
        return list(self.exchange.rules.values())

    def _busy(self, account: PerpAccount, symbol: str | None) -> bool:
        return bool(account.open_orders(symbol)) or len(self.open_algos(account, symbol)) > 0

    # --- leverage and margin ---------------------------------------------------------------

    def change_leverage(self, ask: Ask) -> object:
        """Set a contract's leverage, for the position that is held as well."""
        account, rules = self._account(ask), self._rules(ask)
        params.required(ask.params, "leverage")
        leverage = params.long(ask.params, "leverage") or 0
        if not 1 <= leverage <= rules.brackets[0].leverage_max:
            raise Refused(-4028, f"Leverage {leverage} is not valid")
        self.set_leverage(account, rules, leverage, ask.now_ns)
        most = notional_max(rules, leverage)
        return {
            "leverage": leverage,
            "maxNotionalValue": f"{most:f}",
            "symbol": rules.symbol,
        }

    def set_leverage(
        self, account: PerpAccount, rules: PerpSettings, leverage: int, at_ns: int
    ) -> None:
        """Set a leverage that the contract has. Raises `Refused` where the account cannot bear it."""
        held = account.position(rules.symbol)
        row = self.exchange.symbol_margin(account, rules.symbol)
        if row.worst > notional_max(rules, leverage):
            raise Refused(-2027, "Exceeded the maximum allowable position at current leverage.")
        if held.isolated and held.amount and leverage < held.leverage:
            raise Refused(
                -4161,
                "Leverage reduction is not supported in Isolated Margin Mode with open positions",
            )
        before = account.holdings
        account.set_position(at_ns, rules.symbol, leverage=leverage)
        _, sums = self.exchange.margins(account)
        asset = sums[rules.quote]
        if asset.cross_initial > asset.cross_balance and leverage < held.leverage:
            account.change(before)
            raise Refused(-2028, "Leverage is smaller than permitted: insufficient margin balance.")
        self._set(account, rules.symbol, f"leverage {leverage}", at_ns)
        self.exchange.settlement.news.append(
            ConfigNews(account=account.name, at_ns=at_ns, symbol=rules.symbol, leverage=leverage)
        )

    def _set(self, account: PerpAccount, symbol: str | None, what: str, at_ns: int) -> None:
        """Write into the truth that a setting changed."""
        self.exchange.truth.add(
            Kind.SETTING, at_ns, venue=VENUE, account=account.name, symbol=symbol, what=what
        )

    def change_margin_type(self, ask: Ask) -> object:
        """Cross or isolated, while nothing of the contract is open or held."""
        account, rules = self._account(ask), self._rules(ask)
        asked = params.required(ask.params, "marginType")
        if asked not in ("ISOLATED", "CROSSED"):
            raise Refused(-1130, "Data sent for parameter 'marginType' is not valid.")
        self.set_isolated(account, rules.symbol, asked == "ISOLATED", ask.now_ns)
        return _SUCCESS

    def set_isolated(
        self,
        account: PerpAccount,
        symbol: str,
        isolated: bool,
        at_ns: int,
    ) -> None:
        """Set a contract's margin type. Raises `Refused` where it cannot be now."""
        if account.position(symbol).isolated == isolated:
            raise Refused(-4046, "No need to change margin type.")
        if isolated and account.multi_assets:
            raise Refused(
                -4168, "Unable to adjust to isolated-margin mode under the Multi-Assets mode."
            )
        if self._busy(account, symbol):
            raise Refused(-4047, "Margin type cannot be changed if there exists open orders.")
        if account.position(symbol).amount:
            raise Refused(-4048, "Margin type cannot be changed if there exists position.")
        account.set_position(at_ns, symbol, isolated=isolated)
        self._set(account, symbol, "isolated" if isolated else "crossed", at_ns)
        self.exchange.settlement.tell_account(
            account, Reason.MARGIN_TYPE_CHANGE, at_ns, symbols=(symbol,)
        )

    def change_position_margin(self, ask: Ask) -> object:
        """Move money between the cross wallet and an isolated position's own."""
        account, rules = self._account(ask), self._rules(ask)
        for name in ("amount", "type"):
            params.required(ask.params, name)
        amount, kind = params.decimal(ask.params, "amount"), params.long(ask.params, "type")
        if not amount:
            raise Refused(-4055, "Amount must be positive.")
        if kind not in (_ADD, _TAKE):
            raise Refused(-1130, "Data sent for parameter 'type' is not valid.")
        change = amount if kind == _ADD else -amount
        self._move_margin(account, rules, change)
        wallet = account.position(rules.symbol).isolated_wallet + change
        account.set_position(ask.now_ns, rules.symbol, isolated_wallet=wallet)
        self.exchange.settlement.tell_account(
            account,
            Reason.MARGIN_TRANSFER,
            ask.now_ns,
            assets=(rules.quote,),
            symbols=(rules.symbol,),
        )
        return {
            "amount": float(amount),
            "code": 200,
            "msg": "Successfully modify position margin.",
            "type": kind,
        }

    def _move_margin(self, account: PerpAccount, rules: PerpSettings, change: Decimal) -> None:
        """Refuse what would leave either wallet short."""
        held = account.position(rules.symbol)
        if not held.isolated:
            raise Refused(-4049, "Add margin only support for isolated position.")
        if not held.amount:
            raise Refused(-4054, "Cannot add position margin: position is 0.")
        rows, sums = self.exchange.margins(account)
        if change > sums[rules.quote].available:
            raise Refused(-4050, "Cross balance insufficient.")
        row = rows[rules.symbol]
        worth = held.isolated_wallet + min(row.unrealised, ZERO)
        if change < 0 and worth + change < row.position_initial:
            raise Refused(-4051, "Isolated balance insufficient.")

    # --- modes -----------------------------------------------------------------------------

    def change_hedge_mode(self, ask: Ask) -> object:
        """One-way or hedge, while nothing is open or held."""
        params.required(ask.params, "dualSidePosition")
        hedge = params.flag(ask.params, "dualSidePosition", default=False)
        self.set_hedge_mode(self._account(ask), hedge, ask.now_ns)
        return _SUCCESS

    def set_hedge_mode(
        self,
        account: PerpAccount,
        hedge: bool,
        at_ns: int,
    ) -> None:
        """Set the position mode. Raises `Refused` where it cannot be now."""
        if account.hedge_mode == hedge:
            raise Refused(-4059, "No need to change position side.")
        if self._busy(account, None):
            raise Refused(-4067, "Position side cannot be changed if there exists open orders.")
        if any(held.amount for held in account.holdings.positions.values()):
            raise Refused(-4068, "Position side cannot be changed if there exists position.")
        account.hedge_mode = hedge
        self._set(account, None, "hedge mode" if hedge else "one-way mode", at_ns)

    def hedge_mode(self, ask: Ask) -> object:
        """The position mode."""
        return {"dualSidePosition": self._account(ask).hedge_mode}

    def change_multi_assets(self, ask: Ask) -> object:
        """Single-asset or multi-assets. Margin is reckoned asset by asset in both."""
        params.required(ask.params, "multiAssetsMargin")
        multi = params.flag(ask.params, "multiAssetsMargin", default=False)
        self.set_multi_assets(self._account(ask), multi, ask.now_ns)
        return _SUCCESS

    def set_multi_assets(
        self,
        account: PerpAccount,
        multi: bool,
        at_ns: int,
    ) -> None:
        """Set the asset mode. Raises `Refused` where it cannot be now."""
        if account.multi_assets == multi:
            raise Refused(
                -4171,
                "Adjusted asset mode is currently set and does not need to be adjusted repeatedly.",
            )
        if multi and any(held.isolated for held in account.holdings.positions.values()):
            raise Refused(
                -4167,
                "Unable to adjust to Multi-Assets mode with symbols of USDⓈ-M Futures under "
                "isolated-margin mode.",
            )
        if self._busy(account, None):
            raise Refused(
                -4170, "Unable to adjust Multi-Assets Mode with open orders in USDⓈ-M Futures."
            )
        account.multi_assets = multi
        self._set(account, None, "multi-assets" if multi else "single-asset", at_ns)
        self.exchange.settlement.news.append(
            ConfigNews(account=account.name, at_ns=at_ns, multi_assets=multi)
        )

    def multi_assets(self, ask: Ask) -> object:
        """The asset mode."""
        return {"multiAssetsMargin": self._account(ask).multi_assets}

    # --- tables ----------------------------------------------------------------------------

    def brackets(self, ask: Ask) -> object:
        """Leverage and maintenance by notional."""
        return [_brackets(rules) for rules in self._wanted(ask)]

    def commission(self, ask: Ask) -> object:
        """Commission rates of a contract."""
        settings = self.exchange.settings
        return {
            "symbol": self._rules(ask).symbol,
            "makerCommissionRate": f"{settings.maker_fee:f}",
            "takerCommissionRate": f"{settings.taker_fee:f}",
            "rpiCommissionRate": "0.00005",
        }

    def account_config(self, ask: Ask) -> object:
        """What the account may do and how it is set."""
        account = self._account(ask)
        return {
            "feeTier": 0,
            "canTrade": True,
            "canDeposit": True,
            "canWithdraw": True,
            "dualSidePosition": account.hedge_mode,
            "updateTime": 0,
            "multiAssetsMargin": account.multi_assets,
            "tradeGroupId": -1,
        }

    def symbol_config(self, ask: Ask) -> object:
        """How contracts are set."""
        account = self._account(ask)
        rows = []
        for rules in self._wanted(ask):
            held = account.position(rules.symbol)
            rows.append(
                {
                    "symbol": rules.symbol,
                    "marginType": "ISOLATED" if held.isolated else "CROSSED",
                    "isAutoAddMargin": False,
                    "leverage": held.leverage,
                    "maxNotionalValue": f"{notional_max(rules, held.leverage):f}",
                }
            )
        return rows

    def adl_quantile(self, ask: Ask) -> object:
        """How near positions are to being closed for others' sake: nobody queues here."""
        account = self._account(ask)
        return [
            {"symbol": rules.symbol, "adlQuantile": {"BOTH": 1}}
            for rules in self._wanted(ask)
            if account.position(rules.symbol).amount
        ]

    def fee_burn(self, ask: Ask) -> object:
        """Nobody pays fees with the venue's own coin here."""
        return {"feeBurn": False}


def _brackets(rules: PerpSettings) -> Json:
    rows, floor = [], ZERO
    for number, row in enumerate(rules.brackets, start=1):
        rows.append(
            {
                "bracket": number,
                "initialLeverage": row.leverage_max,
                "notionalCap": int(row.cap),
                "notionalFloor": int(floor),
                "maintMarginRatio": float(row.maintenance_rate),
                "cum": float(row.cum),
            }
        )
        floor = row.cap
    return {"symbol": rules.symbol, "notionalCoef": 1.0, "brackets": rows}
