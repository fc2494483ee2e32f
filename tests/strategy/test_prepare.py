"""Before it runs: ranges of params, versions of state, bars it cannot have; every mistake named."""

from decimal import Decimal
from typing import Annotated

import msgspec
import pytest

from builders import BTCUSDT, D
from nightdesk.model.errors import BadInput
from nightdesk.model.ids import InstrumentId
from nightdesk.strategy.api import Bars, Depth, Range, Strategy
from nightdesk.strategy.messages import Kept
from nightdesk.strategy.prepare import declared, prepare

ETHUSDT = InstrumentId("binance:ETHUSDT")


class Ranged(Strategy):
    class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        size: Annotated[Decimal, Range(above=0, most=10)] = D(1)
        bars: Annotated[int, Range(least=2, below=100)] = 20
        fast: Annotated[int, msgspec.Meta(ge=1)] = 5


@pytest.mark.parametrize("params", [{"size": "10"}, {"bars": 2}, {"bars": 99}, {"size": "0.001"}])
def test_what_lies_within_its_range_is_taken(params: dict[str, object]) -> None:
    prepare(Ranged, params, None)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"size": "0"}, "size = 0 is not above 0 and at most 10"),
        ({"size": "10.1"}, "size = 10.1 is not"),
        ({"bars": 1}, "bars = 1 is not at least 2 and below 100"),
        ({"bars": 100}, "bars = 100 is not"),
        ({"fast": 0}, r"Expected `int` >= 1 - at `\$.fast`"),
    ],
)
def test_what_does_not_is_named_with_its_range(params: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=f"params of Ranged: {words}.*it takes size \\(above 0"):
        prepare(Ranged, params, None)


class Old(msgspec.Struct):
    side: str = "long"


class Counted(Strategy):
    class State(msgspec.Struct):
        sign: int = 0

    state_version = 3

    @classmethod
    def upgrade(cls, old, version):
        assert version == 2, f"version {version} is too old"
        return {"sign": 1 if old["side"] == "long" else -1}


def kept(state: msgspec.Struct, version: int) -> Kept:
    return Kept(body=msgspec.msgpack.encode(state), version=version)


def test_an_older_state_is_upgraded_and_one_of_its_version_is_not() -> None:
    assert prepare(Counted, {}, kept(Old(side="short"), 2)).state.sign == -1
    assert prepare(Counted, {}, kept(Counted.State(sign=7), 3)).state.sign == 7


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (
            kept(Old(), 1),
            r"(?s)upgrade\(\) from version 1 to 3: .*version 1 is too old.*test_prepare.py",
        ),
        (kept(Counted.State(), 2), r"KeyError: 'side'.*the journal still keeps"),
        (kept(Counted.State(), 4), "version 4 and this one is version 3: run the newer"),
        (Kept(body=b"\xc1", version=2), "upgrade"),
        (Kept(body=b"\xc1", version=3), "does not fit what the journal kept"),
    ],
)
def test_what_cannot_be_upgraded_stops_the_start_and_says_why(state: Kept, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        prepare(Counted, {}, state)


def test_a_strategy_without_a_way_from_an_older_version_says_so() -> None:
    class Silent(Strategy):
        state_version = 2

    with pytest.raises(BadInput, match="no way from version 1 is written"):
        prepare(Silent, {}, kept(Old(), 1))


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        (lambda: [Bars("7m")], "no bars of '7m'; there are 1m, 3m"),
        (lambda: [Bars("1m", warm_up=0)], "warm_up is 1 to 10000 bars, not 0"),
        (lambda: [Bars("1m", instrument="binance:X")], "binance:X is not among its"),
        (lambda: ["1m"], r"declare\(\) returns Bars and Depth, not '1m'"),
        (lambda: [Depth(7)], "no depth of 7 levels; venues tell 5, 10, 20"),
        (lambda: [Depth(10.0)], "no depth of 10.0 levels; venues tell 5, 10, 20"),
        (lambda: [Depth(5, instrument="binance:X")], "binance:X is not among its"),
        (lambda: 1 / 0, "ZeroDivisionError.*test_prepare.py"),
    ],
)
def test_what_it_cannot_have_is_named(wishes, words: str) -> None:
    kind = type("Wanting", (Strategy,), {"declare": lambda self: wishes()})
    with pytest.raises(BadInput, match=rf"Wanting.declare\(\): .*{words}"):
        declared(prepare(kind, {}, None), [BTCUSDT])


def test_of_the_same_bars_the_longest_warm_up_counts() -> None:
    both = [Bars("1m", warm_up=5), Bars("1m", warm_up=50, instrument=BTCUSDT)]
    kind = type("Twice", (Strategy,), {"declare": lambda self: both})
    assert list(declared(prepare(kind, {}, None), [BTCUSDT]).bars.values()) == [50]


def test_of_the_same_book_the_deepest_counts() -> None:
    both = [Depth(20, instrument=BTCUSDT), Bars("1m"), Depth(5)]
    kind = type("Twice", (Strategy,), {"declare": lambda self: both})
    wants = declared(prepare(kind, {}, None), [BTCUSDT, ETHUSDT])
    assert wants.depth == {BTCUSDT: 20, ETHUSDT: 5}
    assert set(wants.bars.values()) == {1}
