"""A real desk on a real lab by three endpoints, of which one black-holes, one answers in 2 s and one dies.

What every endpoint was asked is held against the lab's log: nothing is written twice, and nothing is lost.
"""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from bench.faulty import Trouble, Ways, ways_to
from tests.crash.harness import CONFIG, Rig

from nightdesk.adapters.control_socket import ControlClient, NoNode
from nightdesk.config.load import load
from nightdesk.control.messages import Request, Sample, sample_of
from nightdesk.wiring.told import venue_entries

pytestmark = pytest.mark.process

WITHIN_S = 40.0
MAKER = """\
[[strategy]]
name = "maker"
class = "nightdesk.strategy.examples.maker:Maker"
instruments = ["binance:BTCUSDT", "binance:ETHUSDT"]
params = {{ size = "0.01", follow_ticks = 2, inventory_max = "0.1", pause_ms = 20 }}
"""
ORDER = "/api/v3/order"


def sample(rig: Rig) -> Sample | None:
    try:
        client = ControlClient(rig.folder / "desk.sock", timeout_s=2.0)
    except NoNode:
        return None
    try:
        return sample_of(client.ask(Request(verb="status")))
    except (NoNode, TimeoutError):
        return None
    finally:
        client.close()


def until(rig: Rig, wanted: Callable[[Sample], bool], what: str) -> Sample:
    """Wait until a sample is as it should be; the condition is polled, the deadline is a failure."""
    deadline = time.monotonic() + WITHIN_S
    last: Sample | None = None
    while time.monotonic() < deadline:
        assert rig.node is not None
        assert rig.node.poll() is None, (rig.folder / "node.log").read_text()[-2000:]
        last = sample(rig) or last
        if last is not None and last.trading and wanted(last):
            return last
        time.sleep(0.05)
    log = (rig.folder / "node.log").read_text()[-2000:]
    raise AssertionError(f"not within {WITHIN_S} s: {what}\n{last and last.lanes}\n{log}")


def uses(sample: Sample) -> list[str]:
    return [lane.use for lane in sample.lanes]


def placed(ways: Ways, number: int) -> int:
    return sum(each.method == "POST" and each.path == ORDER for each in ways.ways[number].asked)


def test_a_desk_goes_on_by_the_endpoint_that_is_left_and_writes_nothing_twice(
    tmp_path: Path,
) -> None:
    rig = Rig(tmp_path, seed=7, makers=False)
    try:
        with ways_to(rig.url, 3) as ways:
            hosts = ", ".join(f'"{way.url}"' for way in ways.ways)
            text = (CONFIG + MAKER).format(rest="", stream=rig.url.replace("http", "ws", 1))
            text = text.replace('rest = ""', f"rest = [{hosts}]")
            (tmp_path / "desk.toml").write_text(text)
            rig.config = load(text, "desk.toml")
            rig.start()
            until(rig, lambda s: uses(s) == ["in_use"] * 3 and s.funnel["sent"] > 3, "all in use")

            ways.become(0, Trouble.BLACK_HOLE)
            ways.become(1, Trouble.SLOW)
            until(rig, lambda s: uses(s)[:2] == ["ejected"] * 2, "two are ejected")
            before = placed(ways, 2)
            until(rig, lambda _: placed(ways, 2) > before + 3, "orders go by the third")

            ways.become(1, Trouble.NONE)
            until(rig, lambda s: uses(s)[1] in ("coming_back", "in_use"), "the second comes back")
            ways.become(2, Trouble.DEAD)
            before = placed(ways, 1)
            until(
                rig,
                lambda s: uses(s)[2] == "ejected" and placed(ways, 1) > before + 3,
                "orders go by the second",
            )

            for number in (0, 2):
                ways.become(number, Trouble.NONE)
            until(
                rig, lambda s: "ejected" not in uses(s) and "trial" not in uses(s), "all are back"
            )
            _, result = rig.finish_running()
            asked = [each for way in ways.ways for each in way.asked]
        entries = venue_entries(rig.url, tmp_path / "venue.jsonl")
    finally:
        rig.close()

    assert result.findings == []
    assert (result.duplicates, result.unknown) == (0, 0)
    assert set(map(str, result.position_diff.values())) == {"0"}
    writes = [each for each in asked if each.method != "GET"]
    assert max(Counter(each.bytes_of for each in writes).values()) == 1, "no request twice"
    orders = [each for each in writes if each.method == "POST" and each.path == ORDER]
    ids = Counter(each.params["newClientOrderId"] for each in orders)
    assert max(ids.values()) == 1, "no order twice, whatever its stamp"
    arrived = Counter(
        e.client_order_id for e in entries if e.kind == "arrival" and e.what == f"POST {ORDER}"
    )
    passed = Counter(each.params["newClientOrderId"] for each in orders if each.passed)
    assert arrived == passed, "what was passed on is what the venue heard"
    reads = Counter(
        each.bytes_of for each in asked if each.method == "GET" and "timestamp" in each.params
    )
    assert max(reads.values()) <= 2, "a question is asked once more, at most"
