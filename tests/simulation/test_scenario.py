"""A world written down, and read again as it was."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nightdesk.simulation.campaign import SeedOptions
from nightdesk.simulation.faults import KINDS, Fault, draw_faults
from nightdesk.simulation.scenario import Scenario, read_scenario, scenario_text

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
moments = st.floats(0, 1e6)
values = st.one_of(st.integers(-(2**60), 2**60), st.booleans(), texts, moments)
names = st.sampled_from(["ms", "percent", "which", "ppm", "retry_after_s"])
some_args = st.dictionaries(names, st.one_of(values, st.dictionaries(names, values, max_size=2)))
some_faults = st.builds(
    Fault, kind=st.sampled_from(list(KINDS)), at_s=moments, for_s=moments, args=some_args
)


@given(
    st.builds(
        Scenario,
        seed=st.integers(0, 2**60),
        faults=st.lists(some_faults, min_size=1, max_size=5),
        seconds=moments,
        symbols=st.lists(texts, max_size=3),
        shuffle=st.booleans(),
        parts=st.integers(1, 20),
        config=texts,
        strategy=texts,
        law=texts,
        note=texts,
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_scenario_is_read_as_it_was_written(tmp_path: Path, scenario: Scenario) -> None:
    path = tmp_path / "world.toml"
    path.write_text(scenario_text(scenario), encoding="utf-8")
    assert read_scenario(path) == scenario


def test_a_scenario_without_faults_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "world.toml"
    path.write_text(scenario_text(Scenario(seed=1, faults=[])))
    assert read_scenario(path) == Scenario(seed=1, faults=[])


def test_a_note_of_any_characters_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "world.toml"
    path.write_text(scenario_text(Scenario(seed=1, faults=[], note="a\x7fb")))
    assert read_scenario(path).note == "a\x7fb"


@pytest.mark.parametrize("seed", range(0, 200, 20))
def test_what_is_drawn_can_be_written_down(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "world.toml"
    scenario = Scenario(seed=seed, faults=draw_faults(seed, "swarm", 300.0))
    path.write_text(scenario_text(scenario))
    assert read_scenario(path) == scenario


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("faults = []", "seed"),
        ('seed = "x"\nfaults = []', "seed"),
        ("seed = 1\n[[faults]]\nat_s = 1.0", r"faults\[0\]|kind"),
        ('seed = 1\n[[faults]]\nkind = "net.cut"\nat_s = "soon"', "at_s"),
    ],
)
def test_what_does_not_fit_in_a_scenario_is_named(text: str, names: str, tmp_path: Path) -> None:
    (tmp_path / "world.toml").write_text(text)
    with pytest.raises(msgspec.ValidationError, match=names):
        read_scenario(tmp_path / "world.toml")


@pytest.mark.parametrize(
    "text",
    [
        "seed = 1\nfaults = []\nsecnds = 5.0",
        'seed = 1\n[[faults]]\nkind = "net.cut"\nat_s = 1.0\nfor = 5.0',
    ],
)
def test_a_mistyped_key_of_a_scenario_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "world.toml").write_text(text)
    with pytest.raises(msgspec.ValidationError, match=r"secnds|for"):
        read_scenario(tmp_path / "world.toml")


def test_a_symbol_of_any_characters_is_read_again(tmp_path: Path) -> None:
    scenario = Scenario(seed=1, symbols=["\x7f", 'a"b'])
    (tmp_path / "s.toml").write_text(scenario_text(scenario))
    assert read_scenario(tmp_path / "s.toml") == scenario


@pytest.mark.parametrize(("typed", "written"), [(False, False), (True, False), (False, True)])
def test_what_a_scenario_says_takes_the_place_of_what_is_drawn(typed: bool, written: bool) -> None:
    cut = Fault(kind="net.cut", at_s=1.0, for_s=2.0)
    scenario = Scenario(seed=1, faults=[cut], seconds=9.0, symbols=["BTCUSDT"], shuffle=written)
    options = scenario.within(SeedOptions(config="mine", shuffle=typed))
    assert (options.seconds, options.symbols, options.faults) == (9.0, ("BTCUSDT",), (cut,))
    assert options.shuffle is (typed or written)
    assert options.config == "mine"
