"""The tool against a lab over real sockets, with no desk anywhere."""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import msgspec
import pytest

from emergency.by_hand import SETTINGS, Hand, by_hand
from lab import perps
from lab.running import KEY, SECRET
from nightdesk.control.messages import ExitCode, Reply, Request, decode_request, encode
from nightdesk.emergency.desk import found
from nightdesk.model.ids import is_emergency

Capsys = pytest.CaptureFixture[str]
AT_MARKET = {"type": "MARKET", "timeInForce": None, "price": None}
FLATTEN = ("flatten", "--yes", "--json", "--within", "30")
ORDER, PERP_ORDER = "/api/v3/order", "/fapi/v1/order"


async def is_out(hand: Hand) -> None:
    """Flat at both markets, with the baseline where it was."""
    assert await hand.open_ids() == set()
    assert await hand.positions() == {}
    free, locked = await hand.balance("BTC")
    assert 10 <= float(free) < 10.0001
    assert float(locked) == 0


def test_status_tells_what_is_held_and_open_and_whose(tmp_path: Path, capsys: Capsys) -> None:
    async def body(hand: Hand) -> None:
        await hand.bought("0.25")
        await hand.spot()
        await hand.spot(newClientOrderId="by-hand")
        await hand.held("SELL", "2")
        ran = await hand.run("status", "--json")
        assert ran.code == ExitCode.OK, ran.talk
        spot, usdm = ran.told["venues"]
        btc = next(held for held in spot["held"] if held["name"] == "BTC")
        assert (btc["qty"], btc["baseline"]) == ("10.24975", "10")  # after the fee
        assert btc["beyond"] == "0.24975"
        assert {order["id"]: order["ours"] for order in spot["orders"]}["by-hand"] is False
        assert [order["ours"] for order in spot["orders"]].count(True) == 1
        assert [(held["name"], held["qty"]) for held in usdm["held"]] == [("BTCUSDT", "-2")]
        assert ran.told["desk"]["answers"] is False
        told = await hand.run("status")
        assert "another's" in told.out
        assert "no desk answers" in told.out

    by_hand(tmp_path, capsys, body)


def test_flatten_gets_out_of_both_markets_and_leaves_the_baseline(
    tmp_path: Path, capsys: Capsys
) -> None:
    async def body(hand: Hand) -> None:
        await hand.bought("1.23456")
        await hand.spot(quantity="0.1")
        stop = {"type": "STOP_LOSS", "stopPrice": "80", "price": None, "timeInForce": None}
        await hand.spot(side="SELL", quantity="1", **stop)
        await hand.held("BUY", "3")
        await hand.perp()
        await hand.stop()
        ran = await hand.run(*FLATTEN)
        assert ran.code == ExitCode.OK, ran.talk
        await is_out(hand)
        ordered = [order for venue in ran.told["venues"] for order in venue["orders"]]
        assert ordered
        assert all(is_emergency(order["id"]) for order in ordered)
        assert len({order["id"] for order in ordered}) == len(ordered)
        (dust,) = ran.told["venues"][0]["left"]
        assert (dust["name"], dust["dust"]) == ("BTC", True)
        latch = found(hand.folder / "desk.journal.latch")
        assert latch is not None
        assert latch.halted

    by_hand(tmp_path, capsys, body)


def test_a_short_position_is_bought_back_and_one_of_several_orders_is_closed_in_several(
    tmp_path: Path, capsys: Capsys
) -> None:
    rules = msgspec.structs.replace(perps.RULES, market_quantity_max=perps.D(1))
    usdm = msgspec.structs.replace(perps.SETTINGS.usdm, symbols=(rules,))

    async def body(hand: Hand) -> None:
        for _ in range(2):
            await hand.held("SELL", "1")
        await hand.held("SELL", "0.5")
        ran = await hand.run(*FLATTEN, "--venue", "usdm")
        assert ran.code == ExitCode.OK, ran.talk
        assert await hand.positions() == {}
        (venue,) = ran.told["venues"]
        assert [(o["side"], o["filled"]) for o in venue["orders"]] == [
            ("buy", "1"),
            ("buy", "1"),
            ("buy", "0.5"),
        ]

    by_hand(tmp_path, capsys, body, msgspec.structs.replace(SETTINGS, usdm=usdm))


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "lost_response"},
        {"kind": "lost_request"},
        {"kind": "truncated_body"},
        {"kind": "html_body"},
        {"kind": "error_503", "effect": True},
        {"kind": "-1007", "effect": True},
    ],
    ids=lambda fault: fault["kind"],
)
def test_an_order_whose_outcome_is_unknown_is_asked_for_and_never_sent_twice(
    tmp_path: Path, capsys: Capsys, fault: dict[str, object]
) -> None:
    async def body(hand: Hand) -> None:
        await hand.bought("1")
        await hand.held("BUY", "2")
        for path in (ORDER, PERP_ORDER):
            await hand.fault(**fault, match={"method": "POST", "path": path}, count=1)
        ran = await hand.run(*FLATTEN)
        assert ran.code == ExitCode.OK, ran.talk
        assert "unknown" in ran.talk
        await is_out(hand)
        for path in ("/api/v3/allOrders", "/fapi/v1/allOrders"):
            sold = [o for o in await hand.orders(path) if o["side"] == "SELL"]
            assert all(is_emergency(order["clientOrderId"]) for order in sold)
            assert len(sold) == 1, "one order's worth was held"

    by_hand(tmp_path, capsys, body)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "error_500", "count": 3},
        {"kind": "rate_limit_429", "count": 2, "retry_after_s": 1},
        {"kind": "delay", "ms": 300, "duration_ms": 3000},
        {"kind": "read_lag", "ms": 80, "duration_ms": 5000},
        {"kind": "unauthorized", "count": 2},
    ],
    ids=lambda fault: fault["kind"],
)
def test_a_venue_that_fails_for_a_while_is_asked_again(
    tmp_path: Path, capsys: Capsys, fault: dict[str, object]
) -> None:
    async def body(hand: Hand) -> None:
        await hand.bought("1")
        await hand.spot(quantity="0.1")
        await hand.held("SELL", "2")
        await hand.fault(**fault)
        ran = await hand.run(*FLATTEN)
        assert ran.code == ExitCode.OK, ran.talk
        await is_out(hand)

    by_hand(tmp_path, capsys, body)


def test_what_comes_back_while_it_watches_is_dealt_with(tmp_path: Path, capsys: Capsys) -> None:
    async def body(hand: Hand) -> None:
        await hand.held("BUY", "1")
        running = asyncio.get_running_loop().create_task(hand.run(*FLATTEN))
        while await hand.positions():
            await asyncio.sleep(0.02)
        await hand.perp()  # of a desk that died: it was under way
        await hand.held("BUY", "1")
        ran = await running
        assert ran.code == ExitCode.OK, ran.talk
        await is_out(hand)

    by_hand(tmp_path, capsys, body)


def test_orders_of_others_stay_unless_all_are_meant(tmp_path: Path, capsys: Capsys) -> None:
    async def body(hand: Hand) -> None:
        await hand.spot(newClientOrderId="by-hand-1")
        await hand.perp(newClientOrderId="by-hand-2")
        await hand.spot()
        ran = await hand.run("cancel-all", "--yes", "--json", "--within", "30")
        assert ran.code == ExitCode.OK, ran.talk
        assert await hand.open_ids() == {"by-hand-1", "by-hand-2"}
        kept = [order["id"] for venue in ran.told["venues"] for order in venue["kept"]]
        assert sorted(kept) == ["by-hand-1", "by-hand-2"]
        ran = await hand.run("cancel-all", "--yes", "--all", "--within", "30")
        assert ran.code == ExitCode.OK, ran.talk
        assert await hand.open_ids() == set()

    by_hand(tmp_path, capsys, body)


def test_cancel_all_keeps_what_protects_a_position_until_it_is_named(
    tmp_path: Path, capsys: Capsys
) -> None:
    async def body(hand: Hand) -> None:
        await hand.held("BUY", "1")
        stop = (await hand.stop())["clientAlgoId"]
        await hand.perp()
        ran = await hand.run("cancel-all", "--yes", "--within", "30")
        assert ran.code == ExitCode.OK, ran.talk
        assert await hand.open_ids() == {stop}
        assert f"({stop}): protects what is held" in ran.out
        await hand.run("cancel-all", "--yes", "--protective", "--within", "30")
        assert await hand.open_ids() == set()
        assert await hand.positions() == {"BTCUSDT": "1.000"}
        await hand.held("SELL", "1")
        await hand.stop()
        await hand.run("cancel-all", "--yes", "--within", "30")
        assert await hand.open_ids() == set(), "it protects nothing"

    by_hand(tmp_path, capsys, body)


def test_a_dry_run_and_one_that_nobody_confirms_do_nothing(tmp_path: Path, capsys: Capsys) -> None:
    async def body(hand: Hand) -> None:
        await hand.bought("1")
        await hand.held("BUY", "1")
        await hand.perp()
        before = (await hand.open_ids(), await hand.positions(), await hand.balance("BTC"))
        ran = await hand.run("flatten", "--dry-run")
        assert ran.code == ExitCode.OK, ran.talk
        assert "sell 1 BTCUSDT at the market" in ran.out
        assert "cancel BTCUSDT buy 0.5 LIMIT" in ran.out
        ran = await hand.run("flatten")
        assert (ran.code, ran.out) == (ExitCode.REFUSED, "")
        assert "--yes" in ran.talk
        assert before == (
            await hand.open_ids(),
            await hand.positions(),
            await hand.balance("BTC"),
        )
        assert not (hand.folder / "desk.journal.latch").exists()

    by_hand(tmp_path, capsys, body)


def test_spot_without_a_baseline_is_refused_and_says_what_to_do(
    tmp_path: Path, capsys: Capsys
) -> None:
    async def body(hand: Hand) -> None:
        config = hand.folder / "desk.toml"
        text = config.read_text().partition("[baseline]")[0]
        config.write_text(text)
        await hand.bought("1")
        ran = await hand.run("flatten", "--yes", "--venue", "spot")
        assert ran.code == ExitCode.USAGE
        assert "--baseline" in ran.talk
        told = await hand.run("status", "--json")
        btc = next(held for held in told.told["venues"][0]["held"] if held["name"] == "BTC")
        assert btc["beyond"] is None
        (hand.folder / "calm.json").write_text(json.dumps({"BTC": "10.5"}))
        calm = str(hand.folder / "calm.json")
        ran = await hand.run(*FLATTEN, "--venue", "spot", "--baseline-from", calm)
        assert ran.code == ExitCode.OK, ran.talk
        assert 10.5 <= float((await hand.balance("BTC"))[0]) < 10.5001
        ran = await hand.run(*FLATTEN, "--venue", "spot", "--baseline", "BTC=10.25")
        assert ran.code == ExitCode.OK, ran.talk
        assert 10.25 <= float((await hand.balance("BTC"))[0]) < 10.2501
        (hand.folder / "told.json").write_text(json.dumps(told.told))
        told_then = str(hand.folder / "told.json")
        ran = await hand.run(*FLATTEN, "--venue", "spot", "--baseline-from", told_then)
        assert ran.code == ExitCode.OK, ran.talk
        assert ran.told["venues"][0]["orders"] == [], "it holds less than then; nothing is bought"

    by_hand(tmp_path, capsys, body)


def test_the_environment_alone_is_enough(
    tmp_path: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(hand: Hand) -> None:
        given = {"KIND": "binance-usdm", "REST": hand.url, "KEY": KEY, "SECRET": SECRET}
        for name, value in given.items():
            monkeypatch.setenv(f"NIGHTDESK_EMERGENCY_{name}", value)
        await hand.held("BUY", "2")
        await hand.perp()
        ran = await hand.run("flatten", "--yes", config=False)
        assert ran.code == ExitCode.USAGE, "nobody said of what"
        # Without a config it waits for orders of a desk with the usual settings.
        ran = await hand.run("flatten", "--yes", "--all", "--within", "30", config=False)
        assert ran.code == ExitCode.OK, ran.talk
        assert "do not start that desk" in ran.talk
        assert await hand.positions() == {}
        assert await hand.open_ids() == set()

    by_hand(tmp_path, capsys, body)


def test_a_venue_that_is_gone_keeps_nobody_from_the_others(tmp_path: Path, capsys: Capsys) -> None:
    async def body(hand: Hand) -> None:
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            dead = f"http://127.0.0.1:{nobody.getsockname()[1]}"
            config = hand.folder / "desk.toml"
            config.write_text(config.read_text().replace(hand.url, dead, 1))
            await hand.held("BUY", "1")
            status = await hand.run("status", "--json")
            assert status.code == ExitCode.UNKNOWN
            assert status.told["venues"][0]["error"]
            ran = await hand.run("flatten", "--yes", "--json", "--within", "8")
        assert ran.code == ExitCode.UNKNOWN
        assert [venue["done"] for venue in ran.told["venues"]] == [False, True]
        assert await hand.positions() == {}

    by_hand(tmp_path, capsys, body)


def test_a_key_that_the_venue_refuses_ends_it_with_a_code_of_its_own(
    tmp_path: Path, capsys: Capsys
) -> None:
    async def body(hand: Hand) -> None:
        (hand.folder / "key").write_text("n" * 64)
        ran = await hand.run("flatten", "--yes", "--within", "30")
        assert ran.code == ExitCode.AUTH
        assert "refuses the key" in ran.out
        assert (await hand.run("status")).code == ExitCode.AUTH

    by_hand(tmp_path, capsys, body)


def test_a_symbol_that_the_venue_does_not_list_keeps_nobody_from_the_others(
    tmp_path: Path, capsys: Capsys
) -> None:
    async def body(hand: Hand) -> None:
        config = hand.folder / "desk.toml"
        gone = '[[instrument]]\nid = "spot:BTCGONE"\n\n[[instrument]]\nid = "usdm:GONEUSDT"\n\n'
        config.write_text(config.read_text().replace("[[strategy]]", f"{gone}[[strategy]]"))
        await hand.bought("1")
        await hand.held("BUY", "1")
        ran = await hand.run(*FLATTEN)
        assert ran.code == ExitCode.FAILED, ran.talk
        assert [v["unlisted"] for v in ran.told["venues"]] == [["BTCGONE"], ["GONEUSDT"]]
        await is_out(hand)

    by_hand(tmp_path, capsys, body)


def test_where_nothing_that_was_named_is_listed_it_says_so_and_ends(
    tmp_path: Path, capsys: Capsys
) -> None:
    async def body(hand: Hand) -> None:
        await hand.held("BUY", "1")
        gone = ("--symbol", "GONEUSDT", "--venue", "usdm")
        ran = await hand.run("flatten", "--dry-run", *gone)
        assert "it lists no GONEUSDT" in ran.out
        ran = await hand.run(*FLATTEN, *gone)
        assert ran.code == ExitCode.FAILED
        assert await hand.positions() == {"BTCUSDT": "1.000"}, "never the whole account instead"

    by_hand(tmp_path, capsys, body)


# --- pause ----------------------------------------------------------------------------------------


def a_config(folder: Path) -> str:
    path = folder / "desk.toml"
    path.write_text('[desk]\nname = "night"\njournal = "j"\ncontrol = "s"\n')
    return str(path)


@contextmanager
def a_desk(path: Path, reply: bytes) -> Iterator[list[Request]]:
    """Answers every request on a socket with the same line."""
    heard: list[Request] = []
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve() -> None:
            line, _ = listening.accept()
            with line, line.makefile("rb") as asked:
                heard.append(decode_request(asked.readline()))
                line.sendall(reply)

        thread = Thread(target=serve)
        thread.start()
        yield heard
        thread.join()


def run(*typed: str) -> int:
    from nightdesk.emergency.__main__ import main

    return main(list(typed))


def test_a_running_desk_is_paused_and_no_latch_is_left(tmp_path: Path, capsys: Capsys) -> None:
    config = a_config(tmp_path)
    with a_desk(tmp_path / "s", encode(Reply(ok=True, text="in REDUCE_ONLY"))) as heard:
        assert run("pause", "--config", config, "--reason", "news") == ExitCode.OK
    assert [(asked.verb, asked.reason) for asked in heard] == [("pause", "news")]
    assert not (tmp_path / "j.latch").exists()
    assert "in REDUCE_ONLY" in capsys.readouterr().out


@pytest.mark.parametrize("reply", [None, b"", b"nonsense\n", encode(Reply(ok=False, text="no"))])
def test_where_no_desk_takes_it_a_latch_is_left(
    tmp_path: Path, capsys: Capsys, reply: bytes | None
) -> None:
    config = a_config(tmp_path)
    if reply is None:
        assert run("pause", "--config", config, "--json") == ExitCode.OK
    else:
        with a_desk(tmp_path / "s", reply):
            assert run("pause", "--config", config, "--json") == ExitCode.OK
    told = json.loads(capsys.readouterr().out)
    assert told["paused"] is False
    latch = found(Path(told["latch"]))
    assert latch is not None
    assert (latch.halted, latch.by) == (False, "the emergency tool")


def test_a_pause_does_not_soften_a_halt_that_lies_there(tmp_path: Path, capsys: Capsys) -> None:
    config = a_config(tmp_path)
    (tmp_path / "j.latch").write_bytes(b"torn")
    assert run("pause", "--config", config) == ExitCode.OK
    latch = found(tmp_path / "j.latch")
    assert latch is not None
    assert latch.halted
    capsys.readouterr()


def test_what_says_too_little_is_usage_and_what_cannot_be_read_is_config(
    tmp_path: Path, capsys: Capsys
) -> None:
    assert run("pause") == ExitCode.USAGE
    assert run("pause", "--config", str(tmp_path / "none.toml")) == ExitCode.CONFIG
    assert run("status") == ExitCode.CONFIG
    assert "--kind" in capsys.readouterr().err


def test_it_imports_nothing_that_may_be_broken() -> None:
    """What is named here is all of it: a desk, a journal, a loop are not among them."""
    code = "import json, sys, nightdesk.emergency.__main__; print(json.dumps(sorted(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60)
    modules: list[str] = json.loads(ran.stdout)
    ours = {name.split(".")[1] for name in modules if name.startswith("nightdesk.")}
    assert ours == {"config", "control", "emergency", "model", "resilience", "venues"}
    assert {m for m in modules if m.startswith("nightdesk.config.")} == {
        "nightdesk.config.presets",
        "nightdesk.config.secrets",
    }
    roots = {name.partition(".")[0] for name in modules} - set(sys.stdlib_module_names)
    private = {name for name in roots if name.startswith(("_", "typing_extensions"))}
    assert roots - private == {"nightdesk", "msgspec", "cryptography"}
    assert not {"asyncio", "sqlite3", "multiprocessing", "concurrent"} & set(modules)
