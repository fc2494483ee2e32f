"""The process as a person starts it: what it refuses to begin with."""

from pathlib import Path

import pytest

from nightdesk.cli.errors import told
from nightdesk.config.load import load
from nightdesk.control.messages import ExitCode
from nightdesk.guardian.run import GuardianOptions, run_guardian
from nightdesk.node.practice import practice_text

ACTS = """
[guardian]
policy = "{policy}"

[guardian.account.binance]
key = "env:NOBODY_HAS_IT"
secret = "env:NOBODY_HAS_IT"
"""


@pytest.mark.parametrize("policy", ["cancel", "flatten"])
def test_a_guardian_that_could_not_act_does_not_begin(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], policy: str
) -> None:
    path = tmp_path / "desk.toml"
    path.write_text(practice_text("http://127.0.0.1:1", ["BTCUSDT"]) + ACTS.format(policy=policy))
    options = GuardianOptions(config=path, journal=tmp_path / "desk.journal")
    code = told(lambda: run_guardian(load(path.read_text(), "desk.toml"), options))
    assert code == ExitCode.CONFIG
    assert (
        "secret env:NOBODY_HAS_IT: the environment has no NOBODY_HAS_IT" in capsys.readouterr().err
    )
