"""The spool on real files: durable before it is acknowledged, told to the next life, gone when it is empty."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.e2e.disk import fill, small_disk

from nightdesk.adapters.spool_folder import SpoolFolder
from nightdesk.ports.spool import Left


def with_spool(folder: Path, body: Callable[[SpoolFolder], Awaitable[None]]) -> None:
    async def main() -> None:
        spool = SpoolFolder(folder, "desk")
        try:
            await body(spool)
        finally:
            spool.close()
            spool._worker._thread.join(5.0)

    asyncio.run(main())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_was_kept_is_told_to_the_next_life(tmp_path: Path) -> None:
    async def first(spool: SpoolFolder) -> None:
        assert await spool.open("1-a") == []
        await spool.keep(b"one")
        await spool.keep(b"two")

    async def second(spool: SpoolFolder) -> None:
        left = await spool.open("2-b")
        assert left == [Left(name="desk.1-a.spool", data=b"onetwo")]
        assert await spool.open("2-b") == left, "asked again, it tells the same"
        assert names(tmp_path) == ["desk.1-a.spool", "desk.2-b.spool"]
        await spool.drop([file.name for file in left])
        await spool.drop([file.name for file in left])
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
    with ExitStack() as undo:
        try:
            undo.enter_context(small_disk(tmp_path, 1))
        except OSError as error:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(str(error))
        yield tmp_path


def test_what_did_not_fit_is_not_in_it(disk: Path) -> None:
    async def body(spool: SpoolFolder) -> None:
        await spool.open("1-a")
        await spool.keep(b"one")
        fill(disk / "filler")
        with pytest.raises(OSError, match="No space left"):
            await spool.keep(bytes(1 << 16))
        (disk / "filler").unlink()
        await spool.keep(b"two")
        assert (disk / "desk.1-a.spool").read_bytes() == b"onetwo"

    with_spool(disk, body)
