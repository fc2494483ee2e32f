"""A file of JSON lines that one process appends to and a crash may cut short.

Only what a crash left of a last line is ever removed.
"""

import fcntl
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from nightdesk.model.errors import BadInput

S = TypeVar("S", bound=msgspec.Struct)


class Lines(Generic[S]):
    """One file, this process's alone while it is open. `told` are its lines when it was opened, `torn` the
    bytes of a last one that was never finished; `what` is one line of it.

    Raises `BadInput` for a file that another run writes, or that is something else.
    """

    def __init__(self, path: Path, kind: type[S], what: str) -> None:
        self.told: list[S] = []
        self.torn = 0
        self._path = path
        self._what = what
        self._decoder = msgspec.json.Decoder(kind)
        self._begins = f'{{"{kind.__struct_encode_fields__[0]}":'.encode()
        try:
            self._file = path.open("a+b")
        except OSError as error:
            raise BadInput(f"--keep {path}: {error.strerror}") from error
        try:
            self._lock()
            self._read()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "Lines[S]":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let others have it."""
        self._file.close()

    def add(self, line: S) -> None:
        """Write one more; it is there when this returns, whatever becomes of this process."""
        self._file.write(msgspec.json.encode(line) + b"\n")
        self._file.flush()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BadInput(f"--keep {self._path}: another run is writing it") from error

    def _read(self) -> None:
        whole = 0
        self._file.seek(0)
        for number, data in enumerate(self._file, 1):
            if not data.endswith(b"\n"):
                self._cut(data, whole, number)
                return
            whole += len(data)
            self.told.append(self._decoded(data, number))

    def _cut(self, data: bytes, whole: int, number: int) -> None:
        if not (data.startswith(self._begins) or self._begins.startswith(data)):
            raise BadInput(f"--keep {self._path}:{number}: not a {self._what}; is it another file?")
        self.torn = len(data)
        self._file.truncate(whole)

    def _decoded(self, data: bytes, number: int) -> S:
        try:
            return self._decoder.decode(data)
        except msgspec.MsgspecError as error:
            what = f"not a {self._what}: {error}; is it another file?"
            raise BadInput(f"--keep {self._path}:{number}: {what}") from error
