"""Somebody else with the same account: orders and cancels on the venue's website, transfers.

Owns what people do by hand, marked in the truth as theirs. Refuses to bend the rules: their
orders keep the filters, and they cannot spend what the account does not have.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from random import Random

from nightdesk.lab import filters
from nightdesk.lab.accounts import Account, NewOrder
from nightdesk.lab.catalogue import FaultKind, FaultRefused, FaultSpec
from nightdesk.lab.exchange import Exchange
from nightdesk.lab.faults import Fault, FaultBoard, Target
from nightdesk.lab.limits import Limits
from nightdesk.lab.orders import (
    ZERO,
    Order,
    OrderType,
    RespType,
    Side,
    StpMode,
    TimeInForce,
    floor8,
)
from nightdesk.lab.refusals import Refused
from nightdesk.lab.settings import SymbolSettings
from nightdesk.lab.truth import Kind, Origin, Sender

# The website's own client ids: this, and 32 hexadecimal digits.
ID_PREFIX = "web_"
_ID_DIGITS = 32
# What the truth names as the sender of whatever comes from the website.
SENDER = Sender(source="web", node="by hand")
_BPS = Decimal(10_000)

TellTransfer = Callable[[str, str, Decimal, int], None]


@dataclass(slots=True)
class ByHand:
    """The other hands on the accounts of one lab."""

    exchange: Exchange
    faults: FaultBoard
    limits: Limits
    reference_price: Callable[[str, int], Decimal | None]
    tell_transfer: TellTransfer
    _draws: Random = field(init=False)
    _taken_back: set[int] = field(default_factory=set)  # ids of trades

    def __post_init__(self) -> None:
        self._draws = Random(f"{self.exchange.settings.seed}/by-hand")

    def act(self, fault: Fault, now_ns: int) -> None:
        """Do what the fault says. Raises `FaultRefused` where the venue would not let anybody."""
        spec = fault.spec
        account = self._account(spec)
        truth = self.exchange.truth
        truth.origin = Origin(
            arrived_ns=now_ns, timestamp=None, recv_window=None, sender=SENDER, clock_offset_ns=None
        )
        try:
            if spec.kind is FaultKind.MANUAL_ORDER:
                self._place(fault, account, now_ns)
            elif spec.kind is FaultKind.MANUAL_CANCEL:
                self._cancel(fault, account, now_ns)
            elif spec.kind is FaultKind.FILL_TAKEN_BACK:
                self._take_back(fault, account, now_ns)
            else:
                self._transfer(fault, account, now_ns)
        except Refused as e:
            raise FaultRefused(f"the venue refuses: {e.code} {e.msg}") from e
        finally:
            truth.origin = None

    def _account(self, spec: FaultSpec) -> Account:
        accounts = self.exchange.accounts
        if not accounts:
            raise FaultRefused("this lab has no account")
        return accounts[spec.account] if spec.account else next(iter(accounts.values()))

    def _id(self) -> str:
        return f"{ID_PREFIX}{self._draws.getrandbits(4 * _ID_DIGITS):0{_ID_DIGITS}x}"

    # --- orders ----------------------------------------------------------------------------

    def _place(self, fault: Fault, account: Account, now_ns: int) -> None:
        symbol = fault.spec.symbol or next(iter(self.exchange.rules), None)
        if symbol is None:
            raise FaultRefused("this lab has no symbol")
        rules = self.exchange.rules[symbol]
        new = self._new_order(fault.spec, rules, account)
        open_orders = [record.now for record in account.open_orders(symbol)]
        filters.check(rules, new, self.reference_price(symbol, now_ns), open_orders)
        self.limits.count_order(account.name, now_ns)
        try:
            record = self.exchange.place(account, new, now_ns)
        except Refused:
            self.limits.uncount_order(account.name, now_ns)
            raise
        self._fire(fault, now_ns, record.now)

    def _new_order(self, spec: FaultSpec, rules: SymbolSettings, account: Account) -> NewOrder:
        """A share of the free balance: at market, or resting so far from the best own price."""
        buys, at_market = spec.side is Side.BUY, not spec.bps
        paid = account.wallet.free(rules.quote if buys else rules.base)
        paid *= Decimal(str(spec.fraction))
        price, quantity, quote = ZERO, None, None
        if not at_market:
            price = self._resting_price(spec, rules)
        if buys and at_market:
            quote = floor8(paid)
        else:
            most = rules.market_quantity_max if at_market else rules.quantity_max
            quantity = min(paid / price if buys else paid, most) // rules.step * rules.step
        return NewOrder(
            symbol=rules.symbol,
            side=spec.side,
            type=OrderType.MARKET if at_market else OrderType.LIMIT,
            time_in_force=TimeInForce.GTC,
            price=price,
            quantity=quantity,
            quote_quantity=quote,
            client_order_id=self._id(),
            stp=StpMode.NONE,
            strategy_id=None,
            strategy_type=None,
            resp_type=RespType.ACK,
        )

    def _resting_price(self, spec: FaultSpec, rules: SymbolSettings) -> Decimal:
        book = self.exchange.matchers[rules.symbol].book
        best = book.ladder(spec.side).best()
        if best is None:
            raise FaultRefused(f"nobody else has a price to {spec.side.lower()} {rules.symbol} at")
        buys = spec.side is Side.BUY
        away = best * (_BPS - spec.bps if buys else _BPS + spec.bps) / _BPS
        ticks = (away / rules.tick).to_integral_value(ROUND_FLOOR if buys else ROUND_CEILING)
        return max(ticks, Decimal(1)) * rules.tick

    def _cancel(self, fault: Fault, account: Account, now_ns: int) -> None:
        records = account.open_orders(fault.spec.symbol)
        if not records:
            raise FaultRefused("the account has no open order to cancel")
        self.exchange.cancel(account, records[0], self._id(), now_ns)
        self._fire(fault, now_ns, records[0].now)

    def _fire(self, fault: Fault, now_ns: int, order: Order) -> None:
        fields = {"clientOrderId": order.client_order_id}
        name = f"{order.side} {order.symbol} by hand"
        self.faults.fire(fault, now_ns, Target(fields, name=name, symbol=order.symbol))

    # --- money -----------------------------------------------------------------------------

    def _transfer(self, fault: Fault, account: Account, now_ns: int) -> None:
        asset, amount = fault.spec.asset, fault.spec.amount
        assert asset is not None, "a transfer names its asset"
        self._move(account, {asset: amount}, now_ns)
        self.faults.fire(fault, now_ns, Target({}, name=f"{amount} {asset} transferred"))

    def _take_back(self, fault: Fault, account: Account, now_ns: int) -> None:
        """The newest trade was none: its money goes back. It stays in every list, as an order's past does."""
        of = [fill for fill in account.fills if fault.spec.symbol in (None, fill.symbol)]
        left = [fill for fill in of if fill.trade_id not in self._taken_back]
        if not left:
            raise FaultRefused("the account has no trade to take back")
        fill, rules = left[-1], self.exchange.rules[left[-1].symbol]
        base, quote = fill.quantity, fill.quote
        if fill.side is Side.BUY:
            moved = {rules.base: -(base - fill.fee), rules.quote: quote}
        else:
            moved = {rules.base: base, rules.quote: -(quote - fill.fee)}
        self._move(account, moved, now_ns)
        self._taken_back.add(fill.trade_id)
        name = f"{fill.side} {fill.symbol} taken back"
        self.faults.fire(fault, now_ns, Target({}, name=name, symbol=fill.symbol))

    def _move(self, account: Account, moved: Mapping[str, Decimal], now_ns: int) -> None:
        """All of it, or nothing where something is not free."""
        for asset, amount in moved.items():
            free = account.wallet.free(asset)
            if free + amount < 0:
                raise FaultRefused(f"the account has {free} {asset} free")
        for asset, amount in moved.items():
            account.wallet.transfer(asset, at_ns=now_ns, amount=amount)
            self.exchange.settlement.locks.touch(account, asset)
            self.exchange.truth.add(
                Kind.TRANSFER, now_ns, account=account.name, asset=asset, amount=amount
            )
            self.tell_transfer(account.name, asset, amount, now_ns)
