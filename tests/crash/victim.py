"""A desk node that kills itself with SIGKILL at a chosen point of its own code.

The points are patches made here, from outside: the product has no switch for them. Run by the harness as a
process of its own.
"""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nightdesk.adapters.http import HttpPool
from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.cli.places import load_config
from nightdesk.config import presets
from nightdesk.desk.desk import Desk
from nightdesk.desk.events import SendEnded
from nightdesk.model.records import Intended
from nightdesk.node.node import Node
from nightdesk.runtime.gateway import Gateway
from nightdesk.runtime.journal_writer import JournalWriter
from nightdesk.venues.http import HttpFailure
from nightdesk.wiring.node_main import NodeOptions, run_node


class Trap:
    """Counts passages and dies at the chosen one."""

    def __init__(self, after: int) -> None:
        self.left = after

    def passed(self) -> None:
        self.left -= 1
        if self.left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _around(owner: Any, name: str, trap: Trap, *, before: bool, when: Callable[..., bool]) -> None:
    """Die before or after `owner.name`, counting only the calls that `when` picks."""
    original = getattr(owner, name)

    def patched(*args: Any, **kwargs: Any) -> Any:
        wanted = when(*args, **kwargs)
        if wanted and before:
            trap.passed()
        result = original(*args, **kwargs)
        if wanted and not before:
            trap.passed()
        return result

    setattr(owner, name, patched)


def _has_intent(_self: Any, records: Any, *_: Any) -> bool:
    return any(isinstance(record, Intended) for record in records)


def _commits_intent(_self: Any, _epoch: Any, _after: Any, frames: Any) -> bool:
    return any(b"intent" in frame for frame in frames)


def _always(*_: Any, **__: Any) -> bool:
    return True


def _is_order(_self: Any, request: Any, **_: Any) -> bool:
    return bool(request.method == "POST" and "rder" in request.target)  # and not a listen key


def _is_cancel(_self: Any, request: Any, **_: Any) -> bool:
    return bool(request.method == "DELETE")


def _send_ended(_self: Any, event: Any, *_: Any) -> bool:
    return isinstance(event, SendEnded)


# Where to die: before and after each step of an order's way to the wire and back.
POINTS: dict[str, Callable[[Trap], None]] = {
    "before the intent is submitted": lambda t: _around(
        JournalWriter, "submit", t, before=True, when=_has_intent
    ),
    "after the intent is submitted": lambda t: _around(
        JournalWriter, "submit", t, before=False, when=_has_intent
    ),
    "before the commit": lambda t: _around(
        SqliteJournal, "append", t, before=True, when=_commits_intent
    ),
    "after the commit": lambda t: _around(
        SqliteJournal, "append", t, before=False, when=_commits_intent
    ),
    "durable, before the last step": lambda t: _around(
        Gateway, "send", t, before=True, when=_always
    ),
    "before the write": lambda t: _around(HttpPool, "exchange", t, before=True, when=_is_order),
    "after the write": lambda t: _around(HttpPool, "exchange", t, before=False, when=_is_order),
    "before the answer is told": lambda t: _around(
        Gateway, "_answered", t, before=True, when=_always
    ),
    "before the answer is decided": lambda t: _around(
        Desk, "decide", t, before=True, when=_send_ended
    ),
    "after the answer is decided": lambda t: _around(
        Desk, "decide", t, before=False, when=_send_ended
    ),
    "before a cancel is written": lambda t: _around(
        HttpPool, "exchange", t, before=True, when=_is_cancel
    ),
    "after a cancel is written": lambda t: _around(
        HttpPool, "exchange", t, before=False, when=_is_cancel
    ),
    "during the start, lease taken": lambda t: _around(
        Node, "_compose", t, before=True, when=_always
    ),
    "during the start, epoch opened": lambda t: _around(
        Node, "_spawn", t, before=True, when=_always
    ),
}


def _send_before_durable() -> None:
    """A bug: effects that must wait for the journal do not."""
    original = JournalWriter.submit

    def submit(self: Any, records: Any, at: Any, done: Any) -> None:
        if done is not None:
            done()
        original(self, records, at, None)

    JournalWriter.submit = submit  # type: ignore[method-assign]


def _resend_when_unanswered() -> None:
    """A bug: an order whose answer was lost is sent once more under the same id."""
    original = HttpPool.exchange
    resent: list[asyncio.Task[None]] = []

    def exchange(self: Any, request: Any, *, timeout_ns: int) -> Any:
        future = original(self, request, timeout_ns=timeout_ns)

        async def send_again() -> None:
            while not self.ready():
                await self.hold()
            await original(self, request, timeout_ns=timeout_ns)

        def again(done: Any) -> None:
            if request.method == "POST" and isinstance(done.result(), HttpFailure):
                resent.append(asyncio.get_running_loop().create_task(send_again()))

        future.add_done_callback(again)
        return future

    HttpPool.exchange = exchange  # type: ignore[method-assign]


PLANTS = {
    "send before durable": _send_before_durable,
    "resend when unanswered": _resend_when_unanswered,
}


def main() -> int:
    """Patch one point, then be a node."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--point", choices=list(POINTS))
    parser.add_argument("--after", type=int, default=1)
    parser.add_argument("--plant", choices=list(PLANTS))
    parser.add_argument("--here", default="127.0.0.1", help="a lab's address, where no money is")
    given = parser.parse_args()
    presets._here = lambda host: host == given.here
    if given.plant:
        PLANTS[given.plant]()
    if given.point:
        POINTS[given.point](Trap(given.after))
    options = NodeOptions(base=given.config.resolve().parent, tell_result=True)
    return run_node(load_config(given.config), options)


if __name__ == "__main__":
    sys.exit(main())
