"""NautilusTrader's side of `cold`: a live node for Binance perpetuals, started. Needs its Python."""

# mypy: disable-error-code="import-not-found,misc"
# It is no dependency of ours: where these checks run, nothing of it is installed.

import sys

from nautilus_trader.adapters.binance import (
    BINANCE,
    BinanceAccountType,
    BinanceDataClientConfig,
    BinanceExecClientConfig,
    BinanceLiveDataClientFactory,
    BinanceLiveExecClientFactory,
)
from nautilus_trader.config import InstrumentProviderConfig, TradingNodeConfig
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.identifiers import InstrumentId, TraderId

url = sys.argv[1]
where = {
    "api_key": "practice-key",
    "api_secret": "practice-secret",
    "account_type": BinanceAccountType.USDT_FUTURES,
    "base_url_http": url,
    "base_url_ws": url.replace("http", "ws", 1),
    "instrument_provider": InstrumentProviderConfig(
        load_ids=frozenset([InstrumentId.from_str("BTCUSDT-PERP.BINANCE")])
    ),
}
node = TradingNode(
    config=TradingNodeConfig(
        trader_id=TraderId("BENCH-001"),
        data_clients={BINANCE: BinanceDataClientConfig(**where)},
        exec_clients={BINANCE: BinanceExecClientConfig(**where)},
    )
)
node.add_data_client_factory(BINANCE, BinanceLiveDataClientFactory)
node.add_exec_client_factory(BINANCE, BinanceLiveExecClientFactory)
node.build()
node.run()
