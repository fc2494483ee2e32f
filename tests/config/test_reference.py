"""The page on limits says what the schema says."""

from pathlib import Path

from nightdesk.config.reference import guardian_page, page
from nightdesk.config.schema import Limits, Losses, StrategyLimits

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "limits.md"


def test_the_page_is_what_the_code_writes() -> None:
    assert PAGE.read_text() == page(), (
        "python -m nightdesk.config.reference > docs/reference/limits.md"
    )


def test_the_page_on_the_guardian_is_what_the_code_writes() -> None:
    assert PAGE.with_name("guardian.md").read_text() == guardian_page(), (
        "python -m nightdesk.config.reference guardian > docs/reference/guardian.md"
    )


def test_every_limit_is_described() -> None:
    for kind in (Limits, StrategyLimits, Losses):
        for name, field in kind.model_fields.items():
            assert field.description, name
            assert f"`{name}`" in page()
