"""Files as lines: plain, gzip, zip, and those that stop in the middle."""

import gzip
import zipfile
from pathlib import Path

import pytest

from nightdesk.recordings.files import Meter, open_lines
from nightdesk.recordings.report import BrokenCapture

LINES = [f"{n * 7919 % 100_003},row {n}\n".encode() for n in range(5000)]
WHOLE = b"".join(LINES)


def zipped(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, WHOLE)
    return path


def test_plain_gzip_and_zip_read_the_same(tmp_path: Path) -> None:
    plain, gz = tmp_path / "a.csv", tmp_path / "a.csv.gz"
    plain.write_bytes(WHOLE)
    gz.write_bytes(gzip.compress(WHOLE))
    for path in (plain, gz, zipped(tmp_path / "a.zip", "a.csv")):
        meter = Meter()
        assert list(open_lines(str(path), meter)) == LINES
        assert (meter.read, meter.total, meter.share) == (meter.total, path.stat().st_size, 1.0)


def test_the_meter_tells_how_far_reading_has_come(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(WHOLE * 20)
    meter = Meter()
    assert meter.share == 0
    lines = open_lines(str(path), meter)
    shares = [meter.share for _ in lines]
    assert shares == sorted(shares)
    assert 0 < shares[len(shares) // 4] < shares[-1] <= meter.share == 1


@pytest.mark.parametrize("name", ["gzip", "zip"])
def test_a_compressed_file_cut_in_the_middle_says_so_after_the_lines_before(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / "cut"
    whole = gzip.compress(WHOLE)
    if name == "zip":
        whole = zipped(path, "a.csv").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    kept: list[bytes] = []
    with pytest.raises(BrokenCapture, match=f"the {name} file is broken here"):
        kept.extend(open_lines(str(path)))
    # A zip has its directory at its end: without it, nothing in it can be found.
    assert kept == LINES[: len(kept)]
    assert bool(kept) == (name == "gzip")


def test_damage_inside_a_zip_is_noticed(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", "a.csv")
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    path.write_bytes(raw)
    with pytest.raises(BrokenCapture, match="the zip file is broken here"):
        list(open_lines(str(path)))


@pytest.mark.parametrize(("names", "found"), [((), "0: none"), (("a", "b"), "2: a, b")])
def test_a_zip_holds_one_file(tmp_path: Path, names: tuple[str, ...], found: str) -> None:
    path = zipped(tmp_path / "a.zip", *names)
    with pytest.raises(BrokenCapture, match=f"this has {found}"):
        list(open_lines(str(path)))


def test_a_file_that_is_not_there_is_an_error_of_the_system() -> None:
    with pytest.raises(FileNotFoundError):
        next(open_lines("/nowhere.csv"))
