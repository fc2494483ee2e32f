"""The control socket over a real Unix socket."""

import asyncio
import json
import socket
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from nightdesk.adapters import control_socket
from nightdesk.adapters.control_socket import ControlClient, ControlServer, NoNode
from nightdesk.control.messages import ExitCode, Reply, Request

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def answer(request: Request) -> Reply:
    if request.verb == "fail":
        raise RuntimeError("a bug")
    if request.verb == "slow":
        await asyncio.sleep(30)
    return Reply(ok=True, text=f"{request.verb} by {request.by}")


def served(body: Callable[[Path], Awaitable[None]]) -> None:
    async def main() -> None:
        with TemporaryDirectory(
            prefix="nd"
        ) as folder:  # pytest's own paths are too long for a socket
            path = Path(folder) / "desk.sock"
            samples: Any = lambda: {"n": 1}  # noqa: E731 stands for a Sample
            server = ControlServer(path, answer, samples)
            task = asyncio.get_running_loop().create_task(server.serve())
            async with asyncio.timeout(10):
                while not path.exists():
                    await asyncio.sleep(0.001)
                try:
                    await body(path)
                finally:
                    task.cancel()
                    await asyncio.wait((task,))
            assert not path.exists(), "nothing is left behind"

    asyncio.run(main())


async def talk(path: Path, *lines: bytes) -> list[dict[str, Any]]:
    reader, writer = await asyncio.open_unix_connection(str(path))
    replies = []
    for line in lines:
        writer.write(line)
        reply = await reader.readline()
        replies.append(json.loads(reply) if reply else {})
    writer.close()
    return replies


def test_only_its_owner_may_use_it() -> None:
    async def body(path: Path) -> None:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        probe = path.parent / "after"
        probe.touch()
        assert stat.S_IMODE(probe.stat().st_mode) & 0o044, "the umask is what it was"

    served(body)


def test_requests_on_one_connection_are_answered_in_order() -> None:
    async def body(path: Path) -> None:
        replies = await talk(path, *[b'{"verb":"v%d"}\n' % n for n in range(20)])
        assert [r["text"] for r in replies] == [f"v{n} by operator" for n in range(20)]

    served(body)


@pytest.mark.parametrize(
    "line",
    [
        b"hello\n",
        b"{}\n",
        b"[]\n",
        b'{"verb":1}\n',
        b'{"verb":"x","sudo":true}\n',
        b"\xff\xfe\n",
        b"\n",
        b'{"verb":"' + b"x" * 30 + b"\n",
    ],
)
def test_a_line_that_is_no_request_is_answered_so_and_the_next_one_works(line: bytes) -> None:
    async def body(path: Path) -> None:
        bad, good = await talk(path, line, b'{"verb":"status"}\n')
        assert (bad["ok"], bad["code"]) == (False, ExitCode.USAGE)
        assert "not a request" in bad["text"]
        assert good["ok"]

    served(body)


def test_a_line_longer_than_any_request_ends_its_connection_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(control_socket, "LINE_MAX", 1_000)

    async def body(path: Path) -> None:
        assert await talk(path, b"x" * 5_000 + b"\n") == [{}]
        (good,) = await talk(path, b'{"verb":"status"}\n')
        assert good["ok"]

    served(body)


def test_clients_that_leave_at_any_moment_disturb_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_socket, "WATCH_EVERY_S", 0.001)

    async def body(path: Path) -> None:
        for line in (b"", b'{"verb":', b'{"verb":"slow"}\n', b'{"verb":"watch"}\n'):
            _, writer = await asyncio.open_unix_connection(str(path))
            writer.write(line)
            await writer.drain()
            writer.transport.abort()
        await asyncio.sleep(0.05)
        (good,) = await talk(path, b'{"verb":"status"}\n')
        assert good["ok"]

    served(body)


def test_a_watcher_gets_samples_until_it_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_socket, "WATCH_EVERY_S", 0.001)

    async def body(path: Path) -> None:
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b'{"verb":"watch"}\n')
        for _ in range(5):
            assert json.loads(await reader.readline())["data"] == {"n": 1}
        writer.close()

    served(body)


def test_a_watcher_that_stays_does_not_keep_the_server_from_ending() -> None:
    async def main() -> None:
        with TemporaryDirectory(prefix="nd") as folder:
            path = Path(folder) / "desk.sock"
            samples: Any = lambda: {"n": 1}  # noqa: E731 stands for a Sample
            task = asyncio.get_running_loop().create_task(
                ControlServer(path, answer, samples).serve()
            )
            async with asyncio.timeout(5):
                while not path.exists():
                    await asyncio.sleep(0.001)
                reader, writer = await asyncio.open_unix_connection(str(path))
                writer.write(b'{"verb":"watch"}\n')
                await reader.readline()
                task.cancel()
                await asyncio.wait((task,))
            assert not path.exists()
            writer.transport.abort()
            await asyncio.sleep(0)

    asyncio.run(main())


def test_a_socket_file_left_by_a_dead_node_is_replaced() -> None:
    async def main() -> None:
        with TemporaryDirectory(prefix="nd") as folder:
            path = Path(folder) / "desk.sock"
            path.write_text("stale")
            task = asyncio.get_running_loop().create_task(
                ControlServer(path, answer, dict).serve()  # type: ignore[arg-type]
            )
            async with asyncio.timeout(5):
                while not path.is_socket():
                    await asyncio.sleep(0.001)
            task.cancel()
            await asyncio.wait((task,))

    asyncio.run(main())


def test_the_client_says_where_nobody_answers(tmp_path: Path) -> None:
    with pytest.raises(
        NoNode, match=r"no desk answers at .*none.sock \(No such file or directory\)"
    ):
        ControlClient(tmp_path / "none.sock")


def test_the_client_asks_from_another_thread_and_notices_that_the_node_went_away() -> None:
    async def body(path: Path) -> None:
        def blocking() -> str:
            client = ControlClient(path)
            text = client.ask(Request(verb="status", by="me")).text
            client.close()
            return text

        assert await asyncio.to_thread(blocking) == "status by me"

    served(body)


@pytest.mark.parametrize("ask", ["ask", "watch"])
def test_a_desk_that_goes_before_it_is_asked_has_gone(ask: str) -> None:
    with TemporaryDirectory(prefix="nd") as folder:
        path = Path(folder) / "desk.sock"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
            listening.bind(str(path))
            listening.listen()
            client = ControlClient(path)
            listening.accept()[0].close()
        asked = Request(verb="status")
        with pytest.raises(NoNode, match="went away"):
            client.ask(asked) if ask == "ask" else client.watch()
        client.close()
