"""The spool on real files: durable before it is acknowledged, told to the next life, gone when it is empty."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from tests.e2e.disk import fill, needed_disk

from nightdesk.adapters.spool_folder import SpoolFolder
from nightdesk.ports.spool import Left


def with_spool(
    folder: Path, body: Callable[[SpoolFolder], Awaitable[None]], journal: str = "/proc/self"
) -> list[str]:
    said: list[str] = []

    async def main() -> None:
        spool = SpoolFolder(folder, "desk", Path(journal) / "desk.journal", said.append)
        try:
            await body(spool)
        finally:
            spool.close()
            spool._worker._thread.join(5.0)

    asyncio.run(main())
    return said


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_was_kept_is_told_to_the_next_life(tmp_path: Path) -> None:
    async def first(spool: SpoolFolder) -> None:
        assert await spool.open("1-a") == []
        await spool.keep(b"one")
        await spool.keep(b"two")

    async def second(spool: SpoolFolder) -> None:
        left = await spool.open("2-b")
        assert left == [Left(life="1-a", data=b"onetwo")]
        assert await spool.open("2-b") == left, "asked again, it tells the same"
        assert names(tmp_path) == ["desk.1-a.spool", "desk.2-b.spool"]
        await spool.drop([file.life for file in left])
        await spool.drop([file.life for file in left])
        assert names(tmp_path) == ["desk.2-b.spool"]

    with_spool(tmp_path, first)
    with_spool(tmp_path, second)
    assert names(tmp_path) == [], "what is empty is not left behind"


def test_what_was_emptied_is_not_told_again(tmp_path: Path) -> None:
    async def body(spool: SpoolFolder) -> None:
        await spool.open("1-a")
        await spool.keep(b"old")
        await spool.empty()
        await spool.keep(b"new")
        assert (tmp_path / "desk.1-a.spool").read_bytes() == b"new"

    with_spool(tmp_path, body)


def test_files_of_other_desks_and_of_others_are_not_told(tmp_path: Path) -> None:
    for other in ("desk2.1-a.spool", "desk.txt", "spool"):
        (tmp_path / other).write_bytes(b"theirs")

    async def body(spool: SpoolFolder) -> None:
        assert await spool.open("1-a") == []

    with_spool(tmp_path, body)
    assert len(names(tmp_path)) == 3


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    async def body(spool: SpoolFolder) -> None:
        with pytest.raises(FileNotFoundError):
            await spool.open("1-a")

    with_spool(tmp_path / "unmounted", body)
    assert names(tmp_path) == []


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with needed_disk(tmp_path, 1):
        yield tmp_path


def test_what_did_not_fit_is_not_in_it(disk: Path) -> None:
    async def body(spool: SpoolFolder) -> None:
        await spool.open("1-a")
        await spool.keep(b"one")
        fill(disk / "filler")
        full, behind = spool.keep(bytes(1 << 16)), spool.keep(b"behind")
        with pytest.raises(OSError, match="No space left"):
            await full
        with pytest.raises(OSError, match=r"it failed before.*No space left"):
            await behind
        (disk / "filler").unlink()
        with pytest.raises(OSError, match="it failed before"):
            await spool.empty()
        assert (disk / "desk.1-a.spool").read_bytes() == b"one", "what stands behind a gap is lost"

    with_spool(disk, body)


def test_one_on_the_journal_s_disk_is_told_of(tmp_path: Path) -> None:
    async def body(spool: SpoolFolder) -> None:
        await spool.open("1-a")
        await asyncio.sleep(0)

    assert with_spool(tmp_path, body) == []
    assert with_spool(tmp_path, body, journal=str(tmp_path)) == [str(tmp_path)]


def test_what_went_while_it_was_looked_for_is_not_missed(tmp_path: Path) -> None:
    (tmp_path / "desk.1-a.spool").symlink_to(tmp_path / "gone")

    async def body(spool: SpoolFolder) -> None:
        assert await spool.open("2-b") == []

    with_spool(tmp_path, body)


def test_a_folder_that_cannot_be_synced_is_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(spool: SpoolFolder) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(spool, "_sync_folder", lambda: (_ for _ in ()).throw(OSError("no disk")))
            with pytest.raises(OSError, match="no disk"):
                await spool.open("1-a")
        assert await spool.open("1-a") == []
        await spool.keep(b"one")

    with_spool(tmp_path, body)
    assert names(tmp_path) == ["desk.1-a.spool"]
