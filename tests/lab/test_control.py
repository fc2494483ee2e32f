"""The lab's own door: log, status, accounts, market."""

from lab.driver import Driver
from lab.markets import ScriptedMarket


def test_the_log_is_read_in_pages() -> None:
    d = Driver()
    d.place()
    page = d.lab_call("GET", "log", query="after=1&limit=1").json
    assert page["last_seq"] == 3
    (entry,) = page["entries"]
    assert (entry["seq"], entry["kind"], entry["quantity"]) == (2, "arrival", "1")
    assert "fee" not in entry
    assert d.lab_call("GET", "log", query="after=x").status == 400


def test_the_status_tells_where_everything_stands() -> None:
    d = Driver()
    d.place()
    d.user_stream()
    status = d.lab_call("GET", "status").json
    assert status["market"]["source"] == "a script"
    assert status["counters"]["open_orders"] == 1
    assert status["counters"]["api_sockets"] == 1


def test_an_account_shows_free_locked_and_initial_amounts() -> None:
    d = Driver()
    d.place()
    account = d.lab_call("GET", "account", query="name=desk").json
    assert account["balances"]["USDT"] == {
        "free": "99900",
        "locked": "100",
        "initial": "100000",
        "transferred": "0",
    }
    assert d.lab_call("GET", "account", query="name=no").json["error"] == (
        "no account 'no'; known: desk"
    )


def test_the_market_can_be_started_by_hand() -> None:
    d = Driver(ScriptedMarket(beating=True), start_on_subscriber=True)
    assert d.lab_call("GET", "status").json["market"]["started"] is False
    assert d.lab_call("POST", "market/start").json["market"]["started"] is True


def test_an_unknown_place_names_the_known_ones() -> None:
    answer = Driver().lab_call("GET", "coffee")
    assert answer.status == 404
    assert "GET status" in answer.json["error"]
