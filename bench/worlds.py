"""How fast simulated time passes: worlds of the swarm with every law judged, and a quiet desk nobody watches.

Both on one core and by its own time, so that a busy machine does not count.
"""

import time

from bench.measure import Figure, Run, at_least
from nightdesk.node.practice import practice_text
from nightdesk.simulation.campaign import SeedOptions, run_seed
from nightdesk.simulation.setting import WorldOptions
from nightdesk.simulation.trading_world import REST_S, run_world
from nightdesk.simulation.watching import Watch

FIRST_SEED = 10
WORLDS_A_MINUTE_AIM = 150
QUIET_AIM = 1_000
_STRATEGY = """
[[strategy]]
name = "minutely"
class = "bench.strategies:OnePerMinute"
instruments = ["binance:BTCUSDT"]
"""


def measure(run: Run) -> list[Figure]:
    """Run it."""
    return [*_worlds(run.pick(12, 4)), *_quiet(run.pick(86_400, 600))]


def _worlds(count: int) -> list[Figure]:
    """As `nightdesk simulate` runs them."""
    run_seed(FIRST_SEED - 1, SeedOptions(seconds=30.0))  # what is read and compiled once
    simulated_s, began_ns = 0.0, time.process_time_ns()
    for seed in range(FIRST_SEED, FIRST_SEED + count):
        simulated_s += run_seed(seed, SeedOptions()).ended.virtual_s
    took_s = (time.process_time_ns() - began_ns) / 1e9
    world_s = SeedOptions().seconds + REST_S  # a world that breaks a law ends earlier
    worlds = Figure(
        name=f"worlds of {world_s:.0f} simulated s",
        unit="1/min",
        value=60 * simulated_s / world_s / took_s,
    )
    simulated = Figure(
        name="... simulated s per s of a core", unit="s/s", value=simulated_s / took_s
    )
    return [at_least(worlds, WORLDS_A_MINUTE_AIM), simulated]


def _quiet(seconds: int) -> list[Figure]:
    """One instrument at nine frames a second, one order a minute, no fault."""
    head = practice_text("http://lab", ["BTCUSDT"]).partition("[[strategy]]")[0]
    options = WorldOptions(seed=1, faults=(), seconds=float(seconds), config=head + _STRATEGY)
    began_ns = time.process_time_ns()
    ended = run_world(options, Watch())
    took_s = (time.process_time_ns() - began_ns) / 1e9
    # The next order comes with the first quote after its minute: a day has a few less than its minutes.
    assert ended.orders["intended"] >= 0.99 * seconds / 60 - 1, f"minutes without orders: {ended}"
    quiet = Figure(
        name=f"a quiet desk, {seconds + REST_S:,.0f} simulated s, per s of a core",
        unit="s/s",
        value=ended.virtual_s / took_s,
    )
    return [at_least(quiet, QUIET_AIM)]
