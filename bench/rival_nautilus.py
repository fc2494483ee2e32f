"""NautilusTrader's way from a quote to an order at its execution client; runs in a Python that has it.

Imports nothing of ours. Its own message bus, cache, data, risk and execution engines, not bypassed; the client
only notes the time and rejects the order, so that the cache stays small. Each line on standard input, a number,
is answered with so many samples in ns as JSON.
"""

# mypy: disable-error-code="import-not-found,misc"
# It is no dependency of ours: where these checks run, nothing of it is installed.
import json
import sys
import time
from decimal import Decimal
from typing import Any

from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import LiveClock, MessageBus
from nautilus_trader.config import RiskEngineConfig, StrategyConfig
from nautilus_trader.data.engine import DataEngine
from nautilus_trader.execution.client import ExecutionClient
from nautilus_trader.execution.engine import ExecutionEngine
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide, TimeInForce
from nautilus_trader.model.identifiers import AccountId, ClientId, TraderId, Venue
from nautilus_trader.model.objects import AccountBalance, Money
from nautilus_trader.portfolio.portfolio import Portfolio
from nautilus_trader.risk.engine import RiskEngine
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

INSTRUMENT = TestInstrumentProvider.btcusdt_binance()
GAP_S = 0.0005  # below every throttle; long enough for caches to go as cold as on a quiet market


class Client(ExecutionClient):
    """Notes when a command arrived."""

    def __init__(self, msgbus: Any, cache: Any, clock: Any) -> None:
        super().__init__(
            client_id=ClientId("BINANCE"),
            venue=Venue("BINANCE"),
            oms_type=OmsType.NETTING,
            account_type=AccountType.CASH,
            base_currency=None,
            msgbus=msgbus,
            cache=cache,
            clock=clock,
        )
        self.arrived = 0

    def submit_order(self, command: Any) -> None:
        """The order is here."""
        self.arrived = time.perf_counter_ns()
        order, now = command.order, self._clock.timestamp_ns()
        ids = (order.strategy_id, order.instrument_id, order.client_order_id)
        self.generate_order_submitted(*ids, now)
        self.generate_order_rejected(*ids, "measured", now)


class OnePerTick(Strategy):
    """An order for each quote."""

    buying = True

    def on_quote_tick(self, tick: QuoteTick) -> None:
        """Cross the spread."""
        side = OrderSide.BUY if self.buying else OrderSide.SELL
        price = tick.ask_price if self.buying else tick.bid_price
        self.buying = not self.buying
        order = self.order_factory.limit(
            instrument_id=INSTRUMENT.id,
            order_side=side,
            quantity=INSTRUMENT.make_qty(Decimal("0.001")),
            price=price,
            time_in_force=TimeInForce.IOC,
        )
        self.submit_order(order)


def compose() -> tuple[DataEngine, Client]:
    """One trader's engines on one bus."""
    clock = LiveClock()
    msgbus = MessageBus(trader_id=TraderId("BENCH-001"), clock=clock)
    cache = Cache(database=None)
    cache.add_instrument(INSTRUMENT)
    portfolio = Portfolio(msgbus=msgbus, cache=cache, clock=clock)
    data = DataEngine(msgbus=msgbus, cache=cache, clock=clock)
    execution = ExecutionEngine(msgbus=msgbus, cache=cache, clock=clock)
    rates = "1000000/00:00:01"
    config = RiskEngineConfig(max_order_submit_rate=rates, max_order_modify_rate=rates)
    risk = RiskEngine(portfolio=portfolio, msgbus=msgbus, cache=cache, clock=clock, config=config)
    client = Client(msgbus, cache, clock)
    execution.register_client(client)
    strategy = OnePerTick(StrategyConfig(strategy_id="ONE-1"))
    strategy.register(
        trader_id=TraderId("BENCH-001"),
        portfolio=portfolio,
        msgbus=msgbus,
        cache=cache,
        clock=clock,
    )
    client._set_account_id(AccountId("BINANCE-1"))
    client.generate_account_state(
        balances=[
            AccountBalance(Money(n, c), Money(0, c), Money(n, c))
            for n, c in ((1_000, BTC), (1_000_000_000, USDT))
        ],
        margins=[],
        reported=True,
        ts_event=0,
    )
    for part in (data, risk, execution, strategy):
        part.start()
    topic = f"data.quotes.{INSTRUMENT.id.venue}.{INSTRUMENT.id.symbol}"
    msgbus.subscribe(topic=topic, handler=strategy.handle_quote_tick)
    return data, client


def main() -> None:
    """Obey."""
    data, client = compose()
    number = 0
    for line in sys.stdin:
        samples = []
        for _ in range(int(line)):
            number += 1
            move = Decimal(number % 50) / 10
            tick = QuoteTick(
                INSTRUMENT.id,
                INSTRUMENT.make_price(Decimal("61700.10") + move),
                INSTRUMENT.make_price(Decimal("61700.20") + move),
                INSTRUMENT.make_qty(3),
                INSTRUMENT.make_qty(2),
                number,
                number,
            )
            client.arrived = 0
            started = time.perf_counter_ns()
            data.process(tick)
            if client.arrived:
                samples.append(client.arrived - started)
            time.sleep(GAP_S)
        print(json.dumps(samples), flush=True)


if __name__ == "__main__":
    main()
