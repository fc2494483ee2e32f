"""Connections grow old, fall mute and are garbled, whatever they carry."""

import json

from lab.driver import MS, SECOND, Driver
from lab.markets import ScriptedMarket, trade
from nightdesk.lab.wire import Push

HOUR = 3_600 * SECOND


def print_now(d: Driver, number: int = 1) -> None:
    d.happen(trade(number, "100", "1", buyer_is_maker=True))


def test_a_connection_is_closed_after_its_life_and_not_one_that_left() -> None:
    d = Driver(connection_life_ns=10 * SECOND)
    stays, left, api = d.open("/ws/btcusdt@trade"), d.open("/ws/btcusdt@trade"), d.user_stream()
    d.pass_time(9 * SECOND)
    d.shut(left)
    assert d.closed(stays) is None
    d.pass_time(2 * SECOND)
    assert d.closed(stays) == d.closed(api) == 1001
    assert d.closed(left) is None


def test_it_is_24_hours_where_nobody_says_otherwise() -> None:
    d = Driver()
    conn = d.open("/ws/btcusdt@trade")
    d.pass_time(24 * HOUR - SECOND)
    assert d.closed(conn) is None
    d.pass_time(2 * SECOND)
    assert d.closed(conn) == 1001


def test_a_mute_connection_carries_nothing_and_the_next_one_does() -> None:
    d = Driver()
    mute, api = d.open("/ws/btcusdt@trade"), d.user_stream()
    d.fault("stream_mute", which="market")
    heard = d.open("/ws/btcusdt@trade")
    print_now(d)
    d.place(price="50")
    assert (len(d.heard(mute)), len(d.heard(heard)), len(d.reports(api))) == (0, 1, 1)
    assert d.closed(mute) is None
    d.lab_call("DELETE", "faults")
    print_now(d, 2)
    assert not d.heard(mute)


def test_an_announced_end_is_told_first_and_spares_later_connections() -> None:
    d = Driver()
    market, api = d.open("/stream?streams=btcusdt@trade"), d.user_stream()
    d.fault("stream_ending", which="all", ms=500)
    later = d.open("/stream?streams=btcusdt@trade")
    print_now(d)
    assert [frame["stream"] for frame in d.heard(market)] == ["!serverShutdown", "btcusdt@trade"]
    assert d.heard(api)[-1]["event"]["e"] == "serverShutdown"
    assert d.closed(market) is None
    d.pass_time(500 * MS)
    assert (d.closed(market), d.closed(api), d.closed(later)) == (1001, 1001, None)


def test_garbled_frames_cannot_be_read_and_end_with_the_fault() -> None:
    d = Driver(ScriptedMarket())
    conn, api = d.open("/stream?streams=btcusdt@trade"), d.user_stream()
    known = len(d.heard(api))
    d.fault("garbled_frame", which="market", duration_ms=1000)
    for number in range(1, 6):
        print_now(d, number)
    texts = [out.text for out in d.outs if isinstance(out, Push) and out.conn == conn]
    assert len(texts) == 5
    assert not any(_whole(text) for text in texts)
    d.place(price="50")
    assert len(d.heard(api)) > known
    d.pass_time(SECOND)
    d.outs.clear()
    print_now(d, 6)
    assert d.heard(conn)[0]["data"]["t"] == 6


def _whole(text: str) -> bool:
    try:
        said = json.loads(text)
    except ValueError:
        return False
    return isinstance(said, dict) and isinstance(said.get("data"), dict) and "t" in said["data"]
