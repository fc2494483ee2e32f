"""Worlds on several processes, told as they end; what comes back is brief, so that thousands fit."""

import signal
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context

from nightdesk.model.errors import BadInput, OperatingError
from nightdesk.simulation.campaign import Outcome, SeedOptions, broken, run_seed

WORLDS_EACH = 200  # that one process runs before a fresh one takes its place: nothing piles up


class WorkerLost(OperatingError):
    """A process ended in the middle of a world: killed, or out of memory."""


def outcomes(
    seeds: Sequence[int], options: SeedOptions, *, jobs: int, wall_s_max: float
) -> Generator[Outcome, None, None]:
    """Every seed's outcome, in the order in which they end. Closing it leaves what is not finished."""
    if jobs <= 1:
        yield from (_one(seed, options, wall_s_max) for seed in seeds)
        return
    # Spawned: a child of a process with threads would inherit their locks as they happen to be.
    pool = ProcessPoolExecutor(
        max_workers=jobs,
        mp_context=get_context("spawn"),
        initializer=_ignore_interrupts,
        max_tasks_per_child=WORLDS_EACH,
    )
    waiting = iter(seeds)
    running: dict[Future[Outcome], int] = {}
    try:
        while True:
            while len(running) < 2 * jobs and (seed := next(waiting, None)) is not None:
                running[pool.submit(_one, seed, options, wall_s_max)] = seed
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                outcome = future.result()
                del running[future]
                yield outcome
        pool.shutdown()
    except BrokenProcessPool as error:
        lost = ", ".join(str(seed) for seed in sorted(running.values()))
        raise WorkerLost(
            f"a process that ran worlds was killed, or out of memory, in one of seeds {lost}"
        ) from error
    finally:
        if running:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in active_children():
                child.terminate()


def _one(seed: int, options: SeedOptions, wall_s_max: float) -> Outcome:
    try:
        return run_seed(seed, options, wall_s_max=wall_s_max).brief()
    except BadInput:
        raise
    except Exception as error:  # noqa: BLE001 a world that breaks must not take those behind it along
        return broken(seed, error)


def _ignore_interrupts() -> None:
    """Ctrl-C reaches every process of the terminal; the parent decides."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
