"""Seeds run in a process of their own and their traces told, one JSON line each: for comparing two processes.

`--perturb N` makes this process unlike its twin: another heap, other garbage collections, other task addresses.
"""

import argparse
import gc
import json
import sys
from random import Random

import msgspec

from nightdesk.simulation.campaign import SeedOptions, run_seed, seeds_of


def main(arguments: list[str]) -> int:
    """Run them."""
    parser = argparse.ArgumentParser(prog="python -m nightdesk.simulation.twin")
    parser.add_argument("--seeds", required=True)
    parser.add_argument("--options", required=True, help="SeedOptions as JSON")
    parser.add_argument("--perturb", type=int, default=0)
    given = parser.parse_args(arguments)
    draw = Random(given.perturb)
    ballast: list[object] = []
    if given.perturb:
        gc.set_threshold(draw.randint(50, 2_000), draw.randint(2, 20), draw.randint(2, 20))
        ballast += [bytearray(draw.randint(1, 5_000)) for _ in range(draw.randint(1_000, 20_000))]
        del ballast[:: draw.randint(2, 5)]
    options = msgspec.json.decode(given.options, type=SeedOptions)
    for seed in seeds_of(given.seeds):
        outcome = run_seed(seed, options)
        told = {"seed": seed, "trace": outcome.ended.trace, "turns": outcome.ended.turns}
        sys.stdout.write(json.dumps({**told, "law": outcome.law}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
