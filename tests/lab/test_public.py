"""Public endpoints: rules, books, trades, candles, tickers."""

from lab.driver import MS, SECOND, Driver
from lab.markets import trade

SYMBOL = "symbol=BTCUSDT"


def traded() -> Driver:
    d = Driver()
    d.happen(
        trade(1, "100.00", "1", buyer_is_maker=True), trade(2, "104.00", "3", buyer_is_maker=False)
    )
    return d


def test_exchange_information_shows_the_rules_that_are_enforced() -> None:
    info = Driver().public("/api/v3/exchangeInfo", SYMBOL).json
    (symbol,) = info["symbols"]
    filters = {f["filterType"]: f for f in symbol["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000"
    assert filters["LOT_SIZE"]["stepSize"] == "0.00001000"
    plain = ["LIMIT", "MARKET", "LIMIT_MAKER"]
    waiting = ["STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"]
    assert symbol["orderTypes"] == plain + waiting
    assert filters["MAX_NUM_ALGO_ORDERS"]["maxNumAlgoOrders"] == 5
    assert filters["TRAILING_DELTA"]["minTrailingBelowDelta"] == 10
    assert symbol["ocoAllowed"] is True
    assert [r["limit"] for r in info["rateLimits"]] == [6000, 100, 200_000, 61_000]
    assert Driver().public("/api/v3/exchangeInfo", "symbol=NOPE").code == -1121
    both = Driver().public("/api/v3/exchangeInfo", f"{SYMBOL}&symbols=[]")
    assert both.code == -1128


def test_the_book_is_shown_best_first_and_costs_by_depth() -> None:
    d = Driver()
    book = d.public("/api/v3/depth", f"{SYMBOL}&limit=2", source="a")
    assert book.json["bids"] == [["99.00000000", "1.00000000"], ["98.00000000", "2.00000000"]]
    assert book.headers["X-MBX-USED-WEIGHT"] == "5"
    deep = d.public("/api/v3/depth", f"{SYMBOL}&limit=5000", source="a")
    assert deep.headers["X-MBX-USED-WEIGHT"] == "255"


def test_trades_are_listed_and_aggregates_are_single_trades() -> None:
    d = traded()
    rows = d.public("/api/v3/trades", SYMBOL).json
    assert [(r["id"], r["quoteQty"]) for r in rows] == [(1, "100.00000000"), (2, "312.00000000")]
    old = d.public("/api/v3/historicalTrades", f"{SYMBOL}&fromId=2").json
    assert old == rows[1:]
    (first, _) = d.public("/api/v3/aggTrades", SYMBOL).json
    assert (first["a"], first["f"], first["l"], first["m"]) == (1, 1, 1, True)


def test_candles_come_from_what_traded() -> None:
    d = traded()
    (row,) = d.public("/api/v3/klines", f"{SYMBOL}&interval=1m").json
    minute_ms = 60_000
    open_ms = d.now_ns // MS // minute_ms * minute_ms
    assert row == [
        open_ms,
        "100.00000000",
        "104.00000000",
        "100.00000000",
        "104.00000000",
        "4.00000000",
        open_ms + minute_ms - 1,
        "412.00000000",
        2,
        "3.00000000",
        "312.00000000",
        "0",
    ]
    d.pass_time(60 * SECOND)
    d.happen(trade(3, "90.00", "1", buyer_is_maker=True))
    assert len(d.public("/api/v3/klines", f"{SYMBOL}&interval=1m").json) == 2
    (hour,) = d.public("/api/v3/klines", f"{SYMBOL}&interval=1h").json
    assert (hour[1], hour[3], hour[4], hour[8]) == (
        "100.00000000",
        "90.00000000",
        "90.00000000",
        3,
    )
    assert d.public("/api/v3/klines", f"{SYMBOL}&interval=7m").code == -1120


def test_tickers_show_the_day_so_far() -> None:
    d = traded()
    day = d.public("/api/v3/ticker/24hr", SYMBOL).json
    assert (day["openPrice"], day["lastPrice"], day["volume"], day["count"]) == (
        "100.00000000",
        "104.00000000",
        "4.00000000",
        2,
    )
    assert (day["priceChangePercent"], day["weightedAvgPrice"]) == ("4.000", "103.00000000")
    mini = d.public("/api/v3/ticker/24hr", f"{SYMBOL}&type=MINI").json
    assert "bidPrice" not in mini
    assert d.public("/api/v3/ticker/24hr", f"{SYMBOL}&type=HUGE").code == -1139
    assert d.public("/api/v3/ticker/price", 'symbols=["BTCUSDT"]').json == [
        {"symbol": "BTCUSDT", "price": "104.00000000"}
    ]
    assert d.public("/api/v3/ticker/bookTicker").json[0]["askPrice"] == "101.00000000"
    assert d.public("/api/v3/avgPrice", SYMBOL).json["price"] == "103.00000000"


def test_before_the_first_trade_prices_stand_at_the_middle_of_the_book() -> None:
    d = Driver()
    assert d.public("/api/v3/ticker/price", SYMBOL).json["price"] == "100.00000000"
    assert d.public("/api/v3/avgPrice", SYMBOL).json["price"] == "100.00000000"
    assert d.public("/api/v3/klines", f"{SYMBOL}&interval=1m").json == []


def test_neighbouring_venues_answer_as_little_as_clients_accept() -> None:
    d = Driver()
    assert d.public("/sapi/v1/margin/allPairs").json == []
    assert d.public("/fapi/v1/exchangeInfo").json["symbols"] == []
    coins = d.call("GET", "/sapi/v1/capital/config/getall").json
    assert [c["coin"] for c in coins] == ["BTC", "USDT"]
