"""A pair for simulated hours in which nothing fails: nobody takes over.

`python -m bench.calm --hours 24`. Each hour is a world of its own, whose clocks, delays and markets are drawn.
It appends each to its file and goes on where that ends. Any epoch but the first is a takeover for nothing.
Prints one line of JSON; exit 1 where there was one, or a law was broken.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from nightdesk.simulation.campaign import SeedOptions
from nightdesk.simulation.workers import outcomes

HOUR_S = 3600.0
WALL_S_MAX = 3600.0
Line = dict[str, object]


def hours(wanted: int, jobs: int, keep: Path, seconds: float = HOUR_S) -> list[Line]:
    """A line for each hour, those of the file first."""
    had: list[Line] = []
    if keep.exists():
        had = [json.loads(line) for line in keep.read_text().splitlines()]
    done = {line["seed"] for line in had}
    had += _lived([seed for seed in range(wanted) if seed not in done], jobs, keep, seconds)
    return had


def _lived(seeds: list[int], jobs: int, keep: Path, seconds: float) -> Iterator[Line]:
    asked = SeedOptions(profile="quiet", nodes=2, seconds=seconds)
    with closing(outcomes(seeds, asked, jobs=jobs, wall_s_max=WALL_S_MAX)) as worlds:
        for world in worlds:
            line: Line = {
                "seed": world.seed,
                "hours": seconds / HOUR_S,
                "takeovers": world.ended.epochs - 1,
                "orders": world.ended.orders.get("intended", 0),
                "fills": world.ended.fills,
                "law": world.law,
                "wall_s": round(world.wall_s, 1),
            }
            with keep.open("a") as file:
                file.write(json.dumps(line) + "\n")
            print(f"hour {world.seed} took {line['wall_s']} s", file=sys.stderr)
            yield line


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=Path, default=Path("var/calm.jsonl"))
    given = parser.parse_args()
    given.keep.parent.mkdir(parents=True, exist_ok=True)
    lines = hours(given.hours, given.jobs, given.keep)
    told = {
        "hours": sum(float(str(line["hours"])) for line in lines),
        "takeovers": sum(int(str(line["takeovers"])) for line in lines),
        "orders": sum(int(str(line["orders"])) for line in lines),
        "fills": sum(int(str(line["fills"])) for line in lines),
        "broken": [line["law"] for line in lines if line["law"]],
    }
    print(json.dumps(told))
    return 1 if told["takeovers"] or told["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())
