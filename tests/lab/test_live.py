"""A live market: what was heard, in order, on the lab's clock, and nothing once the stream is lost."""

from lab.driver import LIMIT, MS, ORDER, SECOND, T0_NS, Driver
from lab.markets import D
from lab.perps import ACCOUNT, Perps
from nightdesk.lab.live import LiveMarket
from nightdesk.lab.live_frames import USDM
from nightdesk.lab.market import BookTicker, DepthSnapshot, Trade

PATH = "/stream?streams=btcusdt@bookTicker/btcusdt@trade"
AHEAD_MS = 1_270  # the venue's clock before ours


def quote(bid: str, ask: str, symbol: str = "BTCUSDT") -> bytes:
    return (
        f'{{"stream":"{symbol.lower()}@bookTicker","data":{{"u":7,"s":"{symbol}",'
        f'"b":"{bid}","B":"1.0","a":"{ask}","A":"2.0"}}}}'
    ).encode()


def trade(made_ms: int, price: str = "100.00", quantity: str = "0.5") -> bytes:
    stamp = T0_NS // MS + AHEAD_MS + made_ms
    return (
        f'{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{stamp},"s":"BTCUSDT","t":1,'
        f'"p":"{price}","q":"{quantity}","T":{stamp - 1},"m":true,"M":true}}}}'
    ).encode()


def aggregate(at_ns: int, price: str, quantity: str) -> bytes:
    stamp = at_ns // MS
    return (
        f'{{"stream":"btcusdt@aggTrade","data":{{"e":"aggTrade","E":{stamp},"s":"BTCUSDT","a":1,"p":"{price}",'
        f'"q":"{quantity}","f":1,"l":1,"T":{stamp},"m":true}}}}'
    ).encode()


def mark(price: str, rate: str, next_ns: int) -> bytes:
    return (
        f'{{"stream":"btcusdt@markPrice@1s","data":{{"e":"markPriceUpdate","s":"BTCUSDT","p":"{price}",'
        f'"r":"{rate}","T":{next_ns // MS}}}}}'
    ).encode()


def contracts() -> LiveMarket:
    return LiveMarket("wss://venue", ["BTCUSDT"], USDM)


def market() -> LiveMarket:
    made = LiveMarket("wss://venue", ["BTCUSDT"])
    made.start(T0_NS)
    made.opened(PATH)
    return made


def test_what_is_heard_comes_in_order_at_the_time_it_was_heard() -> None:
    live = market()
    assert live.next_at_ns() is None
    live.frame(quote("99", "101"), T0_NS + 5 * MS)
    live.frame(trade(8), T0_NS + 10 * MS)
    live.frame(quote("98", "101"), T0_NS + 9 * MS)  # our clock was set back: nothing is undone
    assert live.next_at_ns() == T0_NS + 5 * MS
    first = live.take(T0_NS + 9 * MS)
    assert [type(event) for event in first] == [BookTicker]
    rest = live.take(T0_NS + 10 * MS)
    assert [type(event) for event in rest] == [Trade, BookTicker]
    assert {event.at_ns for event in rest} == {T0_NS + 10 * MS}
    assert not live.ended
    assert live.next_at_ns() is None


def test_a_trade_that_came_late_was_made_earlier_whatever_the_venues_clock_says() -> None:
    live = market()
    live.frame(trade(0), T0_NS + 4 * MS)
    live.frame(trade(100), T0_NS + 150 * MS)
    prompt, late = live.take(T0_NS + SECOND)
    assert isinstance(prompt, Trade)
    assert isinstance(late, Trade)
    assert prompt.event_ns == T0_NS + 4 * MS
    assert prompt.trade_ns == T0_NS + 3 * MS
    assert late.event_ns == T0_NS + 104 * MS, "46 ms later than the most prompt one"
    live.lost(PATH, T0_NS + SECOND)
    live.opened(PATH)  # another way, another distance
    live.frame(trade(2_000), T0_NS + 2_070 * MS)
    assert live.take(T0_NS + 3 * SECOND)[-1].at_ns == T0_NS + 2_070 * MS


def test_a_lost_stream_leaves_nothing_to_trade_on_and_a_new_one_begins_with_its_first_quote() -> (
    None
):
    live = LiveMarket("wss://venue", ["BTCUSDT"])
    driver = Driver(live)
    live.opened(PATH)
    live.frame(quote("99.00", "101.00"), driver.now_ns)
    driver.pass_time(MS)
    order = LIMIT | {"quantity": "0.5", "price": "101.00", "timeInForce": "IOC"}
    taken = driver.call("POST", ORDER, order)
    assert taken.json["status"] == "FILLED"
    live.lost(PATH, driver.now_ns)
    live.lost(PATH, driver.now_ns)  # told once
    driver.pass_time(MS)
    assert driver.call("POST", ORDER, order).json["status"] == "EXPIRED"
    assert driver.lab_call("GET", "status").json["market"]["connected"] is False
    live.opened(PATH)
    live.frame(quote("99.00", "101.00"), driver.now_ns)
    driver.pass_time(MS)
    assert driver.call("POST", ORDER, order).json["status"] == "FILLED"
    state = driver.lab_call("GET", "status").json["market"]
    assert (state["connected"], state["losses"], state["bad_lines"]) == (True, 1, 0)


def test_fills_follow_what_is_heard() -> None:
    live = LiveMarket("wss://venue", ["BTCUSDT"])
    driver = Driver(live)
    live.opened(PATH)
    live.frame(quote("99.00", "101.00"), driver.now_ns)
    driver.pass_time(MS)
    resting = driver.call("POST", ORDER, LIMIT | {"quantity": "0.4", "price": "100.00"})
    assert resting.json["status"] == "NEW"
    driver.pass_time(10 * MS)
    made_ms = (driver.now_ns - T0_NS) // MS
    live.frame(trade(made_ms, "100.00", "0.1"), driver.now_ns + MS)
    driver.pass_time(2 * MS)
    asked = {"symbol": "BTCUSDT", "orderId": resting.json["orderId"]}
    assert D(driver.call("GET", ORDER, asked).json["executedQty"]) == D("0.1")
    live.frame(quote("98.00", "99.00"), driver.now_ns)
    driver.pass_time(MS)
    assert driver.call("GET", ORDER, asked).json["status"] == "FILLED"


def test_only_the_touch_is_liquidity_and_a_queue_nobody_saw_is_waited_for_to_its_end() -> None:
    live = LiveMarket("wss://venue", ["BTCUSDT"])
    driver = Driver(live)
    live.opened(PATH)
    for bid, ask in (("97.00", "103.00"), ("98.00", "102.00"), ("99.00", "101.00")):
        live.frame(quote(bid, ask), driver.now_ns)
    driver.pass_time(MS)
    depth = driver.public("/api/v3/depth", "symbol=BTCUSDT").json
    assert ([row[0] for row in depth["bids"]], [row[0] for row in depth["asks"]]) == (
        ["99.00000000"],
        ["101.00000000"],
    )
    order = LIMIT | {"quantity": "5", "price": "110.00", "timeInForce": "IOC"}
    assert D(driver.call("POST", ORDER, order).json["executedQty"]) == 2, "what the touch shows"

    resting = driver.call("POST", ORDER, LIMIT | {"quantity": "1", "price": "98.00"})
    asked = {"symbol": "BTCUSDT", "orderId": resting.json["orderId"]}

    def traded(quantity: str) -> object:
        driver.pass_time(10 * MS)
        made_ms = (driver.now_ns - T0_NS) // MS
        live.frame(trade(made_ms, "98.00", quantity), driver.now_ns + MS)
        driver.pass_time(2 * MS)
        return D(driver.call("GET", ORDER, asked).json["executedQty"])

    assert traded("50") == 0, "who stood before it was not shown"
    live.frame(quote("98.00", "101.00"), driver.now_ns)  # 1.0 stands there, all of it before us
    driver.pass_time(MS)
    live.frame(quote("99.00", "101.00"), driver.now_ns)  # hidden again: the place is kept
    driver.pass_time(MS)
    assert traded("0.7") == 0
    assert traded("0.7") == D("0.4")


def test_what_cannot_be_read_or_was_not_asked_for_is_counted_and_passed_over() -> None:
    live = market()
    for frame in (b"{}", b"nonsense", quote("0", "1"), quote("1", "2", "ETHUSDT")):
        live.frame(frame, T0_NS)
    live.frame(b'{"lastUpdateId":1,"bids":[],"asks":[]}', T0_NS)
    live.frame(quote("99", "101"), T0_NS)
    report = live.report()
    assert (report.good_lines, report.bad_lines, report.given) == (1, 5, 0)
    assert report.first_bad[3] == "wss://venue: frame 4: ETHUSDT was not asked for"
    assert len(live.take(T0_NS)) == 1


def test_what_was_heard_before_anybody_could_trade_is_forgotten() -> None:
    live = LiveMarket("wss://venue", ["BTCUSDT", "ETHUSDT"])
    (path,) = live.paths
    assert (
        path == "/stream?streams=btcusdt@bookTicker/btcusdt@trade/ethusdt@bookTicker/ethusdt@trade"
    )
    live.opened(path)
    live.frame(quote("99", "101"), T0_NS)
    assert live.next_at_ns() is None
    assert live.opening() == []
    live.start(T0_NS)
    assert live.next_at_ns() is None
    live.lost(path, T0_NS)
    assert [type(e) for e in live.take(T0_NS)] == [DepthSnapshot] * 2


def test_a_market_of_two_streams_is_there_when_both_are() -> None:
    live = contracts()
    books, rest = live.paths
    live.start(T0_NS)
    live.opened(books)
    live.frame(quote("99", "101"), T0_NS)
    assert live.take(T0_NS) == [], "who trades is not heard"
    live.opened(rest)
    live.frame(quote("99", "101"), T0_NS)
    assert [type(event) for event in live.take(T0_NS)] == [BookTicker]
    live.lost(rest, T0_NS)
    live.frame(quote("98", "101"), T0_NS)
    live.lost(books, T0_NS)
    assert [type(event) for event in live.take(T0_NS)] == [DepthSnapshot]
    assert (live.report().connected, live.report().losses) == (False, 1)


class LivePerps(Perps):
    """A lab whose contracts are those of a live market."""

    def __init__(self) -> None:
        self.live = contracts()
        super().__init__(perp_market=self.live, accounts=(ACCOUNT,))
        for path in self.live.paths:
            self.live.opened(path)

    def hear(self, *frames: bytes) -> None:
        """Frames arrive now, and are taken in."""
        for frame in frames:
            self.live.frame(frame, self.now_ns)
        assert self.lab.usdm is not None
        self.lab.usdm.stir()
        self.pass_time(MS)


def test_contracts_trade_at_what_is_heard_whenever_it_is_heard() -> None:
    p = LivePerps()
    p.pass_time(SECOND)
    p.hear(quote("99.0", "101.0"))
    p.pass_time(5 * SECOND)  # nothing is due meanwhile
    p.hear(quote("99.9", "100.1"))
    taken = p.place(price="100.1", timeInForce="IOC", quantity="0.5", newOrderRespType="RESULT")
    assert taken.json["status"] == "FILLED"
    assert D(p.position()["entryPrice"]) == D("100.1")
    resting = p.place(price="100.0", quantity="0.4")
    p.pass_time(10 * MS)
    p.hear(aggregate(p.now_ns, "100.0", "0.1"))
    asked = {"symbol": "BTCUSDT", "orderId": resting.json["orderId"]}
    assert D(p.call("GET", "/fapi/v1/order", asked).json["executedQty"]) == D("0.1")
    p.live.lost(p.live.paths[0], p.now_ns)
    p.hear()
    nobody = p.place(price="100.1", timeInForce="IOC", quantity="0.5", newOrderRespType="RESULT")
    assert nobody.json["status"] == "EXPIRED"


def test_mark_price_and_funding_are_the_venues() -> None:
    p = LivePerps()
    paid_ns = T0_NS + 1_800 * SECOND  # whenever this lab's own clock would have it paid
    p.hear(quote("99.9", "100.1"), mark("103", "0.0002", paid_ns))
    p.pass_time(SECOND)
    shown = p.public("/fapi/v1/premiumIndex", "symbol=BTCUSDT").json
    assert (D(shown["markPrice"]), D(shown["lastFundingRate"])) == (103, D("0.0002"))
    assert shown["nextFundingTime"] == paid_ns // MS
    p.place(price="100.1", timeInForce="IOC", quantity="1")
    before = p.wallet()
    p.pass_time(1_900 * SECOND)
    assert p.wallet() == before, "the venue has not said that it was paid"
    later_ns = paid_ns + 3_600 * SECOND
    p.hear(mark("104", "-0.5", later_ns))
    p.pass_time(SECOND)
    assert before - p.wallet() == 104 * D("0.0002"), "at the rate that was told for it"
    p.hear(mark("104", "0.0003", later_ns))
    p.pass_time(SECOND)
    assert D(p.public("/fapi/v1/premiumIndex", "symbol=BTCUSDT").json["lastFundingRate"]) == D(
        "0.0003"
    )
    assert before - p.wallet() == 104 * D("0.0002"), "once"
