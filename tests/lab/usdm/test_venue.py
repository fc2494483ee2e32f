import json

from lab.driver import MS, SECOND, Driver
from lab.markets import depth, quote, trade
from lab.perps import SETTINGS, Perps
from nightdesk.lab.generated import GeneratedMarket
from nightdesk.lab.launch import PRACTICE_ACCOUNT
from nightdesk.lab.settings import LabSettings, default_symbol
from nightdesk.lab.usdm.settings import KNOWN_PERPS, UsdmSettings


def test_market_streams_tell_what_happens() -> None:
    p = Perps()
    conn = p.open("/public/stream?streams=btcusdt@bookTicker/btcusdt@depth@100ms/btcusdt@aggTrade")
    p.happen(
        quote(2_000, ("99.8", "3"), ("100.2", "4")),
        depth(2_001, bids=[("99.0", "1")]),
        trade(1, "100.2", "0.5", buyer_is_maker=False),
    )
    told = {m["stream"].partition("@")[2]: m["data"] for m in p.heard(conn)}
    assert (told["bookTicker"]["b"], told["bookTicker"]["A"]) == ("99.8", "4.000")
    assert told["depth@100ms"]["b"] == [["99.0", "1.000"]]
    assert (told["aggTrade"]["p"], told["aggTrade"]["m"]) == ("100.2", False)


def test_depth_updates_form_a_chain_whatever_their_own_numbers() -> None:
    p = Perps()
    conn = p.open("/public/ws/btcusdt@depth@100ms")
    for number in (2_000, 2_007, 2_020):
        p.happen(depth(number, bids=[("99.0", str(number))]))
    frames = p.heard(conn)
    assert [frame["u"] for frame in frames] == [2_000, 2_007, 2_020]
    assert [frame["pu"] for frame in frames[1:]] == [2_000, 2_007]


def test_a_whole_book_comes_in_the_shape_of_a_change() -> None:
    p = Perps()
    conn = p.open("/public/stream?streams=btcusdt@depth10@100ms")
    p.happen(depth(2_000, bids=[("98.5", "3")]))
    p.pass_time(SECOND // 10)
    (told,) = p.heard(conn)
    assert told["stream"] == "btcusdt@depth10@100ms"
    book = told["data"]
    assert set(book) == {"e", "E", "T", "s", "U", "u", "pu", "b", "a"}
    assert (book["e"], book["s"], book["u"]) == ("depthUpdate", "BTCUSDT", 2_000)
    assert ["98.5", "3.000"] in book["b"]
    assert float(book["b"][0][0]) < float(book["a"][0][0])


def test_a_gap_in_depth_breaks_the_chain() -> None:
    p = Perps()
    conn = p.open("/public/ws/btcusdt@depth@100ms")
    p.happen(depth(2_000, bids=[("99.0", "1")]))
    p.fault("depth_gap", count=1)
    for number in (2_001, 2_002):
        p.happen(depth(number, bids=[("99.0", str(number))]))
    first, second = p.heard(conn)
    assert second["pu"] != first["u"]


def test_the_mark_price_comes_every_second_and_forgets_a_strange_quote() -> None:
    p = Perps()
    conn = p.open("/market/ws/btcusdt@markPrice@1s")
    p.pass_time(3 * SECOND)
    p.happen(quote(2_000, ("49.8", "3"), ("50.0", "4")))
    p.pass_time(SECOND)
    marks = [frame["p"] for frame in p.heard(conn)]
    assert marks == ["100.00000000"] * 4
    p.pass_time(SECOND)
    assert p.heard(conn)[-1]["p"] == "49.90000000"


def test_faults_strike_this_venue_too() -> None:
    p = Perps()
    user, market = p.listen(), p.open("/public/ws/btcusdt@bookTicker")
    p.fault("duplicate_report", count=1)
    p.place()
    assert len(p.events(user, "ORDER_TRADE_UPDATE")) == 2
    p.fault("stream_silence", which="user", duration_ms=1000)
    p.place(price="98")
    assert len(p.events(user, "ORDER_TRADE_UPDATE")) == 2
    p.fault("stream_drop", which="market")
    assert (p.closed(market), p.closed(user)) == (1006, None)
    number = p.send("GET", "/fapi/v2/balance")
    assert p.answer(number) is not None
    p.fault("lost_response", match={"path": "/fapi/v1/order"})
    hung = p.send("POST", "/fapi/v1/order", p.order_of(price="97"))
    p.pass_time(5 * MS)
    assert p.hung_up(hung)
    assert len(p.desk.open_orders()) == 3


def test_one_lab_serves_both_venues_with_one_key() -> None:
    p = Perps()
    spot = p.call(
        "POST",
        "/api/v3/order",
        {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "price": "99",
            "quantity": "1",
        },
    ).json
    perp = p.place().json
    assert spot["orderId"] != perp["orderId"]
    accepted = [e for e in p.lab_call("GET", "log").json["entries"] if e["kind"] == "accept"]
    assert [e.get("venue") for e in accepted] == [None, "usdm"]
    status = p.lab_call("GET", "status").json
    assert (status["counters"]["orders"], status["usdm"]["counters"]["orders"]) == (1, 1)


def test_without_perpetuals_a_lab_has_none() -> None:
    d = Driver(settings=SETTINGS)
    assert d.lab_call("GET", "status").json["usdm"] is None
    assert d.public("/fapi/v1/ping").status == 404
    assert d.public("/fapi/v1/exchangeInfo").json["symbols"] == []


def run(seed: int) -> list[str]:
    perps = tuple(KNOWN_PERPS.values())
    symbols = (default_symbol("BTCUSDT"),)
    settings = LabSettings(
        seed=seed,
        accounts=(PRACTICE_ACCOUNT,),
        symbols=symbols,
        usdm=UsdmSettings(symbols=perps),
    )
    market = GeneratedMarket(symbols, seed)
    d = Driver(market, settings, GeneratedMarket(perps, seed, venue="usdm"))
    conn = d.open("/public/ws/btcusdt@bookTicker")
    d.pass_time(5 * SECOND)
    return [json.dumps(frame) for frame in d.heard(conn)]


def test_a_generated_market_is_the_same_for_a_seed() -> None:
    first = run(7)
    assert len(first) > 50
    assert first == run(7)
    assert first != run(8)
