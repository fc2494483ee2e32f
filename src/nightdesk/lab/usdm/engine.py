"""The engine: accounts, books, and what becomes of an order.

Owns whether an order is accepted, when it ends, and that orders which only reduce never do more.
Refuses the protocol: requests arrive parsed and filtered, and shapes are made elsewhere.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from string import ascii_letters, digits

from nightdesk.lab.market import BookTicker, DepthSnapshot, DepthUpdate, MarketEvent, Trade
from nightdesk.lab.matching import Clash, Cross, Matcher, Taking
from nightdesk.lab.orders import Side, StpMode
from nightdesk.lab.refusals import Refused
from nightdesk.lab.truth import Truth
from nightdesk.lab.usdm.accounts import PerpAccount, open_account
from nightdesk.lab.usdm.margin import (
    AssetMargin,
    SymbolMargin,
    asset_margin,
    claims_of,
    symbol_margin,
)
from nightdesk.lab.usdm.marks import Marks
from nightdesk.lab.usdm.orders import Knocked, NewPerp, PerpOrder, PerpRecord, PerpType, Tif
from nightdesk.lab.usdm.positions import Holdings
from nightdesk.lab.usdm.settings import PerpSettings, UsdmSettings
from nightdesk.lab.usdm.settlement import PerpSettlement
from nightdesk.lab.usdm.solvency import assumed_price, check_affordable

_ID_LETTERS = ascii_letters + digits
_ID_LENGTH = 22
# Far from the spot venue's numbers: one log carries both venues' orders.
_FIRST_ORDER_ID = 8_000_000_000


@dataclass(slots=True)
class PerpExchange:
    """All accounts and all books of one USD-M venue."""

    settings: UsdmSettings
    seed: int
    balances: dict[str, dict[str, Decimal]]
    truth: Truth
    marks: Marks = field(init=False)
    rules: dict[str, PerpSettings] = field(init=False)
    accounts: dict[str, PerpAccount] = field(init=False)
    matchers: dict[str, Matcher] = field(init=False)
    settlement: PerpSettlement = field(init=False)
    # Told of every change of a position: conditional orders may end with it.
    on_position: Callable[[PerpAccount, str, int], None] = lambda _account, _symbol, _at_ns: None
    # Told of every order that has come to its end.
    on_end: Callable[[PerpOrder, int], None] = lambda _order, _at_ns: None
    _last_order_id: int = _FIRST_ORDER_ID
    _ids: Random = field(init=False)

    def __post_init__(self) -> None:
        self._ids = Random(f"{self.seed}/usdm/client-order-ids")
        self.marks = Marks(self.settings)
        self.rules = {s.symbol: s for s in self.settings.symbols}
        self.matchers = {symbol: Matcher() for symbol in self.rules}
        self.settlement = PerpSettlement(self.settings, self.rules, self.truth)
        self.accounts = {
            name: open_account(name, held, self.settings) for name, held in self.balances.items()
        }

    # --- prices and margin -----------------------------------------------------------------

    def mark(self, symbol: str) -> Decimal | None:
        """The mark price; None while the market has none."""
        return self.marks.of(symbol, self.matchers[symbol].book)

    def symbol_margin(
        self, account: PerpAccount, symbol: str, held: Holdings | None = None
    ) -> SymbolMargin:
        """What a contract binds; of what was `held` a moment ago where that is given."""
        position = (held or account.holdings).positions[symbol]
        claims = claims_of(record.now for record in account.open_orders(symbol))
        # Without any price yet, a position is worth what it cost.
        mark = self.mark(symbol) or abs(position.entry)
        return symbol_margin(self.rules[symbol], position, claims, mark)

    def margins(
        self, account: PerpAccount, held: Holdings | None = None
    ) -> tuple[dict[str, SymbolMargin], dict[str, AssetMargin]]:
        """What every contract binds, and the sums by asset."""
        rows = {symbol: self.symbol_margin(account, symbol, held) for symbol in self.rules}
        holdings = held or account.holdings
        sums = {a: asset_margin(a, holdings, rows.values()) for a in holdings.balances}
        return rows, sums

    # --- the market ------------------------------------------------------------------------

    def on_market(self, event: MarketEvent) -> MarketEvent:
        """Let the market happen; the event comes back as the venue publishes it."""
        published = self.settlement.numbers.numbered(event) if isinstance(event, Trade) else event
        for cross in self._crosses(published):
            assert cross.maker is not None, "the market trades only with orders that rest"
            self._settle(event.symbol, cross, event.at_ns)
        return published

    def _crosses(self, event: MarketEvent) -> list[Cross]:
        matcher = self.matchers[event.symbol]
        match event:
            case BookTicker():
                return matcher.on_quote(event)
            case DepthUpdate():
                return matcher.on_depth(event)
            case DepthSnapshot():
                return matcher.on_snapshot(event)
            case Trade():
                return matcher.on_trade(event)

    def _settle(self, symbol: str, cross: Cross, at_ns: int) -> None:
        self.settlement.settle(symbol, cross, at_ns)
        for order_id in (cross.maker, cross.taker):
            if order_id is not None:
                account = self.settlement.owners[order_id]
                self.position_changed(account, symbol, at_ns)
                self._ended(account, order_id, at_ns)

    def _ended(self, account: PerpAccount, order_id: int, at_ns: int) -> None:
        order = account.orders[order_id].now
        if not order.status.open:
            self.on_end(order, at_ns)

    def position_changed(self, account: PerpAccount, symbol: str, at_ns: int) -> None:
        """End resting orders that only reduce and have nothing left to reduce: older ones go first."""
        left = {side: account.position(symbol).reducible(side) for side in Side}
        for record in account.open_orders(symbol):
            order = record.now
            if not order.reduce_only or order.type is PerpType.MARKET:
                continue
            if not left[order.side]:
                self.expire(account, record, Knocked.REDUCE_ONLY, at_ns)
            left[order.side] -= min(left[order.side], order.remaining)
        self.on_position(account, symbol, at_ns)

    # --- placing ---------------------------------------------------------------------------

    def place(self, account: PerpAccount, new: NewPerp, at_ns: int) -> PerpRecord:
        """Accept an order and match it. Raises `Refused` when the engine does not want it."""
        client_id = new.client_order_id or self.fresh_id()
        if account.has_open(new.symbol, client_id):
            raise Refused(-4116, "ClientOrderId is duplicated.")
        matcher = self.matchers[new.symbol]
        if new.time_in_force is Tif.GTX and matcher.would_take(new.side, new.price):
            raise Refused(
                -5022,
                "Due to the order could not be executed as maker, the Post Only order will be "
                "rejected. The order will not be recorded in the order history",
            )
        if new.reduce_only:
            self._check_reduces(account, new)
        else:
            self._check_affordable(account, new)
        if new.time_in_force is Tif.FOK:
            self._check_fills(account, new)
        order = self._new(account, new, client_id, at_ns)
        record = self.settlement.accepted(account, order, algo_id=new.algo_id)
        self._match(account, record, at_ns)
        return record

    def fresh_id(self) -> str:
        """A client order id as the venue makes one up."""
        return "".join(self._ids.choices(_ID_LETTERS, k=_ID_LENGTH))

    def forced(self, account: PerpAccount, new: NewPerp, at_ns: int) -> PerpOrder:
        """An order of the venue's own, which nobody checks."""
        assert new.client_order_id is not None, "the venue's orders have names"
        return self._new(account, new, new.client_order_id, at_ns)

    def _check_reduces(self, account: PerpAccount, new: NewPerp) -> None:
        """An order that only reduces needs something that older ones do not take already."""
        taken = sum(
            record.now.remaining
            for record in account.open_orders(new.symbol)
            if record.now.reduce_only and record.now.side is new.side
        )
        if account.position(new.symbol).reducible(new.side) <= taken:
            raise Refused(-2022, "ReduceOnly Order is rejected.")

    def _check_affordable(self, account: PerpAccount, new: NewPerp) -> None:
        rules, mark = self.rules[new.symbol], self.mark(new.symbol)
        if mark is None:
            raise Refused(-1112, "No orders on book for symbol.")
        rows, sums = self.margins(account)
        row = rows[new.symbol]
        price = assumed_price(new, self.matchers[new.symbol].book, mark)
        available = sums[rules.quote].available
        check_affordable(rules, row.position, row.claims, mark, available, new, price)

    def _check_fills(self, account: PerpAccount, new: NewPerp) -> None:
        without = None if new.stp is StpMode.NONE else account.name
        offers = self.matchers[new.symbol].offers(new.side, new.price, without=without)
        if sum(quantity for _, quantity in offers) < new.quantity:
            raise Refused(
                -5021,
                "Due to the order could not be filled immediately, the FOK order has been rejected. "
                "The order will not be recorded in the order history",
            )

    def _new(self, account: PerpAccount, new: NewPerp, client_id: str, at_ns: int) -> PerpOrder:
        self._last_order_id += 1
        return PerpOrder(
            order_id=self._last_order_id,
            account=account.name,
            symbol=new.symbol,
            client_order_id=client_id,
            side=new.side,
            type=new.type,
            time_in_force=new.time_in_force,
            price=new.price,
            quantity=new.quantity,
            reduce_only=new.reduce_only,
            stp=new.stp,
            good_till_ms=new.good_till_ms,
            created_ns=at_ns,
            updated_ns=at_ns,
            original_type=new.original_type,
            stop_price=new.stop_price,
            working_type=new.working_type,
            close_position=new.close_position,
        )

    def _match(self, account: PerpAccount, record: PerpRecord, at_ns: int) -> None:
        order = record.now
        at_market = order.type is PerpType.MARKET
        most = order.remaining
        if order.reduce_only:
            most = min(most, account.position(order.symbol).reducible(order.side))
        taking = Taking(
            order_id=order.order_id,
            account=account.name,
            side=order.side,
            limit=None if at_market else order.price,
            remaining=most,
            stp=order.stp,
        )
        self.matchers[order.symbol].take(taking)
        for cross in taking.crosses:
            self._settle(order.symbol, cross, at_ns)
        for clash in taking.clashes:
            self._prevent(account, clash, at_ns)
        if record.now.status.open:
            self._rest_or_end(account, record, taking, at_ns)

    def _rest_or_end(
        self, account: PerpAccount, record: PerpRecord, taking: Taking, at_ns: int
    ) -> None:
        order = record.now
        if order.reduce_only and not account.position(order.symbol).reducible(order.side):
            self.expire(account, record, Knocked.REDUCE_ONLY, at_ns)
        elif order.type is PerpType.MARKET:
            self.expire(account, record, Knocked.MARKET, at_ns)
        elif order.time_in_force in (Tif.IOC, Tif.FOK):
            self.expire(account, record, Knocked.IOC, at_ns)
        else:
            self._rest(account, order, at_ns)

    def _rest(self, account: PerpAccount, order: PerpOrder, at_ns: int) -> None:
        self.matchers[order.symbol].rest(
            order.order_id, account.name, order.side, order.price, order.remaining, at_ns
        )

    def _prevent(self, account: PerpAccount, clash: Clash, at_ns: int) -> None:
        """Expire what a prevented match expires: the taker, the maker or both."""
        ended = []
        if clash.mode is not StpMode.EXPIRE_TAKER:
            ended.append(clash.maker)
        if clash.mode is not StpMode.EXPIRE_MAKER:
            ended.append(clash.taker)
        for order_id in ended:
            self.expire(account, account.orders[order_id], Knocked.SELF_TRADE, at_ns)

    # --- changing and ending ---------------------------------------------------------------

    def expire(self, account: PerpAccount, record: PerpRecord, why: Knocked, at_ns: int) -> None:
        """End an open order."""
        self.matchers[record.now.symbol].remove(record.now.order_id, record.now.side)
        self.settlement.expire(account, record, why, at_ns)
        self._ended(account, record.now.order_id, at_ns)

    def cancel(self, account: PerpAccount, record: PerpRecord, at_ns: int) -> None:
        """Cancel an open order."""
        self.matchers[record.now.symbol].remove(record.now.order_id, record.now.side)
        self.settlement.canceled(account, record, at_ns)
        self._ended(account, record.now.order_id, at_ns)

    def amend(
        self,
        account: PerpAccount,
        record: PerpRecord,
        price: Decimal,
        quantity: Decimal,
        modify_id: int | None,
        at_ns: int,
    ) -> None:
        """Give an open order other terms; it goes to the end of its queue. It is cancelled where the
        new quantity was traded already, or where it must not take and now would."""
        order, matcher = record.now, self.matchers[record.now.symbol]
        takes = order.time_in_force is Tif.GTX and matcher.would_take(order.side, price)
        if quantity <= order.executed or takes:
            self.cancel(account, record, at_ns)
            return
        matcher.remove(order.order_id, order.side)
        self.settlement.amended(record, at_ns, price=price, quantity=quantity, modify_id=modify_id)
        self._match(account, record, at_ns)


def unknown_order(record: PerpRecord | None) -> PerpRecord:
    """The open order that a request means. Raises `Refused` when there is none."""
    if record is None or not record.now.status.open:
        raise Refused(-2011, "Unknown order sent.")
    return record
