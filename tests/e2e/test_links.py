"""A real desk with two links to a real lab, each in network namespaces of their own; one link is taken down.

The lab's own log says by which link every request came: nothing is lost, and nothing came twice.
"""

import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.crash.harness import CONFIG, Rig
from tests.e2e.links import VENUE, Links
from tests.e2e.status import MAKER, until, uses

from nightdesk.config.load import load
from nightdesk.wiring.told import venue_entries

pytestmark = pytest.mark.process

ORDER = "/api/v3/order"


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
    rig = Rig(
        tmp_path,
        seed=11,
        makers=False,
        lab_by=links.by(links.venue),
        host=VENUE,
        node_by=links.by(links.desks[0]),
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
