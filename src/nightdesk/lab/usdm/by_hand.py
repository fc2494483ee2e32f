"""Things done to accounts by others: on the venue's website, or by the venue itself.

Owns what a fault of such a kind does, marked in the truth. Refuses to bend the rules where a person acts;
the venue itself may liquidate and close positions as it likes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from nightdesk.lab.by_hand import ID_PREFIX, SENDER
from nightdesk.lab.catalogue import FaultKind, FaultRefused, FaultSpec
from nightdesk.lab.choices import Mode
from nightdesk.lab.faults import Fault, FaultBoard, Target
from nightdesk.lab.orders import ZERO, Side, StpMode
from nightdesk.lab.refusals import Refused
from nightdesk.lab.rewriting import rewrite
from nightdesk.lab.truth import Kind, Origin
from nightdesk.lab.usdm import filters
from nightdesk.lab.usdm.accounts import PerpAccount
from nightdesk.lab.usdm.algo import AlgoService
from nightdesk.lab.usdm.configuration import Configuration
from nightdesk.lab.usdm.engine import PerpExchange
from nightdesk.lab.usdm.force import ADL_ID, LIQUIDATION_ID, TAKEN_BACK_ID, Force
from nightdesk.lab.usdm.news import Reason
from nightdesk.lab.usdm.orders import NewPerp, PerpType, Tif
from nightdesk.lab.usdm.settings import PerpSettings
from nightdesk.lab.usdm.settlement import VENUE

_BPS = Decimal(10_000)

_VENUES_OWN = (ADL_ID, LIQUIDATION_ID, TAKEN_BACK_ID)  # client ids of the venue's own orders

_Act = Callable[[Fault, int], str]


@dataclass(slots=True)
class Hands:
    """The other hands in the accounts of one USD-M venue."""

    exchange: PerpExchange
    faults: FaultBoard
    algos: AlgoService
    force: Force
    configuration: Configuration
    _taken_back: set[str] = field(default_factory=set)

    def act(self, fault: Fault, now_ns: int) -> None:
        """Do what the fault says. Raises `FaultRefused` where it cannot be done."""
        acts: dict[FaultKind, _Act] = {
            FaultKind.MANUAL_ORDER: self._place,
            FaultKind.MANUAL_CANCEL: self._cancel,
            FaultKind.TRANSFER: self._transfer,
            FaultKind.FILL_TAKEN_BACK: self._take_back,
            FaultKind.STOP_DROPPED: self._drop,
            FaultKind.LIQUIDATE: self._liquidate,
            FaultKind.ADL: self._reduce,
            FaultKind.FUNDING_SHOCK: self._shock,
            FaultKind.MODE_SWITCHED: self._switch,
            FaultKind.RULES_CHANGED: self._rewrite,
        }
        truth = self.exchange.truth
        truth.origin = Origin(
            arrived_ns=now_ns, timestamp=None, recv_window=None, sender=SENDER, clock_offset_ns=None
        )
        try:
            done = acts[fault.spec.kind](fault, now_ns)
        except Refused as e:
            raise FaultRefused(f"the venue refuses: {e.code} {e.msg}") from e
        finally:
            truth.origin = None
        self.faults.fire(fault, now_ns, Target({}, name=done, symbol=fault.spec.symbol))

    def _account(self, spec: FaultSpec) -> PerpAccount:
        accounts = self.exchange.accounts
        if not accounts:
            raise FaultRefused("this lab has no account")
        return accounts[spec.account] if spec.account else next(iter(accounts.values()))

    def _rules(self, spec: FaultSpec) -> PerpSettings:
        symbol = spec.symbol or next(iter(self.exchange.rules), "")
        if symbol not in self.exchange.rules:
            known = ", ".join(self.exchange.rules) or "none"
            raise FaultRefused(f"no perpetual {symbol!r}; known: {known}")
        return self.exchange.rules[symbol]

    def _held(self, spec: FaultSpec, account: PerpAccount) -> str:
        """The contract meant, or else the first that is held."""
        named = [self._rules(spec).symbol] if spec.symbol else list(self.exchange.rules)
        for symbol in named:
            if account.position(symbol).amount:
                return symbol
        raise FaultRefused(f"account {account.name} holds no position in {', '.join(named)}")

    def _rewrite(self, fault: Fault, _: int) -> str:
        return rewrite(self.exchange.rules, self.exchange.settings.symbols, fault.spec)

    # --- people ----------------------------------------------------------------------------

    def _place(self, fault: Fault, now_ns: int) -> str:
        """A share of what is available: at market, or resting so far from the best own price."""
        spec = fault.spec
        account, rules = self._account(spec), self._rules(spec)
        price = self._resting_price(spec, rules) if spec.bps else ZERO
        mark = self.exchange.mark(rules.symbol)
        if mark is None:
            raise FaultRefused(f"{rules.symbol} has no price yet")
        _, sums = self.exchange.margins(account)
        money = sums[rules.quote].available * Decimal(str(spec.fraction))
        leverage = account.position(rules.symbol).leverage
        most = rules.quantity_max if spec.bps else rules.market_quantity_max
        quantity = min(money * leverage / (price or mark), most) // rules.step * rules.step
        filters.check_quantity(rules, quantity, at_market=not spec.bps)
        new = NewPerp(
            symbol=rules.symbol,
            side=spec.side,
            type=PerpType.LIMIT if spec.bps else PerpType.MARKET,
            time_in_force=Tif.GTC,
            price=price,
            quantity=quantity,
            reduce_only=False,
            client_order_id=f"{ID_PREFIX}{self.exchange.fresh_id()}",
            stp=StpMode.NONE,
        )
        order = self.exchange.place(account, new, now_ns).now
        return f"{order.side} {order.symbol} by hand"

    def _resting_price(self, spec: FaultSpec, rules: PerpSettings) -> Decimal:
        best = self.exchange.matchers[rules.symbol].book.ladder(spec.side).best()
        if best is None:
            raise FaultRefused(f"nobody else has a price to {spec.side.lower()} {rules.symbol} at")
        buys = spec.side is Side.BUY
        away = best * (_BPS - spec.bps if buys else _BPS + spec.bps) / _BPS
        ticks = (away / rules.tick).to_integral_value(ROUND_FLOOR if buys else ROUND_CEILING)
        return max(ticks, Decimal(1)) * rules.tick

    def _cancel(self, fault: Fault, now_ns: int) -> str:
        account = self._account(fault.spec)
        records = account.open_orders(fault.spec.symbol)
        if not records:
            raise FaultRefused("the account has no open order to cancel")
        self.exchange.cancel(account, records[0], now_ns)
        return f"{records[0].now.client_order_id} cancelled by hand"

    def _transfer(self, fault: Fault, now_ns: int) -> str:
        account, asset, amount = self._account(fault.spec), fault.spec.asset, fault.spec.amount
        _, sums = self.exchange.margins(account)
        if asset not in sums:
            raise FaultRefused(f"no margin asset {asset!r}; known: {', '.join(sums)}")
        free = min(sums[asset].available, sums[asset].cross_wallet)
        if free + amount < 0:
            raise FaultRefused(f"the account can withdraw {free} {asset}")
        settlement = self.exchange.settlement
        account.transferred[asset] = account.transferred.get(asset, ZERO) + amount
        settlement.receive(account, "TRANSFER", "", asset, amount, now_ns)
        self.exchange.truth.add(
            Kind.TRANSFER, now_ns, venue=VENUE, account=account.name, asset=asset, amount=amount
        )
        reason = Reason.DEPOSIT if amount > 0 else Reason.WITHDRAW
        settlement.tell_account(account, reason, now_ns, assets=(asset,), moved=amount)
        return f"{amount} {asset} transferred"

    def _take_back(self, fault: Fault, now_ns: int) -> str:
        """The newest trade of the account's own orders was none."""
        account, symbol = self._account(fault.spec), fault.spec.symbol
        for fill in reversed(account.fills):
            name = str(account.orders[fill.order_id].now.client_order_id)
            undone = f"{TAKEN_BACK_ID}{fill.trade_id}" in self._taken_back
            if symbol not in (None, fill.symbol) or undone or name.startswith(_VENUES_OWN):
                continue
            self._taken_back.add(f"{TAKEN_BACK_ID}{fill.trade_id}")
            self.force.take_back(account, fill, now_ns)
            return f"{fill.side} {fill.symbol} taken back"
        raise FaultRefused("the account has no trade to take back")

    def _switch(self, fault: Fault, now_ns: int) -> str:
        """Somebody changes a setting of the account."""
        spec, change = fault.spec, self.configuration
        account = self._account(spec)
        match spec.mode:
            case Mode.HEDGE | Mode.ONE_WAY:
                change.set_hedge_mode(account, spec.mode is Mode.HEDGE, now_ns)
            case Mode.MULTI_ASSETS | Mode.SINGLE_ASSET:
                change.set_multi_assets(account, spec.mode is Mode.MULTI_ASSETS, now_ns)
            case Mode.ISOLATED | Mode.CROSSED:
                symbol = self._rules(spec).symbol
                change.set_isolated(account, symbol, spec.mode is Mode.ISOLATED, now_ns)
            case Mode.LEVERAGE:
                rules = self._rules(spec)
                if not 1 <= spec.leverage <= rules.brackets[0].leverage_max:
                    raise FaultRefused(
                        f"leverage of {rules.symbol} is 1 to {rules.brackets[0].leverage_max}"
                    )
                change.set_leverage(account, rules, spec.leverage, now_ns)
        return f"{spec.mode} by hand"

    # --- the venue -------------------------------------------------------------------------

    def _drop(self, fault: Fault, now_ns: int) -> str:
        """Lose the oldest conditional order: it ends as expired, and nobody is told."""
        account = self._account(fault.spec)
        waiting = self.algos.open_of(account, fault.spec.symbol)
        if not waiting:
            raise FaultRefused("no order waits for its price")
        news = self.exchange.settlement.news
        told = len(news)
        self.algos.expire(waiting[0], now_ns, "dropped")
        del news[told:]
        return f"{waiting[0].now.client_algo_id} dropped"

    def _liquidate(self, fault: Fault, now_ns: int) -> str:
        account = self._account(fault.spec)
        symbol = self._held(fault.spec, account)
        self.force.liquidate(account, symbol, "set by hand", now_ns)
        return f"{symbol} liquidated"

    def _reduce(self, fault: Fault, now_ns: int) -> str:
        account = self._account(fault.spec)
        symbol = self._held(fault.spec, account)
        self.force.reduce(account, symbol, Decimal(str(fault.spec.fraction)), now_ns)
        return f"{symbol} deleveraged"

    def _shock(self, fault: Fault, now_ns: int) -> str:
        """The next settlement has this rate."""
        rules = self._rules(fault.spec)
        self.exchange.marks.rates[rules.symbol] = Decimal(fault.spec.bps) / _BPS
        return f"{rules.symbol} funding at {fault.spec.bps} bps"
