"""Figures with units, exact quantiles, the disk's own price, and the folder all files of a run lie in."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[1]
RAW_BYTES = 300  # what an intent's frame weighs
US = 1_000.0


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measured thing. `value` is what an aim is held against; quantiles where there are many samples."""

    name: str
    unit: str
    value: float
    p50: float | None = None
    p99: float | None = None
    n: int = 1
    aim: str = ""
    met: bool | None = None


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """How a benchmark is to run: shorter when `quick`, its files under `folder` on a real disk."""

    quick: bool
    folder: Path

    def pick(self, whole: int, quick: int) -> int:
        """A size for this run."""
        return quick if self.quick else whole


class Skipped(Exception):
    """A benchmark that cannot run here; says why."""


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` of the sorted samples lie."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def spread(
    name: str, samples_ns: Sequence[int], *, unit: str = "us", scale: float = US, aim: str = ""
) -> Figure:
    """p50, p99 and n of `samples_ns`; an empty measurement is a broken benchmark."""
    if not samples_ns:
        raise Skipped(f"{name}: no samples were taken")
    ordered = sorted(samples_ns)
    p50, p99 = quantile(ordered, 0.5) / scale, quantile(ordered, 0.99) / scale
    return Figure(name=name, unit=unit, value=p50, p50=p50, p99=p99, n=len(ordered), aim=aim)


def held_to(figure: Figure, aim: str, met: bool) -> Figure:
    """The figure beside its aim."""
    return msgspec.structs.replace(figure, aim=aim, met=met)


def at_most(figure: Figure, limit: float) -> Figure:
    """The figure must not be above `limit`."""
    return held_to(figure, f"<= {limit:g} {figure.unit}", figure.value <= limit)


def at_least(figure: Figure, limit: float) -> Figure:
    """The figure must not be below `limit`."""
    return held_to(figure, f">= {limit:g} {figure.unit}", figure.value >= limit)


class RawDisk:
    """A plain file: what one write with its fdatasync costs here, with nothing around it."""

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / "raw", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        self._record = os.urandom(RAW_BYTES)

    def write(self) -> int:
        """Append one record durably; returns ns."""
        started = time.perf_counter_ns()
        os.write(self._file, self._record)
        os.fdatasync(self._file)
        return time.perf_counter_ns() - started

    def close(self) -> None:
        """Done."""
        os.close(self._file)


def rate(count: int, spent_ns: int) -> float:
    """Per second."""
    return count * 1e9 / max(spent_ns, 1)


Benchmark = Callable[[Run], list[Figure]]
