"""What an incarnation's end means for the process."""

from pathlib import Path
from typing import Any

import pytest

from nightdesk.control.messages import ExitCode
from nightdesk.model.errors import (
    AppendRefused,
    AppendUnknown,
    BadInput,
    CorruptionError,
    Fenced,
    LeaseHeld,
)
from nightdesk.wiring.node_main import NodeOptions, _Process


class Lines:
    def __init__(self) -> None:
        self.events: list[str] = []

    def log(self, level: str, event: str, fields: dict[str, object]) -> None:
        self.events.append(event)


def ended(*errors: BaseException, stands_by: bool = False) -> tuple[int | None, list[str]]:
    log: Any = Lines()
    config: Any = None
    process = _Process(config, NodeOptions(base=Path(), stands_by=stands_by), log)
    inner = BaseExceptionGroup("control", [BaseExceptionGroup("node", list(errors))])
    return process._ended(inner), log.events


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CorruptionError("hole"), ExitCode.FAILED),
        (AppendUnknown("EIO"), ExitCode.FAILED),
        (Fenced("newer"), ExitCode.REFUSED),
        (LeaseHeld("other"), ExitCode.REFUSED),
        (AppendRefused("full"), None),
    ],
)
def test_each_end_has_its_code_and_only_a_refused_append_is_followed_by_another_life(
    error: Exception, code: int | None
) -> None:
    told, events = ended(error)
    assert told == code
    assert len(events) == 1


@pytest.mark.parametrize("error", [Fenced("newer"), LeaseHeld("other")])
def test_a_node_that_stands_by_does_so_where_another_leads(error: Exception) -> None:
    assert ended(error, stands_by=True)[0] is None


def test_of_several_ends_the_gravest_counts() -> None:
    assert ended(AppendRefused("full"), CorruptionError("hole"))[0] == ExitCode.FAILED
    assert ended(Fenced("newer"), AppendUnknown("EIO"))[0] == ExitCode.FAILED


def test_a_bug_is_not_given_a_code() -> None:
    with pytest.raises(BaseExceptionGroup):
        ended(AssertionError("a broken invariant"))


def test_what_a_person_can_mend_is_three_even_when_the_node_finds_it() -> None:
    assert ended(BadInput("Trend.State does not fit what the journal kept"))[0] == ExitCode.CONFIG
