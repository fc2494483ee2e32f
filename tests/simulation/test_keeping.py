"""Finished worlds in a file: read again as they were, beside others, behind a torn end."""

from pathlib import Path

import msgspec
import pytest

from nightdesk.simulation import keeping
from nightdesk.simulation.campaign import SeedOptions
from nightdesk.simulation.keeping import Keep, code_version, config_hash
from simulation.test_campaign import a_finding, an_outcome

OPTIONS = SeedOptions(seconds=15.0)


def written(path: Path, seeds: range, options: SeedOptions = OPTIONS) -> None:
    with Keep(path, options) as keep:
        for seed in seeds:
            keep.add(an_outcome(seed, resolved_s=[0.5], worst={"gross": 0.25}))


def test_what_was_kept_is_known_again(tmp_path: Path) -> None:
    written(tmp_path / "k", range(3))
    written(tmp_path / "k", range(3, 5))
    with Keep(tmp_path / "k", OPTIONS) as keep:
        assert list(keep.known) == [0, 1, 2, 3, 4]
        assert keep.known[3] == an_outcome(3, resolved_s=[0.5], worst={"gross": 0.25})
        assert (keep.others, keep.torn) == (0, 0)


def test_a_line_says_for_people_what_its_world_came_to(tmp_path: Path) -> None:
    with Keep(tmp_path / "k", OPTIONS) as keep:
        keep.add(an_outcome(4, findings=[a_finding("I2")]))
        line = msgspec.json.decode((tmp_path / "k").read_bytes())
    assert (line["seed"], line["clean"], line["law"], line["what"]) == (4, False, "I2", "x-1 wrong")
    assert (line["profile"], line["seconds"], line["shuffle"]) == ("swarm", 15.0, False)
    assert line["code"] == code_version()


@pytest.mark.parametrize(
    "other",
    [
        SeedOptions(seconds=16.0),
        SeedOptions(seconds=15.0, profile="clock"),
        SeedOptions(seconds=15.0, shuffle=True),
    ],
)
def test_worlds_of_other_options_stay_and_do_not_count(other: SeedOptions, tmp_path: Path) -> None:
    written(tmp_path / "k", range(2), other)
    written(tmp_path / "k", range(5, 6))
    with Keep(tmp_path / "k", OPTIONS) as keep:
        assert (list(keep.known), keep.others) == ([5], 2)
    with Keep(tmp_path / "k", other) as keep:
        assert (list(keep.known), keep.others) == ([0, 1], 1)


def test_worlds_of_another_version_stay_and_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path / "k", range(2))
    monkeypatch.setattr(keeping, "code_version", lambda: "other")
    with Keep(tmp_path / "k", OPTIONS) as keep:
        assert (keep.known, keep.others) == ({}, 2)


def test_a_torn_end_is_told_and_its_world_is_not_known(tmp_path: Path) -> None:
    written(tmp_path / "k", range(2))
    whole = (tmp_path / "k").read_bytes()
    (tmp_path / "k").write_bytes(whole[:-9])
    with Keep(tmp_path / "k", OPTIONS) as keep:
        assert list(keep.known) == [0]
        assert keep.torn == len(whole) - 9 - (whole.index(b"\n") + 1)
        keep.add(an_outcome(1, resolved_s=[0.5], worst={"gross": 0.25}))
    assert (tmp_path / "k").read_bytes() == whole


def test_a_config_is_known_by_its_text_and_its_strategies(tmp_path: Path) -> None:
    from nightdesk.cli.simulate_runs import options_of

    mine = tmp_path / "mine.py"
    mine.write_text("x = 1")
    options = options_of("quiet", 1.0, None, f"{mine}:Mine")
    before = config_hash(options)
    assert config_hash(SeedOptions()) == ""
    assert before == config_hash(options) != ""
    mine.write_text("x = 2")
    assert config_hash(options) != before


def test_the_version_of_the_code_is_of_every_source_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "nightdesk"
    (package / "desk").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "desk" / "a.py").write_text("one")
    monkeypatch.setattr(keeping.nightdesk, "__file__", str(package / "__init__.py"))
    versions = []
    for change in ("one", "two"):
        (package / "desk" / "a.py").write_text(change)
        versions.append(code_version.__wrapped__())
    (package / "desk" / "a.py").rename(package / "a.py")
    versions.append(code_version.__wrapped__())
    (package / "notes.txt").write_text("not code")
    assert code_version.__wrapped__() == versions[-1]
    assert len(set(versions)) == 3
