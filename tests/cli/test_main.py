"""The commands as a person types them: real processes, a real practice desk, stable exit codes."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from builders import shared

pytestmark = pytest.mark.process
NIGHTDESK = [sys.executable, "-m", "nightdesk.cli.main"]
VERBS = [
    "up",
    "status",
    "orders",
    "positions",
    "pause",
    "resume",
    "cancel-all",
    "flatten",
    "explain",
]
VERBS += ["doctor", "journal", "lab", "venues"]


def run(*arguments: str, timeout_s: float = 60, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*NIGHTDESK, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200", **env},
        check=False,
    )


class Desk:
    """A running practice desk and its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [*NIGHTDESK, "up", "--headless", "--folder", str(folder), "--seed", "7"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return run(*arguments, "--folder", str(self.folder))

    def json(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def until(self, what: str, test: Any, within_s: float = 40) -> Any:
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.process.communicate()[1]
            done = self.run("status", "--json")
            if done.returncode == 0 and test(json.loads(done.stdout)):
                return json.loads(done.stdout)
        raise AssertionError(f"never: {what}\n{(self.folder / 'node.log').read_text()[-2000:]}")

    def stop(self) -> tuple[int, str, str]:
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=40)
        return self.process.returncode, out, err


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with TemporaryDirectory(prefix="nd") as folder:  # pytest's own paths are too long for a socket
        made = Desk(Path(folder))
        try:
            made.until("trading", lambda s: s["trading"] and s["fills"] >= 1)
            yield made
            code, out, err = made.stop()
            assert code == 0, err
            assert "nothing is open" in out + err
        finally:
            if made.process.poll() is None:
                made.process.kill()
                made.process.wait()


def test_help_names_every_command() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert all(verb in done.stdout for verb in VERBS)
    assert run("journal", "--help").returncode == 0


@pytest.mark.parametrize("arguments", [["stauts"], ["status", "--nope"], ["resume"], ["explain"]])
def test_a_mistyped_command_is_a_usage_error(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_a_bad_config_is_three_and_every_error_is_told(tmp_path: Path) -> None:
    config = tmp_path / "desk.toml"
    config.write_text('[desk]\nnme = "x"\njournal = "j"\n')
    for command in (["up", "--headless"], ["status"], ["node"]):
        done = run(*command, "--config", str(config))
        assert done.returncode == 3, command
        assert "did you mean 'name'?" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_config_that_is_not_there_is_three(tmp_path: Path) -> None:
    done = run("status", "--config", str(tmp_path / "none.toml"))
    assert done.returncode == 3
    assert "none.toml" in done.stderr


def test_no_desk_has_run_here_is_told_with_the_command_that_starts_one(tmp_path: Path) -> None:
    done = run("status", "--folder", str(tmp_path))
    assert done.returncode in (1, 3)
    assert "nightdesk up" in done.stderr


def test_a_speed_that_is_none_and_a_recording_that_is_not_there_are_refused() -> None:
    assert run("up", "--speed", "7").returncode == 3
    done = run("up", "--speed", "max", "--replay", "none.gz")
    assert (done.returncode, "none.gz" in done.stderr) == (3, True)


def test_status_tells_a_person_and_a_program(desk: Desk) -> None:
    text = desk.run("status")
    assert text.returncode == 0
    assert "BTCUSDT" in text.stdout
    sample = desk.json("status")
    assert sample["desk"] == "practice"
    assert sample["epoch"] == 1
    assert isinstance(sample["realised"], str), "money never becomes a float"


def test_limits_are_told_with_what_is_used_of_them(desk: Desk) -> None:
    rows = {row["limit"]: row for row in desk.json("limits")}
    assert float(rows["gross"]["maximum"]) > float(rows["gross"]["now"]) >= 0
    assert rows["order_qty binance:BTCUSDT"]["now"] is None
    told = desk.run("limits")
    assert told.returncode == 0
    assert "gross" in told.stdout
    assert re.search(r"open_orders +\d+ .* \d+%", told.stdout)


def test_a_limit_is_tightened_at_once_and_loosened_only_with_a_reason(desk: Desk) -> None:
    assert desk.run("limits", "set", "gross_max", "4000").returncode == 0
    rows = {row["limit"]: row for row in desk.json("limits")}
    assert rows["gross"]["maximum"] == "4000"
    told = desk.run("limits")
    assert "not as in the config file" in told.stdout
    refused = desk.run("limits", "set", "gross_max", "file")
    assert (refused.returncode, "--reason" in refused.stderr) == (2, True)
    assert desk.run("limits", "set", "gross_max", "file", "--reason", "calm").returncode == 0
    assert "not as in" not in desk.run("limits").stdout
    for wrong in (["gros_max", "1"], ["net_max", "1", "--strategy", "x", "--asset", "BTC"]):
        done = desk.run("limits", "set", *wrong)
        assert done.returncode in (2, 3)
        assert "Traceback" not in done.stderr


def test_orders_and_positions_are_tables_for_people_and_rows_for_programs(desk: Desk) -> None:
    for verb, key in (("orders", "id"), ("positions", "strategy")):
        assert desk.run(verb).returncode == 0
        rows = desk.json(verb)
        assert isinstance(rows, list)
        assert all(key in row for row in rows)
    assert desk.json("positions")


def test_a_second_desk_in_the_same_folder_is_refused_and_named(desk: Desk) -> None:
    done = desk.run("up", "--headless", "--duration", "5")
    assert done.returncode == 4
    assert "already runs" in done.stderr
    assert desk.json("status")["epoch"] == 1


def test_a_second_node_on_the_same_journal_is_refused(desk: Desk) -> None:
    done = run("node", "--config", str(desk.folder / "desk.toml"))
    assert done.returncode == 4
    assert "led by" in done.stderr


def test_doctor_finds_it_well(desk: Desk) -> None:
    rows = {row["check"]: row["result"] for row in desk.json("doctor")}
    assert rows["journal"] == rows["config"] == rows["desk"] == "ok"
    assert "failed" not in rows.values()


def test_the_journal_can_be_read_while_its_desk_runs(desk: Desk) -> None:
    path = str(desk.folder / "desk.journal")
    verified = run("journal", "verify", path, "--json")
    assert verified.returncode == 0, verified.stderr
    found = json.loads(verified.stdout)
    assert found["torn"] is None
    assert found["frames"] > 10
    assert run("journal", "verify", path).returncode == 0
    shown = run("journal", "show", path, "--last", "5", "--json")
    assert len(shown.stdout.splitlines()) == 5
    assert run("journal", "show", path).returncode == 0
    exported = [json.loads(line) for line in run("journal", "export", path).stdout.splitlines()]
    assert [row["slot"] for row in exported] == list(range(1, len(exported) + 1))
    assert exported[0]["kind"] == "epoch"
    assert json.loads(run("journal", "size", path, "--json").stdout)["journal"] > 0


def test_an_order_is_explained_by_its_id_its_slot_and_its_trade(desk: Desk) -> None:
    path = str(desk.folder / "desk.journal")
    rows = [json.loads(line) for line in run("journal", "export", path).stdout.splitlines()]
    fill = next(row for row in rows if row["kind"] == "execution")["record"]["execution"]
    intent = next(
        row
        for row in rows
        if row["kind"] == "intent" and row["record"]["intent"]["client_id"] == fill["client_id"]
    )
    stories = [
        desk.json("explain", wanted)
        for wanted in (
            fill["client_id"],
            fill["trade_id"],
            f"{intent['epoch']}.{intent['slot']}",
        )
    ]
    kinds = [row["kind"] for row in stories[0]["records"]]
    assert kinds[0] == "intent"
    assert {"answer", "report", "execution"} <= set(kinds)
    assert stories[0]["order"] == fill["client_id"]
    assert stories[0] == stories[2]
    weighed = {row["rule"]: row for row in stories[0]["verdict"]}
    assert weighed["order_qty"]["value"] == intent["record"]["intent"]["qty"]
    assert all(row["kept"] for row in stories[0]["verdict"])
    assert stories[0]["sent"]["request"] == "POST /api/v3/order HTTP/1.1"
    assert f"newClientOrderId={fill['client_id']}" in stories[0]["sent"]["body"]
    told = desk.run("explain", fill["client_id"])
    assert told.returncode == 0
    assert "what the gate weighed" in told.stdout
    assert "what was sent" in told.stdout
    assert desk.run("explain", "nothing-like-it").returncode == 1


def test_pause_and_resume_say_what_is_in_force(desk: Desk) -> None:
    reply = desk.json("pause", "--reason", "a test")
    assert reply["data"]["mode"] == "REDUCE_ONLY"
    causes = {c["cause"]: c for c in desk.json("status")["causes"]}
    assert causes["operator"]["why"] == "a test"
    again = desk.run("pause")
    assert "REDUCE_ONLY" in again.stdout + again.stderr
    assert desk.run("cancel-all").returncode == 0
    reply = desk.json("resume", "--reason", "done")
    assert reply["ok"]
    assert "operator" not in {c["cause"] for c in desk.json("status")["causes"]}


def test_flatten_watches_until_the_venue_says_flat_and_leaves_a_latch(desk: Desk) -> None:
    done = desk.run("flatten", "--reason", "a test", "--wait", "40")
    assert done.returncode == 0, done.stdout + done.stderr
    sample = desk.json("status")
    assert "flat at the venue" in sample["flatten"]
    assert sample["orders_live"] == 0
    assert {c["cause"]: c["mode"] for c in sample["causes"]}["flatten"] == "REDUCE_ONLY"
    desk.json("resume", "--reason", "done")


def test_a_leader_that_is_killed_is_followed_and_started_again_to_stand_by(desk: Desk) -> None:
    before = desk.until("one that stands by", lambda s: s["standbys"] and s["trading"])
    children = Path(f"/proc/{desk.process.pid}/task/{desk.process.pid}/children").read_text()
    nodes = [
        int(pid)
        for pid in children.split()
        if b"node" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    ]
    assert sorted(nodes) == sorted([before["pid"], before["standbys"][0]["pid"]])
    os.kill(before["pid"], signal.SIGKILL)
    after = desk.until(
        "a second epoch", lambda s: s["epoch"] == before["epoch"] + 1 and s["trading"]
    )
    assert after["pid"] == before["standbys"][0]["pid"]
    assert "has ended" in after["led_because"]
    assert after["orders_unknown"] == 0 or after["mode"] != "NORMAL"
    desk.until("nothing unknown", lambda s: s["orders_unknown"] == 0)
    desk.until("cover", lambda s: [n for n in s["standbys"] if n["pid"] not in nodes])


def test_leadership_is_moved_by_hand_and_seen(desk: Desk) -> None:
    before = desk.until("one that stands by", lambda s: s["standbys"] and s["trading"])
    moved = json.loads(desk.run("switchover", "--json").stdout)
    assert moved["epoch"] == before["epoch"] + 1
    assert moved["pid"] in {node["pid"] for node in before["standbys"]}
    desk.until("cover", lambda s: before["pid"] in {node["pid"] for node in s["standbys"]})
    seen = json.loads(desk.run("cluster", "--json").stdout)
    roles = {node["pid"]: node["role"] for node in seen["nodes"]}
    assert (roles[moved["pid"]], roles[before["pid"]]) == ("leads", "stands by")
    assert (seen["led_because"], seen["lives"]) == ("it was handed over", True)
    assert "it was handed over" in desk.run("cluster").stdout


def test_nobody_answers_when_the_desk_is_not_running(tmp_path: Path) -> None:
    with TemporaryDirectory(prefix="nd") as folder:
        from nightdesk.node.practice import practice_text

        (Path(folder) / "desk.toml").write_text(practice_text("http://127.0.0.1:1", ["BTCUSDT"]))
        done = run("pause", "--folder", folder)
        assert done.returncode == 1
        assert "is it running?" in done.stderr
        config = Path(folder) / "desk.toml"
        assert f"python -m nightdesk.emergency pause --config {config}" in done.stderr.replace(
            "\n", ""
        )


@pytest.mark.parametrize("command", [["journal", "verify"], ["journal", "show"]])
def test_a_file_that_is_no_journal_is_one_sentence(command: list[str], tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a journal\n" * 1000)
    done = run(*command, str(path))
    assert "Traceback" not in done.stderr
    assert done.returncode == 3


def test_a_journal_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    done = run("journal", "verify", str(tmp_path / "none"))
    assert (done.returncode, "no such file" in done.stderr) == (3, True)


def test_as_fast_as_possible_the_result_is_the_same_in_every_process() -> None:
    results = [
        run("up", "--speed", "max", "--duration", "20", "--seed", "3", "--json", PYTHONHASHSEED=h)
        for h in ("0", "1", "1")
    ]
    assert all(done.returncode == 0 for done in results), results[0].stderr
    assert len({done.stdout for done in results}) == 1
    result = json.loads(results[0].stdout)
    assert result["fills"] > 10
    assert result["findings"] == []
    other = run("up", "--speed", "max", "--duration", "20", "--seed", "4", "--json")
    assert other.stdout != results[0].stdout


def test_the_generated_market_never_ends_so_max_wants_a_duration() -> None:
    done = run("up", "--speed", "max")
    assert done.returncode == 3
    assert "--duration" in done.stderr


@pytest.mark.recorded
def test_the_whole_recording_of_2024_08_08_trades_and_leaves_no_difference() -> None:
    path = shared("data/raw_ws/binance/spot_btcusdt_20240808.txt.gz")
    done = run("up", "--speed", "max", "--replay", str(path), "--json", timeout_s=180)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["fills"] >= 50
    assert result["partial_fills"] > 0
    assert result["cancels"] > 0
    assert set(result["position_diff"].values()) == {"0"}
    assert result["findings"] == []
    assert result["duplicates"] == result["unknown"] == 0


@pytest.mark.recorded
def test_the_minutes_of_2025_10_10_are_played_and_traded_as_a_market() -> None:
    path = shared("data/klines/crash/binance_usdm_BTCUSDT-1m-2025-10-10_2049-2139.csv.gz")
    done = run("up", "--speed", "max", "--replay", str(path), "--json", timeout_s=180)
    assert done.returncode == 0
    assert done.stderr == "played by bars: binance:BTCUSDT; stale_after_ms is 62000 for it\n"
    result = json.loads(done.stdout)
    assert result["fills"] >= 20
    market = result["feed"]["market"]
    assert (market["good_lines"], market["bad_lines"], market["ended"]) == (51, 0, True)
    assert set(result["position_diff"].values()) == {"0"}
    assert result["findings"] == []
