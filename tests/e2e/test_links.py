"""A real desk with two links to a real lab, each in network namespaces of their own; one link is taken down.

The lab's own log says by which link every request came: nothing is lost, and nothing came twice.
"""

import ctypes
import os
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Thread
from typing import TypeVar

import pytest
from tests.crash.harness import CONFIG, Rig
from tests.e2e.status import MAKER, until, uses

from nightdesk.config.load import load
from nightdesk.wiring.told import venue_entries

pytestmark = pytest.mark.process

T = TypeVar("T")
VENUE = "10.117.0.1"
ORDER = "/api/v3/order"
CLONE_NEWNET = 0x40000000


class Links:
    """Two namespaces with two pairs of interfaces between them; the venue's address is behind both."""

    def __init__(self) -> None:
        number = os.getpid()
        self.desk, self.venue = f"nd-desk-{number}", f"nd-venue-{number}"
        self.links = ["10.117.1.1", "10.117.2.1"]

    def make(self, undo: ExitStack) -> None:
        for name in (self.desk, self.venue):
            _ip("netns", "add", name)
            undo.callback(_ip, "netns", "del", name)  # takes its interfaces with it
            _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", self.venue, "address", "add", f"{VENUE}/32", "dev", "lo")
        for number, link in enumerate(self.links, 1):
            there, ours, theirs = f"10.117.{number}.2", f"d{number}", f"v{number}"
            _ip(
                "-n",
                self.desk,
                "link",
                "add",
                ours,
                "type",
                "veth",
                "peer",
                theirs,
                "netns",
                self.venue,
            )
            for name, device, address in ((self.desk, ours, link), (self.venue, theirs, there)):
                _ip("-n", name, "address", "add", f"{address}/24", "dev", device)
                _ip("-n", name, "link", "set", device, "up")
            table = str(100 + number)
            _ip("-n", self.desk, "route", "add", VENUE, "via", there, "table", table)
            _ip("-n", self.desk, "rule", "add", "from", link, "table", table)

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


@pytest.fixture
def links() -> Iterator[Links]:
    """Made for this test, and taken away whatever became of it."""
    made = Links()
    with ExitStack() as undo:
        try:
            made.make(undo)
        except (subprocess.CalledProcessError, FileNotFoundError) as error:
            why = f"no network namespaces can be made: {getattr(error, 'stderr', '') or error}"
            assert os.environ.get("CI") != "true", why
            pytest.skip(why)
        yield made


def test_a_desk_goes_on_by_the_link_that_is_left_and_comes_back_to_both(
    tmp_path: Path, links: Links
) -> None:
    by = ["ip", "netns", "exec"]
    rig = Rig(
        tmp_path,
        seed=11,
        makers=False,
        lab_by=[*by, links.venue],
        host=VENUE,
        node_by=[*by, links.desk],
    )
    try:
        text = (CONFIG + MAKER).format(rest=rig.url, stream=rig.url.replace("http", "ws", 1))
        listed = ", ".join(f'"{link}"' for link in links.links)
        text = text.replace("\nstream =", f"\nlinks = [{listed}]\nstream =")
        (tmp_path / "desk.toml").write_text(text)
        rig.config = load(text, "desk.toml")
        rig.start()
        first = until(rig, lambda s: uses(s) == ["in_use"] * 2 and s.funnel["sent"] > 3, "both")
        assert [lane.lane.partition(" from ")[2] for lane in first.lanes] == links.links

        links.take_down(1)
        down = until(rig, lambda s: uses(s)[0] == "ejected", "the first is ejected")
        until(
            rig,
            lambda s: s.mode == "NORMAL" and s.funnel["acked"] > down.funnel["acked"] + 3,
            "orders and streams go by the second",
        )
        links.bring_back(1)
        until(rig, lambda s: uses(s) == ["in_use"] * 2, "the first is back")
        sample, result = links.inside(rig.finish_running)
        entries = links.inside(lambda: venue_entries(rig.url, tmp_path / "venue.jsonl"))
    finally:
        rig.close()

    assert result.findings == []
    assert (result.duplicates, result.unknown) == (0, 0)
    assert set(map(str, result.position_diff.values())) == {"0"}
    came = [e for e in entries if e.kind == "arrival"]
    orders = Counter(e.client_order_id for e in came if e.what == f"POST {ORDER}")
    assert max(orders.values()) == 1, "no order twice"
    assert sum(orders.values()) <= sample.funnel["sent"]
    sources = Counter(e.sender.source for e in came if e.sender is not None)
    assert set(sources) == set(links.links), sources
