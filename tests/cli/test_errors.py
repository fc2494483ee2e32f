"""The errors that people meet first: what happened, where, and what to type or edit next."""

import json
import os
import shlex
import socket
import subprocess
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from cli.test_main import NIGHTDESK, run
from nightdesk.cli.starter.desk import BINANCE, PRACTICE, Answers, desk_text
from nightdesk.control.messages import ExitCode
from nightdesk.node.practice import write_private

pytestmark = pytest.mark.process

DIP = """
import msgspec
from nightdesk.strategy.api import Strategy
class Dip(Strategy):
    class Params(msgspec.Struct):
        size: str
"""


def desk_toml(venue: str) -> str:
    answers = Answers(
        venues=[venue],
        symbols=["BTCUSDT"],
        size=Decimal(1),
        order_max=Decimal(1),
        gross_max=Decimal(1),
        strategy="dip",
        kind="Dip",
    )
    return desk_text(answers)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with desks in it, most of them not quite right."""
    play, real = desk_toml(PRACTICE), desk_toml(BINANCE)
    files = {
        "dip.py": DIP,
        "play.toml": play,
        "real.toml": real,
        "gone.toml": play.replace("dip.py:Dip", "gone.py:Dip"),
        "dipp.toml": play.replace("dip.py:Dip", "dip.py:Dipp"),
        "broken.py": "1 / 0\n",
        "broken.toml": play.replace("dip.py:Dip", "broken.py:Dip"),
        "doge.toml": play.replace("BTCUSDT", "DOGEUSDT"),
        "other.toml": play.replace('instruments = ["binance:BTCUSDT"]', 'instruments = ["x:Y"]'),
        "keyed.toml": real.replace("env:BINANCE_KEY", "file:k").replace(
            "env:BINANCE_SECRET", "file:k"
        ),
        "demo.toml": real.replace("# preset = ", 'preset = "demo" #')
        .replace("env:BINANCE_KEY", "file:k")
        .replace("env:BINANCE_SECRET", "file:k"),
        "keys.toml": play.replace(
            'kind = "practice"', 'kind = "practice"\nrest = "http://localhost"'
        ),
        "file.toml": real.replace("env:BINANCE_SECRET", "file:secret"),
        "dead.toml": real.replace(
            "# preset = ", 'rest = "http://127.0.0.1:1"\nprivate = "ws://127.0.0.1:1" #'
        ),
        "both.toml": real.replace(
            "# preset = ", 'preset = "testnet"\nrest = "http://127.0.0.1:1" #'
        ),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    write_private(tmp_path / "k", "k" * 64)
    return tmp_path


MET = [
    ("status", 1, "no desk answers at", "start it with: nightdesk up"),
    ("status --folder desks", 1, "desks/desk.sock", "nightdesk up --folder desks"),
    ("pause -c play.toml", 1, "practice/desk.sock", "nightdesk up --config play.toml"),
    ("orders -c real.toml", 1, "desk.sock", "nightdesk up --config real.toml"),
    ("explain x", 3, "desk.journal: no such file", "nightdesk up"),
    ("status -c no/desk.toml", 3, "no/desk.toml: no such file", "nightdesk init "),
    ("up -c desk.toml", 3, "desk.toml: no such file", "nightdesk init ."),
    ("simulate -c desk.toml", 3, "desk.toml: no such file", "nightdesk init ."),
    ("up -c gone.toml", 3, "no file gone.py", "nightdesk new strategy gone"),
    ("up -c dipp.toml", 3, "no subclass Dipp", "there is Dip"),
    ("up -c broken.toml", 3, "ZeroDivisionError", "mend it"),
    ("up -c doge.toml --headless", 3, "no market for DOGEUSDT", "BTCUSDT, ETHUSDT"),
    ("up -c doge.toml --speed max --duration 1", 3, "DOGEUSDT", "change the [[instrument]]"),
    ("up -c other.toml", 3, "'x:Y' is no [[instrument]]", "there are binance:BTCUSDT"),
    ("up -c keys.toml", 3, "takes no rest", "remove it"),
    ("up -c real.toml", 3, "no BINANCE_KEY", "export BINANCE_KEY="),
    ("up -c file.toml", 3, "secret file:secret: No such file", "chmod 600"),
    (
        "up -c keyed.toml",
        3,
        "trades real money",
        "nightdesk up --config keyed.toml --live FINGERPRINT",
    ),
    ("up -c keyed.toml", 3, "trades real money", "nightdesk doctor --config keyed.toml"),
    ("node -c keyed.toml", 3, "trades real money", "--live FINGERPRINT"),
    ("up -c both.toml", 3, 'preset = "testnet" names every address', "remove it, or rest"),
    ("up -c demo.toml --live a:b:c:d", 3, "no order of demo.toml costs real money", "leave it out"),
    (
        "up -c keyed.toml --live foo",
        3,
        "written VENUE:ACCOUNT:KEY:LIMITS",
        "doctor --config keyed.toml",
    ),
    ("up -c .", 3, "config .: a folder", "name the file in it: desk.toml"),
    ("up -c play.toml --usdm-replay k", 3, "--usdm-replay k", 'kind = "binance-usdm"'),
    ("up --usdm-replay k", 3, "a config that says so", "--config"),
    ("up -c play.toml --paper", 3, 'kind = "practice"', "leave out --paper"),
    ("up --paper --speed 10", 3, "--paper takes its market as it comes", "leave out"),
    ("up --paper --live x", 3, "--paper risks nothing", "type one"),
    ("up --live x --speed max", 3, "--live names a desk that trades for money", "leave out"),
    ("up -c play.toml --folder .", 3, "empties its folder", "--folder"),
    ("node -c play.toml", 3, "a node alone does not have", "nightdesk up --config"),
    ("up --replay no.gz", 3, "no.gz: no such file", "without it"),
    ("up --speed 3", 3, "--speed 3", "1, 10 or max"),
    ("up --speed max", 3, "the generated market never ends", "--duration"),
    ("simulate --strategy gone.py:Dip --seeds 0", 3, "no file gone.py", "new strategy gone"),
    ("simulate --strategy dip.py --seeds 0", 3, "which class", "dip.py:Class"),
    ("simulate --strategy dip.py:X --seeds 0", 3, "no subclass X", "there is Dip"),
    ("simulate --profile calm", 3, "no profile 'calm'", "quiet"),
    ("simulate --seeds x", 3, "--seeds 'x'", "write 0..199"),
    ("journal show no", 3, "journal no: no such file", "nightdesk up"),
    ("journal show dip.py", 3, "journal dip.py", "is it a Nightdesk journal?"),
    ("stauts", 2, "No such command", "status"),
]


@pytest.mark.parametrize(("typed", "code", "what", "then"), MET, ids=[row[0] for row in MET])
def test_an_error_says_what_happened_and_what_to_do(
    typed: str, code: int, what: str, then: str, place: Path
) -> None:
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200", "XDG_STATE_HOME": str(place)}
    done = subprocess.run(
        [*NIGHTDESK, *shlex.split(typed)],
        cwd=place,
        env={**environment, "BINANCE_KEY": "k" if "file.toml" in typed else ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert what in done.stderr
    assert then.lower() in done.stderr[done.stderr.index(what) :].lower()
    assert done.returncode == code
    assert done.stdout == ""


def test_a_port_that_is_taken_is_told_with_the_way_to_another() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run("lab", "serve", "--port", str(taken.getsockname()[1]))
    assert done.returncode == ExitCode.FAILED
    assert "choose another --port" in done.stderr


def test_a_venue_that_does_not_answer_is_told_with_the_log_and_the_command_that_looks(
    place: Path,
) -> None:
    keys = {"BINANCE_KEY": "k", "BINANCE_SECRET": "s", "XDG_STATE_HOME": str(place)}
    config = ["--config", str(place / "dead.toml")]
    (place / "nightdesk" / "practice").mkdir(parents=True)
    (place / "nightdesk" / "practice" / "node.log").write_text("of another day\n")
    done = run("up", *config, "--headless", "--duration", "3", **keys)
    assert done.returncode == ExitCode.FAILED
    assert "the desk never started" in done.stderr
    assert "venue.not_reached" in done.stderr
    assert f"nightdesk doctor {shlex.join(config)}" in done.stderr
    assert "of another day" not in done.stderr
    assert "Traceback" not in done.stderr
    looked = run("doctor", *config, "--json", **keys)
    (row,) = [row for row in json.loads(looked.stdout) if row["check"] == "venue"]
    assert row["result"] == "failed"
    assert "http://127.0.0.1:1 does not answer" in row["what"]
    assert "[venue.binance]" in row["what"]
    assert "nightdesk lab serve" in row["what"]


@pytest.mark.parametrize("arguments", [["--folder", "nowhere"], ["--config", "play.toml"]])
def test_doctor_examines_a_desk_that_never_ran(arguments: Sequence[str], place: Path) -> None:
    done = subprocess.run(
        [*NIGHTDESK, "doctor", "--json", *arguments],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    rows = {row["check"]: row["result"] for row in json.loads(done.stdout)}
    assert rows["disk"] == "ok"
    assert rows["desk"] == "skipped"
