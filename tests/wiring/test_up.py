"""`nightdesk up` as processes: on a live market with play money, and what is left of it when it is killed."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from builders import shared
from cli.test_main import NIGHTDESK, run
from nightdesk.recordings.binance_raw import BookTickerBody, Reader, TradeBody
from nightdesk.recordings.files import open_lines
from nightdesk.wiring.up import socket_of
from wiring.venue import desk_toml, get, perps_toml, post_fault, venue

pytestmark = pytest.mark.process
WITHIN_S = 60.0


@contextmanager
def short_folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="nd") as folder:  # pytest's own paths are too long for a socket
        yield Path(folder)


@contextmanager
def up(folder: Path, *options: str) -> "Iterator[subprocess.Popen[str]]":
    command = [*NIGHTDESK, "up", "--headless", "--json", "--folder", str(folder), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def until(what: str, test: Callable[[], Any], folder: Path, within_s: float = WITHIN_S) -> Any:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        found = test()
        if found:
            return found
        time.sleep(0.1)
    logs = "\n".join((folder / name).read_text()[-2000:] for name in ("node.log", "lab.log"))
    raise AssertionError(f"never: {what}\n{logs}")


def status(folder: Path) -> dict[str, Any]:
    done = run("status", "--json", "--folder", str(folder))
    return json.loads(done.stdout) if done.returncode == 0 else {}


def causes(folder: Path) -> dict[str, str]:
    return {row["cause"]: row["mode"] for row in status(folder).get("causes", ())}


@pytest.mark.recorded
def test_on_paper_a_desk_trades_the_recorded_market_without_keys_and_stops_where_it_is_blind() -> (
    None
):
    recording = shared("data/raw_ws/binance/spot_btcusdt_20240808.txt.gz")
    with short_folder() as folder, venue(folder, "--replay", str(recording)) as url:
        config = desk_toml(folder, url)
        text = config.read_text().replace('"file:key"', '"env:NOBODY_HAS_IT"')
        config.write_text(text + '\n[paper.balances]\nUSDT = "12345"\nBTC = "0.5"\n')
        desk = folder / "desk"
        with up(desk, "--paper", "--config", str(config)) as process:
            until("a fill", lambda: status(desk).get("fills"), desk)
            lab = lab_of(process.pid)
            held = get(lab, "/lab/account?name=practice")["balances"]
            assert {asset: row["initial"] for asset, row in held.items()} == {
                "BTC": "0.5",
                "USDT": "12345",
            }
            told = recorded_prices(recording)
            shown = get(lab, "/api/v3/ticker/bookTicker?symbol=BTCUSDT")
            assert {Decimal(shown["bidPrice"]), Decimal(shown["askPrice"])} <= told
            prices = {price for _, price in filled(lab)}
            assert prices <= told, "each is a price of the recorded market"

            post_fault(url, kind="stream_drop", which="market", duration_ms=4_000)
            until("no market", lambda: causes(desk).get("feed") == "REDUCE_ONLY", desk)
            blind = status(desk)
            market = get(lab, "/lab/status")["market"]
            assert market["losses"] >= 1
            until("a market", lambda: "feed" not in causes(desk), desk)
            until(
                "new orders",
                lambda: status(desk)["funnel"]["intended"] > blind["funnel"]["intended"],
                desk,
            )
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=WITHIN_S)
        assert process.returncode == 0, err
        result = json.loads(out)
        assert result["fills"] >= 1
        assert result["findings"] == []
        assert get(url, "/lab/account?name=practice")["open_orders"] == 0
        log = get(url, "/lab/log?limit=5000")["entries"]
        assert not [entry for entry in log if entry["kind"] == "arrival"], "the venue got no order"


@pytest.mark.recorded
@pytest.mark.parametrize("spot", [False, True], ids=["perpetuals alone", "beside spot"])
def test_on_paper_perpetuals_trade_at_the_prices_that_are_served(*, spot: bool) -> None:
    spots, perps = (
        shared(f"data/raw_ws/binance/{kind}_btcusdt_20240808.txt.gz") for kind in ("spot", "usdm")
    )
    played = ["--replay", str(spots), "--usdm-replay", str(perps)]
    with short_folder() as folder, venue(folder, *played) as url:
        config, desk = perps_toml(folder, url, spot=spot), folder / "desk"
        config.write_text(config.read_text().replace('"file:', '"env:NOBODY_HAS_IT_'))
        with up(desk, "--paper", "--config", str(config)) as process:
            wanted = {"spot", "usdm"} if spot else {"usdm"}
            until("a fill", lambda: status(desk).get("fills"), desk)
            lab = lab_of(process.pid)
            until("fills of each", lambda: {of for of, _ in filled(lab)} == wanted, desk)
            held = get(lab, "/lab/account?name=practice")["usdm"]
            assert held["balances"]["USDT"]["initial"] == "54321"
            terms = held["positions"]["BTCUSDT"]
            assert (terms["leverage"], terms["isolated"]) == (5, True)
            here, there = (
                {m["symbol"]: Decimal(m["markPrice"]) for m in get(each, "/fapi/v1/premiumIndex")}
                for each in (lab, url)
            )
            assert abs(here["BTCUSDT"] / there["BTCUSDT"] - 1) < Decimal("0.001")
            for market, path in (("spot", spots), ("usdm", perps)):
                prices = {price for of, price in filled(lab) if of == market}
                assert prices <= recorded_prices(path), "each is a price of the recorded market"

            post_fault(url, kind="stream_drop", which="all", duration_ms=4_000)
            until("no market", lambda: causes(desk).get("feed") == "REDUCE_ONLY", desk)
            until("a market", lambda: "feed" not in causes(desk), desk)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=WITHIN_S)
        assert process.returncode == 0, err
        result = json.loads(out)
        assert result["findings"] == []
        assert result["feed"]["usdm"]["losses"] >= 1
        assert set(result["position_diff"].values()) == {"0"}
        log = get(url, "/lab/log?limit=5000")["entries"]
        assert not [entry for entry in log if entry["kind"] == "arrival"], "the venue got no order"


def filled(lab: str) -> list[tuple[str, Decimal]]:
    """Where, and at which price."""
    log = get(lab, "/lab/log?limit=5000")["entries"]
    fills = (entry for entry in log if entry["kind"] == "fill")
    return [(entry.get("venue") or "spot", Decimal(entry["last_price"])) for entry in fills]


@pytest.mark.recorded
def test_a_replay_of_perpetuals_alone_ends_by_itself() -> None:
    whole = open_lines(str(shared("data/raw_ws/binance/usdm_btcusdt_20240808.txt.gz")))
    with short_folder() as folder:
        recording = folder / "perps.txt"
        recording.write_bytes(b"".join(islice(whole, 3_000)))
        config = perps_toml(folder, "http://127.0.0.1:1", spot=False)
        played = ["--usdm-replay", str(recording), "--speed", "10"]
        with up(folder / "desk", "--config", str(config), *played) as process:
            out, err = process.communicate(timeout=WITHIN_S)
        assert process.returncode == 0, err
        market = json.loads(out)["feed"]["usdm"]
        assert (market["ended"], market["read_share"]) == (True, 1.0)


def lab_of(pid: int) -> str:
    """The address of the lab beside a node, as its parent told the node."""
    for child in children_of(pid):
        words = Path(f"/proc/{child}/cmdline").read_text().split("\0")
        if "--lab" in words:
            return words[words.index("--lab") + 1]
    raise AssertionError(f"{pid} has no node")


def recorded_prices(path: Path) -> set[Decimal]:
    """Every touch and every trade."""
    found: set[Decimal] = set()
    for frame in Reader(str(path)).frames(open_lines(str(path))):
        if isinstance(frame.body, BookTickerBody):
            found |= {frame.body.bid, frame.body.ask}
        elif isinstance(frame.body, TradeBody):
            found.add(frame.body.price)
    return found


BY_DEPTH = """
from decimal import Decimal
from nightdesk.strategy.api import Depth, Strategy

class ByDepth(Strategy):
    def declare(self):
        return [Depth(20)]

    def on_depth(self, ctx, book):
        if len(book.bids) == len(book.ask_qtys) == 20:
            ctx.target(book.instrument, Decimal("0.01"))
"""
DESK = """
[desk]
name = "deep"
journal = "desk.journal"
[venue.binance]
kind = "practice"
[limits]
order_qty_max = "1"
order_notional_max = "100000"
position_max = "1"
gross_max = "100000"
[[instrument]]
id = "binance:BTCUSDT"
[[strategy]]
name = "by-depth"
class = "by_depth.py:ByDepth"
instruments = ["binance:BTCUSDT"]
"""


def test_over_real_sockets_a_strategy_trades_by_order_books() -> None:
    with short_folder() as folder:
        (folder / "by_depth.py").write_text(BY_DEPTH)
        (folder / "desk.toml").write_text(DESK)
        desk = folder / "desk"
        with up(desk, "--config", str(folder / "desk.toml")) as process:
            until("a fill", lambda: status(desk).get("fills"), desk)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=WITHIN_S)
        assert process.returncode == 0, err
        result = json.loads(out)
        assert result["findings"] == []
        assert result["feed"]["quarantined"] == 0


def test_what_a_venue_does_not_list_ends_the_start_with_its_name() -> None:
    with short_folder() as folder, venue(folder) as url:
        config = desk_toml(folder, url, symbols=("BTCUSDT", "DOGEUSDT"))
        for mode in (["--paper"], []):
            done = run(
                "up", "--headless", *mode, "--config", str(config), "--folder", str(folder / "d")
            )
            assert done.returncode == 3, done.stderr
            assert "DOGEUSDT" in done.stderr
            assert "Traceback" not in done.stderr
        assert socket_of(config) == folder / "desk.sock"


def test_on_paper_a_venue_that_is_away_is_told_and_is_no_mistake_of_the_config() -> None:
    with short_folder() as folder:
        config = desk_toml(folder, "http://127.0.0.1:1")
        place = ["--config", str(config), "--folder", str(folder / "d")]
        done = run("up", "--headless", "--paper", *place)
        assert done.returncode == 1, done.stderr
        assert "does not tell the rules of BTCUSDT" in done.stderr
        assert "Traceback" not in done.stderr


def children_of(pid: int) -> list[int]:
    return [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_of_several_that_join_the_one_of_the_least_rank_leads_next() -> None:
    def stand_by(folder: Path) -> set[int]:
        return {node["pid"] for node in status(folder).get("standbys", [])}

    with short_folder() as folder, up(folder, "--role", "leader"):
        leads = until("it trades", lambda: (s := status(folder)).get("trading") and s, folder)
        with up(folder, "--role", "standby", "--rank", "3"):
            third = until("one that stands by", lambda: stand_by(folder), folder)
            with up(folder, "--role", "standby", "--rank", "2"):
                both = until("two", lambda: len(s := stand_by(folder)) == 2 and s, folder)
                os.kill(leads["pid"], signal.SIGKILL)
                after = until(
                    "another", lambda: (s := status(folder)).get("epoch") == 2 and s, folder
                )
                assert {after["pid"]} == both - third


def test_a_killed_parent_leaves_nothing_open_and_no_process_behind() -> None:
    with short_folder() as folder, up(folder, "--seed", "7") as process:
        until("orders", lambda: status(folder).get("orders_live"), folder)
        children = children_of(process.pid)
        assert len(children) == 3, "the lab and two nodes"
        os.kill(process.pid, signal.SIGKILL)
        until("the end of all", lambda: not any(map(alive, children)), folder)
        assert "desk.stopped" in (folder / "node.log").read_text()
        assert "still_open=0" in (folder / "node.log").read_text()
