"""The laws over a stopped desk's journal and its venues' logs."""

import re
from collections.abc import Callable, Iterator, Sequence
from heapq import merge
from pathlib import Path

import msgspec
from rich.progress import Progress

from nightdesk.adapters.journal_file import JournalFile
from nightdesk.audit.venue_log import Entry
from nightdesk.audit.verdict import InvariantRow, Judged, Verdict, judge
from nightdesk.cli.journal import at_text
from nightdesk.cli.tables import ERR, OUT, print_json, say, table
from nightdesk.control.messages import ExitCode
from nightdesk.journal.frame import record_of
from nightdesk.model.errors import BadInput, CorruptionError
from nightdesk.model.ids import Epoch, Seq
from nightdesk.model.records import Configured, Record
from nightdesk.model.time import Wall

FINDINGS_SHOWN = 40  # a screen; --json has them all

_NAMED = re.compile(r"([a-z0-9_-]+)=(.+)")
_ENTRY = msgspec.json.Decoder(Entry)
_LIST = msgspec.json.Decoder(list[msgspec.Raw])


class _Page(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of `GET /lab/log`; as a line it is told from an entry by having entries."""

    entries: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET


_PAGE = msgspec.json.Decoder(_Page)


class VenueLogFile(msgspec.Struct, frozen=True):
    """A log, and which venue its lines are of where they do not say; "" leaves them as they are."""

    venue: str
    path: Path


def venue_log_of(text: str) -> VenueLogFile:
    """What `--venue-log` names: FILE, or VENUE=FILE with a venue of the journal."""
    named = _NAMED.fullmatch(text)
    if named is None or Path(text).exists():
        return VenueLogFile("", Path(text))
    return VenueLogFile(named[1], Path(named[2]))


def audit_files(journal: Path, venue_logs: Sequence[str], *, account: str, as_json: bool) -> int:
    """Judge and tell; exit 1 when a law is violated."""
    logs = [venue_log_of(text) for text in venue_logs]
    file, venues = JournalFile(journal), set[str]()
    try:
        with Progress(console=ERR, transient=True) as progress:
            slots = progress.add_task("journal", total=file.head())
            verdict = judge(
                _history(file, lambda seq: progress.update(slots, completed=seq), venues),
                merge(*(_told(log, progress) for log in logs), key=lambda entry: entry.at_ns),
                account=account,
            )
    finally:
        file.close()
    for log in logs:
        if log.venue and log.venue not in venues:
            known = ", ".join(sorted(venues)) or "none"
            raise BadInput(f"--venue-log {log.venue}={log.path}: the journal's venues are: {known}")
    if all(row.verdict is Judged.NOT_CHECKED for row in verdict.rows):
        paths = ", ".join(str(path) for path in (journal, *(log.path for log in logs)))
        raise BadInput(f"nothing to judge: none of {paths} tells of an order")
    if file.torn is not None:
        say(f"the journal ends in a torn tail at slot {file.torn.first}: {file.torn.why}")
    if as_json:
        print_json({"clean": verdict.clean, "laws": verdict.rows})
    else:
        _show(verdict)
    return ExitCode.OK if verdict.clean else ExitCode.FAILED


def _told(log: VenueLogFile, progress: Progress) -> Iterator[Entry]:
    read = progress.add_task(f"venue log {log.venue}".strip(), total=_size(log.path))
    for entry in entries_of(log.path, lambda done: progress.update(read, completed=done)):
        if log.venue and entry.venue is None:
            entry = msgspec.structs.replace(entry, venue=log.venue)
        yield entry


def entries_of(path: Path, progress: Callable[[int], None] = lambda _: None) -> Iterator[Entry]:
    """Entries of a venue's log: JSON lines, pages of the lab's log, or one array.

    Raises:
        BadInput: a line is no entry; names file and line.
    """
    try:
        with path.open("rb") as file:
            first = file.readline()
            file.seek(0)
            if _is_line(first):
                yield from _lines(path, file, progress)
            else:
                data = file.read()
                yield from _inside(path, data, 1)
                progress(len(data))
    except OSError as error:
        raise BadInput(f"venue log {path}: {error.strerror or error}") from error


def _is_line(first: bytes) -> bool:
    """Whether the file is one of lines, and not one document over many."""
    try:
        msgspec.json.decode(first)
    except msgspec.DecodeError:
        return first.lstrip()[:1] not in (b"[", b"{", b"")
    return True


def _lines(path: Path, lines: Iterator[bytes], progress: Callable[[int], None]) -> Iterator[Entry]:
    done = 0
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield from _inside(path, line, number)
        done += len(line)
        if number % 1_000 == 0:
            progress(done)
    progress(done)


def _inside(path: Path, data: bytes, line: int) -> Iterator[Entry]:
    """The entries in one document that begins on `line`: an array, a page or a single entry."""
    try:
        listed = _listed(data)
    except msgspec.DecodeError as error:
        raise BadInput(f"venue log {path}, line {line}: {error}") from error
    if listed is None:
        yield _entry(path, data, line)
        return
    place = 0
    for raw in listed:
        body = bytes(raw)
        start = data.index(body, place)
        line += data.count(b"\n", place, start)
        yield _entry(path, body, line)
        place = start


def _listed(data: bytes) -> list[msgspec.Raw] | None:
    if data.lstrip().startswith(b"["):
        return _LIST.decode(data)
    entries = _PAGE.decode(data).entries
    return None if isinstance(entries, msgspec.UnsetType) else entries


def _entry(path: Path, data: bytes, line: int) -> Entry:
    try:
        return _ENTRY.decode(data)
    except msgspec.DecodeError as error:
        raise BadInput(f"venue log {path}, line {line}: {error}") from error


def _history(
    file: JournalFile, progress: Callable[[int], None], venues: set[str]
) -> Iterator[tuple[Seq, Epoch, Wall, Record]]:
    """The records; `venues` gets the names of those that its settings tell of."""
    for frame in file.frames(progress):
        try:
            record = record_of(frame)
        except CorruptionError as error:
            raise BadInput(f"journal {file.path}, {error}") from error
        if isinstance(record, Configured):
            venues.update(instrument.venue for instrument in record.instruments)
        yield frame.seq, frame.epoch, frame.at, record


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise BadInput(
            f"venue log {path}: {error.strerror or error}; of a lab that runs: curl LAB/lab/log > {path}"
        ) from error


def _show(verdict: Verdict) -> None:
    rows = [_law_row(row) for row in verdict.rows]
    OUT.print(table("laws", rows, ("law", "verdict", "findings", "first", "what")))
    found = verdict.findings
    if not found:
        return
    shown: list[dict[str, object]] = [
        {"law": f.law.partition(" ")[0], "order": f.order, "at": _at(f.at_ns), "what": f.what}
        for f in found[:FINDINGS_SHOWN]
    ]
    OUT.print(table("findings", shown, ("law", "order", "at", "what")))
    if len(found) > len(shown):
        say(f"{len(found) - len(shown)} more; --json tells all")


def _law_row(row: InvariantRow) -> dict[str, object]:
    unchecked = row.verdict is Judged.NOT_CHECKED
    return {
        "law": row.law,
        "verdict": row.verdict,
        "findings": len(row.findings),
        "first": _at(row.first_at_ns),
        "what": f"needs {row.needs}" if unchecked else "",
    }


def _at(at_ns: int) -> str | None:
    return at_text(at_ns) if at_ns else None
