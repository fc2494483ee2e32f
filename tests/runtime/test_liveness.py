"""A subscription is doubted by the age of its data alone, and a doubt in vain makes patience longer."""

import itertools

from nightdesk.model.time import SECOND_NS, Mono
from nightdesk.runtime.liveness import PATIENCE_MAX_NS, Liveness


def at(seconds: float) -> Mono:
    return Mono(round(seconds * SECOND_NS))


def test_one_dead_subscription_among_lively_ones_is_found() -> None:
    live = Liveness({"quotes": 10 * SECOND_NS, "trades": 60 * SECOND_NS})
    live.begin(at(0))
    for second in range(1, 60):
        live.heard("quotes", at(second))
        assert live.doubted(at(second)) == []
    assert live.due() == at(60)
    assert live.doubted(at(60)) == ["trades"]


def test_a_quiet_market_is_doubted_ever_more_rarely() -> None:
    live = Liveness({"quotes": 10 * SECOND_NS})
    live.begin(at(0))
    times = []
    for _ in range(9):
        due = live.due()
        assert due is not None
        assert live.doubted(due) == ["quotes"]
        live.begin(due)
        times.append(due)
    apart = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert apart == [min((20 << n) * SECOND_NS, PATIENCE_MAX_NS) for n in range(8)]


def test_a_new_connection_is_no_sign_of_life_of_what_says_nothing_on_it() -> None:
    live = Liveness({"quiet": 10 * SECOND_NS, "lively": 10 * SECOND_NS})
    live.begin(at(0))
    doubts = 0
    for second in range(1, 1800):
        live.heard("lively", at(second))
        silent = live.doubted(at(second))
        if silent:
            assert silent == ["quiet"]
            doubts += 1
            live.begin(at(second))
    assert doubts <= 9, "each twice as rare, up to ten minutes"


def test_patience_returns_with_the_data() -> None:
    live = Liveness({"quotes": 10 * SECOND_NS})
    live.begin(at(0))
    for second in (10, 40, 120):
        assert live.doubted(at(second)) == ["quotes"]
        live.begin(at(second))
    looks = 0
    now = at(120)
    while live.due() != Mono(now + 10 * SECOND_NS):
        now = Mono(now + SECOND_NS)
        live.heard("quotes", now)
        assert live.doubted(now) == []
        looks += 1
        assert looks < 10
