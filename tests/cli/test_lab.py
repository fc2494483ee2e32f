"""The practice exchange by itself, as a person is told of it."""

from typer.testing import CliRunner

from nightdesk.cli.main import app


def test_the_tables_of_an_accounts_file_are_named_as_they_are_written() -> None:
    told = CliRunner().invoke(
        app, ["lab", "serve", "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"}
    )
    assert "[[account]]" in told.output
