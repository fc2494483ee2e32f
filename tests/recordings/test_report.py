"""The report of a reading."""

from nightdesk.recordings.report import BadPlace, ReadReport


def test_every_bad_place_is_counted_and_the_first_ten_are_kept() -> None:
    report = ReadReport()
    for line in range(25):
        report.note_bad(BadPlace(file="a", line=line, reason="x"))
    assert report.bad == 25
    assert [place.line for place in report.first_bad] == list(range(10))
