"""The desk's own side: one that runs is asked over its control socket, the next one finds a latch."""

import os
import socket
import threading
from pathlib import Path

import msgspec

from nightdesk.control.latch import Latch, decode_latch, encode_latch, stricter
from nightdesk.control.messages import Reply, Request, decode_reply, encode
from nightdesk.model.errors import BadInput

TIMEOUT_S = 12.0  # a desk waits ten seconds for its journal before it says that it is not sure
LEAVES_WITHIN_S = 2.0


def ask(control: Path, request: Request, timeout_s: float = TIMEOUT_S) -> Reply | str:
    """What the desk at that socket says, or why nobody did."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(timeout_s)
            line.connect(str(control))
            line.sendall(encode(request))
            with line.makefile("rb") as told:
                answer = told.readline()
    except TimeoutError:
        return f"the desk at {control} does not answer within {timeout_s:.0f} s"
    except OSError as error:
        return f"no desk answers at {control} ({error.strerror or error})"
    if not answer:
        return f"the desk at {control} hung up"
    try:
        return decode_reply(answer)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return f"what answers at {control} is no desk: {error}"


def found(path: Path) -> Latch | None:
    """The latch that lies there, if one does."""
    try:
        return decode_latch(path.read_bytes())
    except OSError:
        return None


def leave(path: Path, latch: Latch) -> None:
    """Put it there, durably, unless a stricter one is there; raises `BadInput` where that cannot be done, or
    where the disk has not done it within `LEAVES_WITHIN_S`: what gets out does not wait for a disk."""
    refused: list[BadInput] = []

    def work() -> None:
        try:
            _leave(path, latch)
        except BadInput as error:
            refused.append(error)

    leaving = threading.Thread(target=work, name="latch", daemon=True)
    leaving.start()
    leaving.join(LEAVES_WITHIN_S)
    if leaving.is_alive():
        raise BadInput(
            f"no latch could be left at {path} within {LEAVES_WITHIN_S:.0f} s: its disk does not answer; "
            "do not start that desk"
        )
    if refused:
        raise refused[0]


def _leave(path: Path, latch: Latch) -> None:
    kept = stricter(found(path), latch)
    draft = path.with_name(path.name + ".new")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(encode_latch(kept))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise BadInput(
            f"no latch could be left at {path}: {error.strerror or error}; do not start that desk"
        ) from error
