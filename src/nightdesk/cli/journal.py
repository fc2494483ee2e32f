"""Reading journals: verify, show, export, size."""

from collections import deque
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.progress import Progress

from nightdesk.adapters.journal_file import JournalFile
from nightdesk.cli.tables import ERR, OUT, print_json, table
from nightdesk.control.messages import ExitCode
from nightdesk.journal.frame import Frame
from nightdesk.model.records import Record

SHORT_MAX = 400  # characters of a record on one line


def verify_journal(path: Path, *, as_json: bool) -> int:
    """Read the whole chain; exit 1 when it is torn, and a hole is an error."""
    journal = JournalFile(path)
    with Progress(console=ERR, transient=True) as progress:
        task = progress.add_task("verifying", total=journal.head())
        found = journal.verify(lambda seq: progress.update(task, completed=seq))
    journal.close()
    if as_json:
        print_json(found)
    else:
        rows: list[dict[str, object]] = [
            {"what": "records", "value": found.frames},
            {"what": "epochs", "value": found.epochs},
            {"what": "lease", "value": found.lease},
            {"what": "head", "value": found.head.digest.hex()},
            {"what": "torn tail", "value": "none" if found.torn is None else found.torn.why},
            {"what": "snapshots", "value": "\n".join(found.snapshots) or "none"},
            {"what": "bytes", "value": found.bytes},
        ]
        OUT.print(table(str(path), rows, ("what", "value")))
    return ExitCode.OK if found.torn is None else ExitCode.FAILED


def show_journal(path: Path, *, last: int, as_json: bool) -> int:
    """The last records."""
    journal = JournalFile(path)
    kept = deque(journal.records(), maxlen=max(last, 1))
    journal.close()
    if as_json:
        for frame, record in kept:
            print_json(row(frame, record))
        return ExitCode.OK
    rows = [
        {
            "slot": frame.seq,
            "epoch": frame.epoch,
            "at": at_text(frame.at),
            "kind": kind(record),
            "what": short(record),
        }
        for frame, record in kept
    ]
    OUT.print(table(str(path), rows, ("slot", "epoch", "at", "kind", "what")))
    return ExitCode.OK


def export_journal(path: Path) -> int:
    """Every record as JSON lines."""
    journal = JournalFile(path)
    for frame, record in journal.records():
        print_json(row(frame, record))
    journal.close()
    return ExitCode.OK


def journal_size(path: Path, *, as_json: bool) -> int:
    """Bytes on disk."""
    sizes = JournalFile(path).size()
    if as_json:
        print_json(sizes)
    else:
        OUT.print(
            table(str(path), [{"part": k, "bytes": v} for k, v in sizes.items()], ("part", "bytes"))
        )
    return ExitCode.OK


def row(frame: Frame, record: Record) -> dict[str, object]:
    """A record for programs."""
    return {
        "slot": frame.seq,
        "epoch": frame.epoch,
        "at_ns": frame.at,
        "kind": kind(record),
        "record": record,
    }


def kind(record: Record) -> str:
    """What the record is."""
    return str(record.__struct_config__.tag)


def at_text(wall_ns: int) -> str:
    """UTC, to the microsecond."""
    return datetime.fromtimestamp(wall_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def short(record: Record) -> str:
    """The record on one line: what says nothing is left out, and what is beyond `SHORT_MAX` marked so."""
    body = msgspec.to_builtins(record)
    flat: dict[str, object] = {}
    for name, value in body.items():
        flat.update(value if isinstance(value, dict) else {name: value})
    shown = {k: v for k, v in flat.items() if v not in ("", None, 0) and k not in ("type_", "body")}
    whole = " ".join(f"{name}={value}" for name, value in shown.items())
    return whole if len(whole) <= SHORT_MAX else f"{whole[:SHORT_MAX]}… (all with --json)"
