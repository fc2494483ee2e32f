"""The account's stream: news of the engine as events under listen keys.

Owns who hears what, with the faults of delivery. Refuses to decide what happened.
"""

from collections.abc import Callable
from dataclasses import dataclass

from nightdesk.lab.choices import Word
from nightdesk.lab.delivery import Delivery
from nightdesk.lab.settings import MS_NS
from nightdesk.lab.streams import MarketStreams
from nightdesk.lab.usdm import events
from nightdesk.lab.usdm.dialect import text
from nightdesk.lab.usdm.engine import PerpExchange
from nightdesk.lab.usdm.listen_keys import ListenKeys
from nightdesk.lab.usdm.margin import SymbolMargin
from nightdesk.lab.usdm.news import (
    AccountNews,
    AlgoNews,
    ConfigNews,
    MarginCallNews,
    News,
    OrderNews,
)
from nightdesk.lab.views import Json, Stamp


@dataclass(slots=True)
class UserStream:
    """The account events of one USD-M venue."""

    exchange: PerpExchange
    streams: MarketStreams
    keys: ListenKeys
    delivery: Delivery

    def tell(self, news: News, now_ns: int) -> None:
        """Tell an account what happened."""
        match news:
            case OrderNews():
                self._tell_order(news, now_ns)
            case AccountNews():
                rows = self._rows(news)
                self._push(
                    news.account, now_ns, lambda stamp: events.account_update(news, rows, stamp)
                )
            case ConfigNews():
                self._push(news.account, now_ns, lambda stamp: events.config_update(news, stamp))
            case MarginCallNews():
                self._tell_margin_call(news, now_ns)
            case AlgoNews():
                rules = self.exchange.rules[news.order.terms.symbol]
                self._push(
                    news.account, now_ns, lambda stamp: events.algo_update(rules, news, stamp)
                )

    def expired(self, key: str, now_ns: int) -> None:
        """A listen key's time is over."""
        self.streams.publish(
            key, now_ns, lambda stamp: text(events.listen_key_expired(key, stamp(now_ns)))
        )

    def _push(self, account: str, now_ns: int, write: Callable[[Stamp], Json]) -> None:
        key = self.keys.by_account.get(account)
        if key is not None:
            self.streams.publish(key, now_ns, lambda stamp: text(write(stamp)))

    def _rows(self, news: AccountNews) -> list[SymbolMargin]:
        account = self.exchange.accounts[news.account]
        return [
            self.exchange.symbol_margin(account, symbol, news.holdings)
            for symbol in self.exchange.rules
        ]

    def _tell_order(self, news: OrderNews, now_ns: int) -> None:
        order = news.order
        rules = self.exchange.rules[order.symbol]
        account = self.exchange.accounts[news.account]
        claims = self.exchange.symbol_margin(account, order.symbol).claims

        def tell(at_ns: int, strange: Word | None) -> None:
            self._push(
                news.account,
                at_ns,
                lambda stamp: events.order_update(rules, news, claims, stamp, strange),
            )

        fields = {
            "symbol": order.symbol,
            "side": order.side,
            "clientOrderId": order.client_order_id,
            "orderId": order.order_id,
            "x": news.execution,
            "X": order.status,
        }
        self.delivery.deliver(news.account, fields, "order update", tell, now_ns)

    def _tell_margin_call(self, news: MarginCallNews, now_ns: int) -> None:
        rows, sums = self.exchange.margins(self.exchange.accounts[news.account])
        called = [rows[symbol] for symbol in news.symbols]
        asset = sums[called[0].asset]
        now_ms = self.streams.venue_ns(now_ns) // MS_NS
        self._push(news.account, now_ns, lambda _: events.margin_call(asset, called, now_ms))
