from lab.driver import SECOND
from lab.perps import D, Perps

HOUR = 3600 * SECOND


def until_funding(p: Perps) -> None:
    next_ms = p.public("/fapi/v1/premiumIndex", "symbol=BTCUSDT").json["nextFundingTime"]
    p.pass_time(next_ms * 1_000_000 - p.now_ns + SECOND)


def test_longs_pay_a_positive_rate_every_eight_hours() -> None:
    p = Perps()
    conn = p.listen()
    p.market_order("BUY", "10")
    before = p.wallet()
    p.call("PUT", "/fapi/v1/listenKey")
    p.pass_time(50 * 60 * SECOND)
    p.call("PUT", "/fapi/v1/listenKey")
    until_funding(p)
    paid = D(10) * 100 * D("0.0001")
    assert before - p.wallet() == paid
    event = p.events(conn, "ACCOUNT_UPDATE")[-1]["a"]
    assert (event["m"], event["P"], event["S"]) == ("FUNDING_FEE", [], "BTCUSDT")
    [income] = p.call("GET", "/fapi/v1/income", {"incomeType": "FUNDING_FEE"}).json
    assert D(income["income"]) == -paid
    [row] = p.public("/fapi/v1/fundingRate", "symbol=BTCUSDT").json
    assert (row["fundingRate"], row["markPrice"]) == ("0.00010000", "100.00000000")
    until_funding(p)
    assert before - p.wallet() == 2 * paid
    entries = p.lab_call("GET", "log").json["entries"]
    assert [D(e["amount"]) for e in entries if e["kind"] == "funding"] == [-paid, -paid]


def test_a_shock_changes_one_settlement() -> None:
    p = Perps()
    p.market_order("SELL", "10")
    p.fault("funding_shock", bps=-75)
    before = p.wallet()
    until_funding(p)
    assert before - p.wallet() == D(10) * 100 * D("0.0075")
    until_funding(p)
    assert before - p.wallet() == D("7.5") - D("0.1")


def test_an_isolated_position_pays_from_its_own_wallet() -> None:
    p = Perps()
    p.call("POST", "/fapi/v1/marginType", {"symbol": "BTCUSDT", "marginType": "ISOLATED"})
    p.market_order("BUY", "10")
    before = p.desk.position("BTCUSDT").isolated_wallet
    until_funding(p)
    assert before - p.desk.position("BTCUSDT").isolated_wallet == D("0.1")
