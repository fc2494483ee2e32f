"""Reading journals: verify, show, export, size, and the story of one order."""

from collections import deque
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.progress import Progress

from nightdesk.adapters.journal_file import JournalFile
from nightdesk.cli.places import journal_file
from nightdesk.cli.tables import ERR, OUT, print_json, say, table
from nightdesk.control.messages import ExitCode
from nightdesk.journal.frame import Frame
from nightdesk.model.ids import decode_order_id
from nightdesk.model.records import Executed, Intended, Record, Reported


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
            print_json(_row(frame, record))
        return ExitCode.OK
    rows = [
        {
            "slot": frame.seq,
            "epoch": frame.epoch,
            "at": _at(frame.at),
            "kind": _kind(record),
            "what": _short(record),
        }
        for frame, record in kept
    ]
    OUT.print(table(str(path), rows, ("slot", "epoch", "at", "kind", "what")))
    return ExitCode.OK


def export_journal(path: Path) -> int:
    """Every record as JSON lines."""
    journal = JournalFile(path)
    for frame, record in journal.records():
        print_json(_row(frame, record))
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


def explain_id(wanted: str, config: Path | None, folder: Path | None, *, as_json: bool) -> int:
    """Every record about one order, found by client id, by one of its trades, or by epoch.slot."""
    journal = JournalFile(journal_file(config, folder))
    records = list(journal.records())
    journal.close()
    client_id = _client_id(wanted, records)
    story = [(f, r) for f, r in records if client_id and _about(r) == client_id]
    if not story:
        say(f"nothing in {journal.path} is about {wanted!r}")
        return ExitCode.FAILED
    if as_json:
        print_json([_row(frame, record) for frame, record in story])
        return ExitCode.OK
    start = story[0][0].at
    rows = [
        {
            "slot": frame.seq,
            "at": _at(frame.at),
            "after_ms": round((frame.at - start) / 1e6, 3),
            "kind": _kind(record),
            "what": _short(record),
        }
        for frame, record in story
    ]
    key = decode_order_id(client_id)
    title = client_id if key is None else f"{client_id}: decision {key.epoch}.{key.seq}"
    OUT.print(table(title, rows, ("slot", "at", "after_ms", "kind", "what")))
    return ExitCode.OK


def _client_id(wanted: str, records: list[tuple[Frame, Record]]) -> str:
    for frame, record in records:
        if isinstance(record, Intended) and wanted == f"{frame.epoch}.{frame.seq}":
            return record.intent.client_id
        if isinstance(record, Executed) and wanted == record.execution.trade_id:
            return record.execution.client_id
    return wanted


def _about(record: Record) -> str:
    match record:
        case Intended(intent=intent):
            return intent.client_id
        case Reported(report=report):
            return report.client_id
        case Executed(execution=execution):
            return execution.client_id
        case _:
            return str(getattr(record, "client_id", ""))


def _row(frame: Frame, record: Record) -> dict[str, object]:
    return {
        "slot": frame.seq,
        "epoch": frame.epoch,
        "at_ns": frame.at,
        "kind": _kind(record),
        "record": record,
    }


def _kind(record: Record) -> str:
    return str(record.__struct_config__.tag)


def _at(wall_ns: int) -> str:
    return datetime.fromtimestamp(wall_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _short(record: Record) -> str:
    body = msgspec.to_builtins(record)
    flat: dict[str, object] = {}
    for name, value in body.items():
        flat.update(value if isinstance(value, dict) else {name: value})
    shown = {k: v for k, v in flat.items() if v not in ("", None, 0) and k not in ("type_", "body")}
    return " ".join(f"{name}={value}" for name, value in shown.items())[:400]
