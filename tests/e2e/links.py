"""Network namespaces of a test's own: a venue's, and one or two of a desk, with a link each between them."""

import ctypes
import os
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from threading import Thread
from typing import TypeVar

T = TypeVar("T")
VENUE = "10.117.0.1"
CLONE_NEWNET = 0x40000000
_NUMBERS = count(1)


class Links:
    """Two pairs of interfaces between a desk's namespace and the venue's, whose address is behind both.
    `apart`, each link begins in a namespace of its own."""

    def __init__(self, *, apart: bool = False) -> None:
        number = f"{os.getpid()}-{next(_NUMBERS)}"
        ends = ("a", "b") if apart else ("", "")
        self.desks, self.venue = [f"nd-desk{end}-{number}" for end in ends], f"nd-venue-{number}"
        self.links = ["10.117.1.1", "10.117.2.1"]
        self._apart = apart

    def by(self, name: str) -> list[str]:
        """The command that runs another in one of the namespaces."""
        return ["ip", "netns", "exec", name]

    def make(self, undo: ExitStack) -> None:
        for name in dict.fromkeys([*self.desks, self.venue]):
            _ip("netns", "add", name)
            undo.callback(_ip, "netns", "del", name)  # takes its interfaces with it
            _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", self.venue, "address", "add", f"{VENUE}/32", "dev", "lo")
        for number, (desk, link) in enumerate(zip(self.desks, self.links, strict=True), 1):
            there, ours, theirs = f"10.117.{number}.2", f"d{number}", f"v{number}"
            pair = [ours, "type", "veth", "peer", theirs, "netns", self.venue]
            _ip("-n", desk, "link", "add", *pair)
            for name, device, address in ((desk, ours, link), (self.venue, theirs, there)):
                _ip("-n", name, "address", "add", f"{address}/24", "dev", device)
                _ip("-n", name, "link", "set", device, "up")
            if self._apart:
                _ip("-n", desk, "route", "add", VENUE, "via", there)
                continue
            table = str(100 + number)
            _ip("-n", desk, "route", "add", VENUE, "via", there, "table", table)
            _ip("-n", desk, "rule", "add", "from", link, "table", table)

    def take_down(self, number: int) -> None:
        """Nothing passes any more; this end does not notice."""
        _ip("-n", self.venue, "link", "set", f"v{number}", "down")

    def bring_back(self, number: int) -> None:
        _ip("-n", self.venue, "link", "set", f"v{number}", "up")

    def inside(self, ask: Callable[[], T]) -> T:
        """The same on a thread that sees the venue's network."""
        told: list[T] = []

        def enter() -> None:
            libc = ctypes.CDLL(None, use_errno=True)
            with Path(f"/run/netns/{self.venue}").open() as namespace:
                failed = libc.setns(namespace.fileno(), CLONE_NEWNET)
            assert not failed, os.strerror(ctypes.get_errno())
            told.append(ask())

        thread = Thread(target=enter)
        thread.start()
        thread.join()
        (answer,) = told
        return answer


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
