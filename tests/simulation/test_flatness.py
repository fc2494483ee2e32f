"""Whether a long world grew: noise is let through, every kind of leak is not."""

from random import Random

import msgspec
import pytest

from nightdesk.simulation.flatness import MIB, SLICES_MIN, flatness, journal_bytes_a_day
from nightdesk.simulation.soak import Slice


def month(count: int = 120) -> list[Slice]:
    """Six hours each; every measure wavers as it does on a shared machine."""
    draw = Random(5)
    slices, orders, cpu_s, journal = [], 0, 0.0, 5e6
    for number in range(1, count + 1):
        orders += 360
        cpu_s += 360 * 0.044 * draw.uniform(0.9, 1.1)
        journal += 360 * 1_150 * draw.uniform(0.97, 1.03)
        slices.append(
            Slice(
                day=number / 4,
                orders=orders,
                records=orders * 6,
                starts=1,
                journal_bytes=int(journal),
                snapshot_bytes=0 if number < 8 else int(300_000 * draw.uniform(0.99, 1.01)),
                memory_bytes=int(60 * MIB * draw.uniform(0.9995, 1.0005)),
                cpu_s=cpu_s,
            )
        )
    return slices


def grown(slices: list[Slice]) -> list[str]:
    return [row.what for row in flatness(slices) if not row.flat]


def test_what_wavers_is_flat() -> None:
    assert len(flatness(month())) == 4
    assert grown(month()) == []


@pytest.mark.parametrize(
    ("field", "per_order", "told"),
    [
        ("memory_bytes", 200, "memory gained between starts, MiB"),
        ("snapshot_bytes", 2, "snapshot, KiB"),
    ],
)
def test_a_leak_with_every_order_is_found(field: str, per_order: int, told: str) -> None:
    leaking = [
        msgspec.structs.replace(s, **{field: getattr(s, field) + per_order * s.orders})
        for s in month()
    ]
    assert grown(leaking) == [told]


@pytest.mark.parametrize(
    ("field", "more", "told"),
    [
        ("journal_bytes", 360 * 10, "journal bytes an order"),
        ("cpu_s", 360 * 0.0004, "CPU ms an order"),
    ],
)
def test_orders_that_cost_more_and_more_are_found(field: str, more: float, told: str) -> None:
    dearer = [
        msgspec.structs.replace(
            s, **{field: type(getattr(s, field))(getattr(s, field) + more * n * n / 2)}
        )
        for n, s in enumerate(month())
    ]
    assert grown(dearer) == [told]


def test_what_a_start_leaves_in_this_process_is_not_the_desks() -> None:
    restarting = [
        msgspec.structs.replace(s, starts=n // 2, memory_bytes=s.memory_bytes + (n // 2) * MIB // 8)
        for n, s in enumerate(month())
    ]
    assert grown(restarting) == []
    leaking = [
        msgspec.structs.replace(s, memory_bytes=s.memory_bytes + 300 * s.orders) for s in restarting
    ]
    assert grown(leaking) == ["memory gained between starts, MiB"]


def test_too_few_slices_tell_nothing() -> None:
    assert flatness(month(SLICES_MIN - 1)) == []
    assert flatness(month(SLICES_MIN)) != []


def test_what_the_journal_grows_by_is_told_by_the_day() -> None:
    assert journal_bytes_a_day(month()) == pytest.approx(4 * 360 * 1_150, rel=0.05)
    assert journal_bytes_a_day(month()[:1]) == 0.0
