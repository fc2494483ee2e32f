"""The lab as a process of its own."""

import json
import signal
import subprocess
import sys
import urllib.request

import pytest

from nightdesk.lab.__main__ import main, parse

pytestmark = pytest.mark.process


def test_it_prints_its_url_serves_and_ends_cleanly_on_a_signal() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        command = [sys.executable, "-X", "dev", "-W", "error", "-m", "nightdesk.lab", "--seed", "3"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as lab:
            assert lab.stdout is not None
            url = json.loads(lab.stdout.readline())["url"]
            with urllib.request.urlopen(f"{url}/lab/status", timeout=10) as reply:
                assert json.load(reply)["seed"] == 3
            lab.send_signal(number)
            out, err = lab.communicate(timeout=20)
        assert (lab.returncode, out, err) == (0, "", "")


def test_wrong_options_are_told_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--accounts", "/nowhere.toml", "--speed", "0"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "lab: /nowhere.toml: No such file or directory",
        "lab: speed: above 0, not 0.0",
    ]


def test_options_are_read_from_the_command_line() -> None:
    _, options = parse(["--replay", "a", "--replay", "b", "--speed", "2", "--taker-fee", "0.0005"])
    assert (options.replay, options.speed, str(options.taker_fee)) == (["a", "b"], 2.0, "0.0005")
