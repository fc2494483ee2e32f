"""Market streams: subscriptions and frames."""

import itertools
import json

from lab.driver import MS, SECOND, Driver
from lab.markets import ScriptedMarket, depth, quote, trade


def test_each_stream_carries_its_documented_frame() -> None:
    d = Driver()
    conn = d.open("/stream?streams=btcusdt@bookTicker/btcusdt@depth@100ms/btcusdt@trade")
    d.happen(
        quote(5, ("99.00", "2"), ("101.00", "1")),
        depth(6, bids=[("98.00", "0")]),
        trade(7, "101.00", "0.5", buyer_is_maker=False),
    )
    now_ms = d.now_ns // MS
    assert d.heard(conn) == [
        {
            "stream": "btcusdt@bookTicker",
            "data": {
                "u": 5,
                "s": "BTCUSDT",
                "b": "99.00000000",
                "B": "2.00000000",
                "a": "101.00000000",
                "A": "1.00000000",
            },
        },
        {
            "stream": "btcusdt@depth@100ms",
            "data": {
                "e": "depthUpdate",
                "E": now_ms,
                "s": "BTCUSDT",
                "U": 6,
                "u": 6,
                "b": [["98.00000000", "0.00000000"]],
                "a": [],
            },
        },
        {
            "stream": "btcusdt@trade",
            "data": {
                "e": "trade",
                "E": now_ms,
                "s": "BTCUSDT",
                "t": 7,
                "p": "101.00000000",
                "q": "0.50000000",
                "T": now_ms,
                "m": False,
                "M": True,
            },
        },
    ]


def test_subscriptions_are_made_listed_and_ended_on_any_numbered_socket() -> None:
    d = Driver()
    conn = d.open("/ws/3")
    d.say(conn, {"method": "SUBSCRIBE", "params": ["btcusdt@trade", "x@aggTrade"], "id": 1})
    d.say(conn, {"method": "UNSUBSCRIBE", "params": ["x@aggTrade"], "id": "two"})
    d.say(conn, {"method": "LIST_SUBSCRIPTIONS", "id": None})
    d.happen(trade(7, "101.00", "0.5", buyer_is_maker=False))
    replies = d.heard(conn)
    assert replies[:3] == [
        {"result": None, "id": 1},
        {"result": None, "id": "two"},
        {"result": ["btcusdt@trade"], "id": None},
    ]
    assert [m["e"] for m in replies[3:]] == ["trade"]


def test_the_combined_property_can_be_read_and_set() -> None:
    d = Driver()
    conn = d.open("/ws/btcusdt@aggTrade")
    d.say(conn, {"method": "GET_PROPERTY", "params": ["combined"], "id": 1})
    d.say(conn, {"method": "SET_PROPERTY", "params": ["combined", True], "id": 2})
    d.happen(trade(7, "101.00", "0.5", buyer_is_maker=False))
    assert [m.get("result") for m in d.heard(conn)[:2]] == [False, None]
    assert d.heard(conn)[2]["stream"] == "btcusdt@aggTrade"


def test_commands_nobody_understands_are_answered_with_the_documented_errors() -> None:
    d = Driver()
    for said, code in (
        ("{", 3),
        ({"id": 1}, 2),
        ({"method": "SHOUT", "id": 1}, 2),
        ({"method": "SET_PROPERTY", "params": ["colour", 1], "id": 1}, 0),
        ({"method": "SET_PROPERTY", "params": ["combined", 1], "id": 1}, 1),
    ):
        conn = d.open("/ws")
        d.say(conn, said)
        assert d.heard(conn)[0]["code"] == code


def test_more_than_five_messages_a_second_close_the_socket() -> None:
    d = Driver()
    conn = d.open("/ws")
    for _ in range(2):
        for _ in range(5):
            d.say(conn, {"method": "LIST_SUBSCRIPTIONS", "id": 1})
        d.pass_time(SECOND)
    assert d.closed(conn) is None
    for _ in range(6):
        d.say(conn, {"method": "LIST_SUBSCRIPTIONS", "id": 1})
    assert d.closed(conn) == 1008


def test_more_than_1024_streams_close_the_socket() -> None:
    d = Driver()
    conn = d.open("/ws")
    names = [f"s{n}@trade" for n in range(1025)]
    d.say(conn, {"method": "SUBSCRIBE", "params": names, "id": 1})
    assert d.closed(conn) == 1008


def test_more_than_300_connections_in_five_minutes_are_refused() -> None:
    d = Driver()
    conns = [d.open("/ws") for _ in range(301)]
    assert [d.closed(conn) for conn in conns[-2:]] == [None, 1008]
    assert d.closed(d.open("/ws", source="10.0.0.2")) is None


def test_our_own_trades_appear_on_the_tape() -> None:
    d = Driver()
    conn = d.open("/ws/btcusdt@trade")
    order = d.place(price="101", quantity="0.5").json
    printed = d.heard(conn)[0]
    assert printed["t"] == order["fills"][0]["tradeId"]
    assert (printed["p"], printed["q"], printed["m"]) == ("101.00000000", "0.50000000", False)


def test_the_slower_depth_stream_gathers_a_second_without_gaps() -> None:
    d = Driver(ScriptedMarket(beating=True))
    conn = d.open("/ws/btcusdt@depth")
    d.pass_time(3 * SECOND)
    frames = d.heard(conn)
    assert len(frames) == 3
    assert all(a["u"] < b["U"] <= a["u"] + 2 for a, b in itertools.pairwise(frames))


def test_streams_by_the_clock_come_at_their_pace() -> None:
    d = Driver(ScriptedMarket(beating=True))
    names = {
        "btcusdt@depth5": 2,
        "btcusdt@depth5@100ms": 20,
        "btcusdt@ticker": 2,
        "btcusdt@miniTicker": 2,
        "btcusdt@kline_1m": 1,
    }
    conns = {name: d.open(f"/ws/{name}") for name in names}
    d.pass_time(2 * SECOND)
    assert {name: len(d.heard(conn)) for name, conn in conns.items()} == names
    assert d.heard(conns["btcusdt@depth5"])[0]["asks"][0] == ["101.00000000", "1.00000000"]
    assert d.heard(conns["btcusdt@kline_1m"])[0]["k"]["i"] == "1m"


def test_a_whole_book_tells_its_best_levels_and_no_client_of_the_lab() -> None:
    d = Driver()
    d.happen(depth(2_000, bids=[("98.50", "3"), ("97.50", "4")], asks=[("103.00", "7")]))
    d.place(price="98.75", quantity="2")
    conn = d.open("/stream?streams=btcusdt@depth5@100ms")
    d.pass_time(SECOND // 10)
    (told,) = d.heard(conn)
    assert told["stream"] == "btcusdt@depth5@100ms"
    book = told["data"]
    assert set(book) == {"lastUpdateId", "bids", "asks"}
    assert book["lastUpdateId"] == 2_000
    assert ["98.75000000", "2.00000000"] not in book["bids"]
    bids, asks = ([float(price) for price, _ in book[side]] for side in ("bids", "asks"))
    assert {98.5, 97.5} <= set(bids)
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert bids[0] < asks[0]
    assert max(len(bids), len(asks)) <= 5


def test_nothing_ticks_when_nobody_listens() -> None:
    d = Driver(connection_life_ns=0)
    conn = d.open("/ws/btcusdt@ticker")
    d.pass_time(SECOND)
    d.shut(conn)
    d.pass_time(SECOND)
    assert d.lab.next_due_ns() is None


def test_times_come_in_microseconds_when_the_address_asks_for_them() -> None:
    d = Driver()
    conn = d.open("/stream?streams=btcusdt@trade&timeUnit=MICROSECOND")
    d.happen(trade(7, "101.00", "0.5", buyer_is_maker=False))
    assert d.heard(conn)[0]["data"]["T"] == d.now_ns // 1000


def test_names_are_echoed_as_plain_json() -> None:
    d = Driver()
    conn = d.open("/ws")
    d.say(conn, {"method": "SUBSCRIBE", "params": ['a"b@trade'], "id": 1})
    d.say(conn, {"method": "LIST_SUBSCRIPTIONS", "id": 2})
    assert json.loads(json.dumps(d.heard(conn)[1]["result"])) == ['a"b@trade']
