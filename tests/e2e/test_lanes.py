"""A real desk on a real lab by three endpoints, of which one black-holes, one answers in 2 s and one dies.

What every endpoint was asked is held against the lab's log: nothing is written twice, and nothing is lost.
"""

from collections import Counter
from pathlib import Path

import pytest
from bench.faulty import Trouble, Ways, ways_to
from tests.crash.harness import CONFIG, Rig
from tests.e2e.status import MAKER, until, uses

from nightdesk.config.load import load
from nightdesk.wiring.told import venue_entries

pytestmark = pytest.mark.process

ORDER = "/api/v3/order"


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
