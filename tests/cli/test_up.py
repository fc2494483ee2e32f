"""What a person sees while a recording is played as fast as possible."""

import io

import pytest
from rich.console import Console

from nightdesk.cli import up


def shown_on(terminal: bool, monkeypatch: pytest.MonkeyPatch, *, shown: bool = True) -> str:
    out = io.StringIO()
    monkeypatch.setattr(up, "ERR", Console(file=out, force_terminal=terminal, width=80))
    with up.reading(shown=shown) as told:
        told(0.25)
        told(0.5)
    return out.getvalue()


def test_a_person_at_a_terminal_sees_how_much_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown_on(True, monkeypatch)
    assert "replaying" in text
    assert "25%" in text
    assert "50%" in text


def test_a_program_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown_on(False, monkeypatch) == ""
    assert shown_on(True, monkeypatch, shown=False) == ""
