"""What a lab in another process tells of itself, and the result of a run made from that."""

import json
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import msgspec

from nightdesk.adapters.journal_file import history_of
from nightdesk.audit.venue_log import Entry
from nightdesk.config.schema import Config
from nightdesk.control.messages import Sample
from nightdesk.node.practice import VENUE_LOG, booked, markets
from nightdesk.node.result import Result, result_of

ACCOUNT = "practice"
LOG_PAGE = 5_000
TIMEOUT_S = 10.0


def lab_get(url: str, path: str) -> Any:
    """One answer of the lab at `url`."""
    with urlopen(Request(url + path), timeout=TIMEOUT_S) as answer:
        return json.loads(answer.read())


def venue_entries(url: str, kept: Path) -> list[Entry]:
    """The lab's whole log, page by page; each entry is a line of the file `kept`, too, which outlives it."""
    entries: list[Entry] = []
    after = 0
    with kept.open("wb") as file:
        while page := lab_get(url, f"/lab/log?after={after}&limit={LOG_PAGE}")["entries"]:
            file.write(msgspec.json.Encoder().encode_lines(page))
            entries += msgspec.convert(page, list[Entry], strict=False)
            after = entries[-1].seq
    return entries


def result_at(
    url: str, journal: Path, sample: Sample, config: Config, *, speed: str, seed: int
) -> Result:
    """The result of a run whose desk has stopped, while its lab still answers; that log stays beside it."""
    held = booked(lab_get(url, f"/lab/account?name={ACCOUNT}"), config)
    return result_of(
        sample,
        venue_entries(url, journal.with_name(VENUE_LOG)),
        held,
        history_of(journal),
        account_name=ACCOUNT,
        speed=speed,
        seed=seed,
        feed=markets(lab_get(url, "/lab/status")),
    )
