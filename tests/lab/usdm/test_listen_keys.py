from lab.driver import SECOND
from lab.perps import Perps
from lab.running import KEY

PATH = "/fapi/v1/listenKey"
MINUTE = 60 * SECOND


def keyed(p: Perps, method: str) -> object:
    answer = p.answer(p.raw(method, PATH, headers={"x-mbx-apikey": KEY}))
    assert answer is not None
    return answer


def test_an_account_has_one_key_that_all_share() -> None:
    p = Perps()
    first, second = p.listen(), p.listen()
    p.place()
    assert len(p.events(first, "ORDER_TRADE_UPDATE")) == 1
    assert len(p.events(second, "ORDER_TRADE_UPDATE")) == 1


def test_a_key_that_is_not_kept_alive_expires_and_says_so() -> None:
    p = Perps()
    conn = p.listen()
    p.pass_time(40 * MINUTE)
    keyed(p, "PUT")
    p.pass_time(40 * MINUTE)
    assert p.events(conn, "listenKeyExpired") == []
    p.pass_time(21 * MINUTE)
    assert len(p.events(conn, "listenKeyExpired")) == 1
    p.place()
    assert p.events(conn, "ORDER_TRADE_UPDATE") == []
    answer = p.answer(p.raw("PUT", PATH, headers={"x-mbx-apikey": KEY}))
    assert answer is not None
    assert answer.code == -1125


def test_a_deleted_key_is_silent() -> None:
    p = Perps()
    conn = p.listen()
    keyed(p, "DELETE")
    p.place()
    assert p.heard(conn) == []


def test_without_a_known_api_key_there_is_none() -> None:
    p = Perps()
    answer = p.answer(p.raw("POST", PATH, headers={"x-mbx-apikey": "unknown"}))
    assert answer is not None
    assert answer.code == -2015


def test_every_way_to_subscribe_hears_the_account() -> None:
    p = Perps()
    p.listen()
    assert p.lab.usdm is not None
    key = p.lab.usdm.keys.by_account["desk"]
    paths = [f"/private/ws?listenKey={key}", f"/private/stream?streams={key}", f"/usdm/ws/{key}"]
    conns = [p.open(path) for path in paths]
    commanded = p.open("/private/ws/1")
    p.say(commanded, {"method": "SUBSCRIBE", "params": [key], "id": 1})
    p.place()
    for conn in (*conns, commanded):
        events = [m.get("data", m) for m in p.heard(conn)]
        assert [e["e"] for e in events if "e" in e] == ["ORDER_TRADE_UPDATE"]
