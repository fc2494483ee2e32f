"""A desk on a recording in virtual time."""

from pathlib import Path

import pytest

from nightdesk.model.errors import BadInput
from nightdesk.simulation.replay import ReplayOptions, run_replay
from recordings.tables import bar_line

PRICES = [
    (60_000, 60_100, 59_900, 60_050),
    (60_050, 60_060, 59_000, 59_500),
    (59_500, 60_000, 59_400, 59_900),
]


def options(*paths: Path, told: list[float]) -> ReplayOptions:
    return ReplayOptions(
        replay=[str(path) for path in paths],
        seed=1,
        duration_s=None,
        config=None,
        told=told.append,
    )


def test_bars_are_played_to_their_end_and_the_share_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1m-2025-10.csv"
    path.write_bytes(b"".join(bar_line(n, prices) for n, prices in enumerate(PRICES)))
    shares: list[float] = []
    result = run_replay(options(path, told=shares))
    assert result.clean
    market = result.feed["market"]
    assert isinstance(market, dict)
    assert (market["good_lines"], market["ended"], market["position_ns"]) == (3, True, 120 * 10**9)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_file_nobody_knows_is_bad_input(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"time,price\n")
    with pytest.raises(BadInput, match="its first line is 'time,price'"):
        run_replay(options(path, told=[]))
