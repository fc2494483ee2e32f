"""The control socket: one JSON request a line, one JSON reply a line, over a Unix socket of its owner alone."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from nightdesk.control.messages import (
    ExitCode,
    Reply,
    Request,
    Sample,
    decode_reply,
    decode_request,
    encode,
)
from nightdesk.model.errors import BadInput, OperatingError

LINE_MAX = 1 << 20
WATCH_EVERY_S = 1.0
PATH_MAX = 107  # of sockaddr_un, its closing zero left out


class NoNode(OperatingError):
    """Nobody answers on the control socket."""


class ControlServer:
    """Serves a node's commands and, to watchers, one sample a second."""

    def __init__(
        self,
        path: Path,
        answer: Callable[[Request], Awaitable[Reply]],
        sample: Callable[[], Sample],
    ) -> None:
        self._path = path
        self._answer = answer
        self._sample = sample

    async def serve(self) -> None:
        """Listen until cancelled. The lease is held here, so a socket file left behind is a dead node's."""
        if len(os.fsencode(self._path)) > PATH_MAX:
            raise BadInput(
                f"control socket {self._path}: Unix allows {PATH_MAX} bytes; choose a shorter desk.control, "
                "or --folder"
            )
        self._path.unlink(missing_ok=True)
        async with asyncio.TaskGroup() as clients:

            def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                clients.create_task(self._client(reader, writer), name="control-client")

            old = os.umask(0o177)
            try:
                server = await asyncio.start_unix_server(
                    connected, path=str(self._path), limit=LINE_MAX
                )
            finally:
                os.umask(old)
            ours = self._path.stat()
            try:
                await asyncio.Event().wait()  # until cancelled; the clients end with the group
            finally:
                server.close()
                with suppress(OSError):
                    if os.path.samestat(
                        self._path.stat(), ours
                    ):  # a node that leads by now has its own
                        self._path.unlink()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                try:
                    request = decode_request(line)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    reply = Reply(ok=False, code=ExitCode.USAGE, text=f"not a request: {error}")
                    writer.write(encode(reply))
                    await writer.drain()
                    continue
                if request.verb == "watch":
                    await self._watch(writer)
                    return
                writer.write(encode(await self._answer(request)))
                await writer.drain()
        except (ConnectionError, ValueError):
            return  # the client left, or sent a line longer than any request
        finally:
            writer.close()

    async def _watch(self, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(encode(Reply(ok=True, data=msgspec.to_builtins(self._sample()))))
            await writer.drain()
            await asyncio.sleep(WATCH_EVERY_S)


class ControlClient:
    """The other end, blocking: for commands and screens."""

    def __init__(self, path: Path, timeout_s: float = 15.0) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_s)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise NoNode(f"no desk answers at {path} ({error.strerror or error})") from error
        self._file = self._socket.makefile("rb")

    def ask(self, request: Request) -> Reply:
        """One request, one reply; raises `TimeoutError` when the outcome is not known."""
        self._send(request)
        return self.next()

    def watch(self) -> None:
        """Ask for a sample a second; `next` returns them."""
        self._send(Request(verb="watch"))

    def _send(self, request: Request) -> None:
        try:
            self._socket.sendall(encode(request))
        except ConnectionError as error:
            raise NoNode(f"the desk at {self._path} went away") from error

    def next(self) -> Reply:
        """The next line; raises `NoNode` when the node has gone."""
        try:
            line = self._file.readline()
        except ConnectionError as error:
            raise NoNode(f"the desk at {self._path} went away") from error
        if not line:
            raise NoNode(f"the desk at {self._path} went away")
        return decode_reply(line)

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self._socket.close()
