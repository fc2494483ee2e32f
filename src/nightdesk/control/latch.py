"""A halt on disk: left beside a journal by whoever cannot speak to a desk, found by the desk that reads it.

The file is written whole and synced under another name before it takes its own, so that a desk finds all of it
or nothing. A desk journals it as a mode, and only then takes it away.
"""

from pathlib import Path

import msgspec

SUFFIX = ".latch"


class Latch(msgspec.Struct, frozen=True, kw_only=True):
    """What a person wants of a desk that does not answer: no new risk, or with `halted` nothing at all but what
    a person asks for; `at` is UTC (ns) by the clock of that host."""

    by: str
    why: str
    at: int
    halted: bool = False


def latch_path(journal: Path) -> Path:
    """Where the latch of a desk is, by its journal's path."""
    return journal.with_name(journal.name + SUFFIX)


def encode_latch(latch: Latch) -> bytes:
    """One line of JSON."""
    return msgspec.json.encode(latch) + b"\n"


def decode_latch(text: bytes) -> Latch:
    """What it says; what cannot be read forbids the most."""
    try:
        return msgspec.json.decode(text, type=Latch)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return Latch(
            by="nobody known", why=f"a latch that cannot be read: {error}", at=0, halted=True
        )


def stricter(old: Latch | None, new: Latch) -> Latch:
    """Of two the one that forbids more; the older one where they are alike."""
    if old is None or (new.halted and not old.halted):
        return new
    return old
