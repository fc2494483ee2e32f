"""The page on outcomes says what the tables say."""

from pathlib import Path

from nightdesk.model.outcome import Reason, Verdict
from nightdesk.venues import binance_errors, binance_usdm_errors
from nightdesk.venues.reference import page

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "outcomes.md"


def test_the_page_is_what_the_code_writes() -> None:
    assert PAGE.read_text() == page(), (
        "python -m nightdesk.venues.reference > docs/reference/outcomes.md"
    )


def test_every_verdict_and_reason_is_described() -> None:
    for word in (*Verdict, *Reason):
        assert f"| `{word}` | " in page(), word


def test_what_is_never_asked_is_unmapped_and_told_apart() -> None:
    for table in (binance_errors, binance_usdm_errors):
        for code in table.NEVER_ASKED:
            assert table.meaning_of(400, code, "") == (Verdict.UNKNOWN, Reason.UNMAPPED), code
            assert code in table.DOCUMENTED
