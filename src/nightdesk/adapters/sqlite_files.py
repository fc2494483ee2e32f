"""The files of a journal in SQLite: which they are, and whether they are still those that were opened."""

from pathlib import Path

from nightdesk.model.errors import BadInput

# Who opens the journal finds them by these names: one that lies elsewhere now would be begun anew beside us.
_OPEN = ("", "-wal", "-shm")
BALLAST, NODES = ".ballast", ".nodes"
# What a desk leaves beside its journal for as long as that exists.
_BESIDE = ("-wal", BALLAST, NODES)

Identity = tuple[tuple[int, int] | None, ...]


def identity(path: str) -> Identity:
    """Device and inode of each, or None for one that is gone."""
    return tuple(_inode(Path(f"{path}{suffix}")) for suffix in _OPEN)


def is_there(path: str) -> bool:
    """Whether the journal has a file, and not an empty one: whoever begins it writes that before all others."""
    return _inode(Path(path)) is not None and Path(path).stat().st_size > 0


def size(path: str) -> int:
    """Bytes of what is durable."""
    files = [Path(path), Path(f"{path}-wal")]
    return sum(file.stat().st_size for file in files if file.exists())


def refuse_if_gone(path: str, *, create: bool) -> None:
    """Raise `BadInput` where none is to be begun, or where one was: it would know nothing of the desk's orders
    and positions."""
    # In this order: whoever begins the journal now makes its file first.
    beside = next((name for name in (f"{path}{s}" for s in _BESIDE) if Path(name).exists()), "")
    if is_there(path):
        return
    if beside:
        raise BadInput(
            f"journal {path} is gone, but {beside} is there: what the desk did is in the one that is gone. "
            f"Find it and put it back; to begin anew without it, move every {Path(path).name}* away but "
            "a .latch"
        )
    if not create:
        raise BadInput(
            f"journal {path}: there is none; find the one that was there and put it back"
        )


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found.st_nlink else None
