"""The story of one order: from the market and the verdict to the bytes sent, the answers and the trades."""

from collections import deque
from collections.abc import Iterator
from pathlib import Path

import msgspec
from rich.progress import Progress

from nightdesk.adapters.journal_file import JournalFile
from nightdesk.cli.journal import at_text, kind, row, short
from nightdesk.cli.places import journal_file
from nightdesk.cli.tables import ERR, OUT, print_json, say, table
from nightdesk.control.messages import ExitCode
from nightdesk.desk.verdict import verdict_on
from nightdesk.journal.frame import Frame
from nightdesk.model.ids import Seq, correlation_id, decode_order_id
from nightdesk.model.instrument import Instrument
from nightdesk.model.records import (
    AmendAnswered,
    AmendAsked,
    Answered,
    Configured,
    Executed,
    Intended,
    Record,
    Reported,
    Spooled,
)
from nightdesk.model.time import Wall
from nightdesk.node.compose import telling_codec
from nightdesk.risk.gate import Weighed
from nightdesk.venues.http import HttpRequest

STEP = 1_000  # records between two looks of the progress bar


class Story(msgspec.Struct):
    """One order: what was weighed, what was sent, and every record about it."""

    order: str
    verdict: list[Weighed] = msgspec.field(default_factory=list)
    sent: dict[str, str] | None = None
    records: list[tuple[Frame, Record]] = msgspec.field(default_factory=list)


def explain_id(wanted: str, config: Path | None, folder: Path | None, *, as_json: bool) -> int:
    """Everything about one order, found by client id, by one of its trades, or by epoch.slot."""
    journal = JournalFile(journal_file(config, folder))
    story = _story(journal, wanted)
    journal.close()
    if not story.records:
        say(
            f"nothing in {journal.path} is about {wanted!r}; its ids: nightdesk journal show {journal.path}"
        )
        return ExitCode.FAILED
    if as_json:
        told = {"order": story.order, "verdict": story.verdict, "sent": story.sent}
        print_json({**told, "records": [row(frame, record) for frame, record in story.records]})
        return ExitCode.OK
    _print(story)
    return ExitCode.OK


def _story(journal: JournalFile, wanted: str) -> Story:
    """Read twice: once to find the order, once to fold the desk as it stood when it decided."""
    with Progress(console=ERR, transient=True) as progress:
        task = progress.add_task("reading", total=2 * journal.head())

        def read() -> Iterator[tuple[Frame, Record]]:
            for frame, record in journal.records():
                if frame.seq % STEP == 0:
                    progress.advance(task, STEP)
                yield frame, record

        story = Story(order=_client_id(wanted, read()))
        instruments: dict[str, Instrument] = {}

        def history() -> Iterator[tuple[Seq, Wall, Record]]:
            for frame, record in read():
                if about_of(record) == story.order:
                    story.records.append((frame, record))
                if isinstance(record, Configured):
                    instruments.update({i.id: i for i in record.instruments})
                yield frame.seq, frame.at, record

        rest = history()
        story.verdict = verdict_on(story.order, rest)
        deque(rest, maxlen=0)  # what came after the verdict
    story.sent = requests_of(story.records, instruments)
    return story


def _print(story: Story) -> None:
    start = story.records[0][0].at
    rows = [
        {
            "slot": frame.seq,
            "at": at_text(frame.at),
            "after_ms": round((frame.at - start) / 1e6, 3),
            "kind": kind(record),
            "what": short(record),
        }
        for frame, record in story.records
    ]
    key = decode_order_id(story.order)
    title = story.order if key is None else f"{story.order}: decision {key.epoch}.{key.seq}"
    OUT.print(table(title, rows, ("slot", "at", "after_ms", "kind", "what")))
    if story.verdict:
        weighed = [{"rule": w.rule, "value": w.value, "limit": w.limit} for w in story.verdict]
        OUT.print(table("what the gate weighed", weighed, ("rule", "value", "limit")))
    if story.sent is not None:
        parts: list[dict[str, object]] = [{"part": k, "what": v} for k, v in story.sent.items()]
        OUT.print(table("what was sent, but for key and signature", parts, ("part", "what")))


def _client_id(wanted: str, records: Iterator[tuple[Frame, Record]]) -> str:
    if decode_order_id(wanted) is not None:
        return wanted
    for frame, record in records:
        if isinstance(record, Intended) and wanted == correlation_id(frame.epoch, frame.seq):
            return record.intent.client_id
        if isinstance(record, Spooled) and wanted == _decision(record):
            return record.intent.client_id
        if isinstance(record, Executed) and wanted == record.execution.trade_id:
            return record.execution.client_id
    return wanted


def _decision(record: Spooled) -> str:
    """The decision that it came of: its slot was never written, but its id names it."""
    key = decode_order_id(record.intent.client_id)
    return "" if key is None else correlation_id(key.epoch, key.seq)


def about_of(record: Record) -> str:
    """The client order id that a record is about, or nothing."""
    match record:
        case Intended(intent=about) | Spooled(intent=about) | AmendAsked(amendment=about):
            return about.client_id
        case Reported(report=report):
            return report.client_id
        case Executed(execution=execution):
            return execution.client_id
        case _:
            return str(getattr(record, "client_id", ""))


def requests_of(
    story: list[tuple[Frame, Record]], instruments: dict[str, Instrument]
) -> dict[str, str] | None:
    """The requests as they left, made again from the records and their stamps; None when nothing left."""
    intents = [record.intent for _, record in story if isinstance(record, Intended | Spooled)]
    stamps = [record.sent_at for _, record in story if isinstance(record, Answered)]
    left = {r.number: r.sent_at for _, r in story if isinstance(r, AmendAnswered) and r.sent_at}
    if not intents or not (any(stamps) or left):
        return None
    codec, parts = telling_codec(instruments[intents[0].instrument]), {}
    request = codec.place(intents[0], max(stamps)) if any(stamps) else None
    if request is not None:
        parts = {"request": _line(request), "body": request.body.decode()}
    for _, record in story:
        if not isinstance(record, AmendAsked) or record.amendment.number not in left:
            continue
        number = record.amendment.number
        request = codec.amend(intents[0], record.amendment, left[number])
        if request is not None:
            parts[f"amendment {number}"] = f"{_line(request)} {request.body.decode()}"
    return parts or None


def _line(request: HttpRequest) -> str:
    return f"{request.method} {request.target} HTTP/1.1"
