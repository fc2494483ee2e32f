"""Alerts reach the log and the command, one after the other; a command that fails is told of."""

import asyncio
import sys
from pathlib import Path

import pytest

from nightdesk.guardian.telling import WAITING_MAX, Teller
from nightdesk.guardian.watch import Alert

ALERT = Alert(level="error", event="guardian.unled", why="nobody leads: it has ended")


class Log:
    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, object]]] = []

    def log(self, level: str, event: str, fields: dict[str, object]) -> None:
        self.lines.append((level, event, fields))


def told(command: list[str], alerts: int = 1) -> list[tuple[str, str, dict[str, object]]]:
    async def whole() -> Log:
        log = Log()
        teller = Teller("night", command, log)
        for _ in range(alerts):
            teller.tell(ALERT)
        async with asyncio.TaskGroup() as group:
            carrying = group.create_task(teller.carry())
            await teller.carried()
            carrying.cancel()
        return log

    return asyncio.run(whole()).lines


def test_a_command_gets_the_text_on_its_standard_input(tmp_path: Path) -> None:
    into = tmp_path / "told"
    code = f"import sys; open({str(into)!r}, 'a').write(sys.stdin.read())"
    lines = told([sys.executable, "-c", code], alerts=2)
    assert lines == [("error", "guardian.unled", {"why": ALERT.why})] * 2
    assert into.read_text() == 2 * (
        "desk night: error: guardian.unled\nnobody leads: it has ended\n"
    )


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["/no/such/command"], "No such file or directory"),
        ([sys.executable, "-c", "import sys; sys.exit('no relay')"], "ended with 1: b'no relay"),
    ],
)
def test_a_command_that_fails_is_told_in_the_log(command: list[str], why: str) -> None:
    (_, _), (level, event, fields) = [(None, None), told(command)[-1]]
    assert (level, event) == ("error", "guardian.not_notified")
    assert fields["command"] == command[0]
    assert why in str(fields["why"])


def test_one_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nightdesk.guardian.telling.NOTIFY_WITHIN_S", 0.1)
    lines = told([sys.executable, "-c", "import sys; sys.stdin.read(); input()", "-"])
    # Its standard input ends, so that it would end by itself: with an error.
    assert lines[-1][1] == "guardian.not_notified"


def test_what_a_slow_command_leaves_waiting_is_bounded_and_the_log_has_it_all() -> None:
    log = Log()
    teller = Teller("night", ["never run"], log)
    for _ in range(WAITING_MAX + 1):
        teller.tell(ALERT)
    assert [event for _, event, _ in log.lines].count("guardian.unled") == WAITING_MAX + 1
    assert log.lines[-1][1] == "guardian.not_notified"


def test_without_a_command_the_log_is_told() -> None:
    assert len(told([])) == 1
