"""The view of a desk."""

import io

import msgspec
from rich.console import Console

from nightdesk.cli.screen import render
from node.test_result import a_sample

SAMPLE = msgspec.structs.replace(a_sample([]), journal={"durable": 1})


def lines(share: float | None) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=120).print(render(SAMPLE, share))
    return out.getvalue().splitlines()


def test_how_far_a_recording_is_stands_above_what_a_low_window_cuts_off() -> None:
    first, second, *rest = lines(0.42)
    assert "NORMAL" in first
    assert (second.split()[0], second.split()[-1]) == ("replaying", "42%")
    assert lines(None) == [first, *rest]
