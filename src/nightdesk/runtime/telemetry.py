"""Counters and histograms cheap enough for the tick path, and a ring of recent events.

Nothing is rendered here: a sample of raw numbers leaves the node once a second.
"""

from collections import deque

RING_MAX = 500  # events a person can still read through after an incident
SUB_BITS = 4  # 16 steps per power of two: values are told within 6 %


class Histogram:
    """Log-linear buckets over non-negative integers (ns); recording is one shift and one add."""

    __slots__ = ("buckets", "count", "largest", "total")

    def __init__(self) -> None:
        self.buckets: dict[int, int] = {}
        self.count = 0
        self.total = 0
        self.largest = 0

    def record(self, value: int) -> None:
        """Count one value."""
        if value < 0:
            value = 0
        shift = value.bit_length() - SUB_BITS - 1
        bucket = value if shift <= 0 else (shift << SUB_BITS) + (value >> shift)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1
        self.count += 1
        self.total += value
        if value > self.largest:
            self.largest = value

    def quantile(self, share: float) -> int:
        """The value below which `share` of all lie, to the bucket's width; 0 when empty."""
        wanted = share * self.count
        seen = 0
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            if seen >= wanted:
                return min(_top(bucket), self.largest)
        return self.largest

    def told(self) -> dict[str, int]:
        """p50, p90, p99, max and count."""
        return {
            "p50_ns": self.quantile(0.5),
            "p90_ns": self.quantile(0.9),
            "p99_ns": self.quantile(0.99),
            "max_ns": self.largest,
            "count": self.count,
        }


def _top(bucket: int) -> int:
    """The largest value that falls into `bucket`."""
    steps = 1 << SUB_BITS
    if bucket < 2 * steps:
        return bucket
    shift = (bucket >> SUB_BITS) - 1
    return ((bucket - (shift << SUB_BITS) + 1) << shift) - 1


class Telemetry:
    """Everything the node counts."""

    def __init__(self) -> None:
        self.counters: dict[str, int] = {}
        self.stages: dict[str, Histogram] = {
            name: Histogram()
            for name in (
                "decode",
                "tick_to_decided",
                "decided_to_durable",
                "durable_to_wire",
                "tick_to_wire",
                "wire_to_answer",
                "cancel_to_answer",
                "commit",
                "loop_lag",
            )
        }
        self.ring: deque[tuple[int, str, str, dict[str, str]]] = deque(maxlen=RING_MAX)

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter."""
        self.counters[name] = self.counters.get(name, 0) + by
