"""Whole desks on the virtual loop against a whole lab: faults and crashes for a while, then none, then
the books compared.
"""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from benches import fold, without_views
from nightdesk.lab.catalogue import ACTS, MARKET_KINDS, OF_LINES, OF_POSITIONS, FaultKind
from nightdesk.model.mode import Mode
from nightdesk.model.records import EpochOpened
from nightdesk.modes.ladder import DESK
from node.healing import QUICK, whole
from worlds import SimWorld, durable_records, live

# How each fault is set: on orders and reports where it can be chosen, often enough to matter.
SPECS: dict[FaultKind, dict[str, Any]] = {
    kind: {"probability": 0.3, "match": {"path": "/api/v3/order"}}
    for kind in FaultKind
    if kind
    not in {
        FaultKind.STREAM_DROP,
        FaultKind.STREAM_SILENCE,
        FaultKind.GARBLED_FRAME,
        FaultKind.MAINTENANCE,
        FaultKind.CLOCK_OFFSET,
        FaultKind.READ_LAG,
        FaultKind.FILL_AFTER_CANCEL_ACK,
        FaultKind.STP_EXPIRE,
        FaultKind.ORDER_VANISHES,
        *ACTS,
        *OF_LINES,
        *MARKET_KINDS,
    }
}
SPECS[FaultKind.LOST_REQUEST] |= {"how": "hang"}
SPECS[FaultKind.DELAY] |= {"ms": 900}
SPECS[FaultKind.SLOW_BODY] |= {"ms": 900}
SPECS[FaultKind.LATE_RESPONSE] |= {"ms": 6_000}
SPECS[FaultKind.BAN_418] |= {"retry_after_s": 3, "probability": 0.05}
SPECS[FaultKind.RATE_LIMIT_429] |= {"retry_after_s": 2}
SPECS |= {
    FaultKind.DUPLICATE_REPORT: {"probability": 0.5},
    FaultKind.LATE_REPORT: {"probability": 0.5, "ms": 4_000},
    FaultKind.REORDERED_REPORTS: {"probability": 0.5},
    FaultKind.FILL_AFTER_CANCEL_ACK: {"probability": 0.5, "ms": 800},
    FaultKind.READ_LAG: {"ms": 2_000},
    FaultKind.STP_EXPIRE: {"probability": 0.3},
    FaultKind.ORDER_VANISHES: {"duration_ms": 6_000},
    FaultKind.DUPLICATE_MARKET: {"times": 100},
    FaultKind.REORDERED_MARKET: {},
    FaultKind.FROZEN_MARKET: {},
    FaultKind.CROSSED_BOOK: {},
    FaultKind.PRICE_SPIKE: {"bps": -300},
    FaultKind.MANUAL_CANCEL: {},
    FaultKind.STREAM_DROP: {"which": "user"},
    FaultKind.STREAM_SILENCE: {"which": "user"},
    FaultKind.STREAM_MUTE: {"which": "user"},
    FaultKind.STREAM_ENDING: {"which": "user", "ms": 500},
    FaultKind.GARBLED_FRAME: {"which": "user", "probability": 0.5},
    FaultKind.MAINTENANCE: {},
    FaultKind.CLOCK_OFFSET: {"ms": 3_000},
}


# The desk reads no changes of order books, and has no stop at the venue and no contracts; what others do to its
# account, and its key, a person must look at.
ELSEWHERE = {
    *(FaultKind.DEPTH_GAP, FaultKind.MANUAL_ORDER, FaultKind.TRANSFER, FaultKind.UNAUTHORIZED),
    *(FaultKind.STOP_DROPPED, FaultKind.RULES_CHANGED, FaultKind.FILL_TAKEN_BACK),
    *OF_POSITIONS,
}


@pytest.mark.parametrize("kind", [k for k in FaultKind if k not in ELSEWHERE], ids=str)
def test_after_a_fault_nothing_is_unknown_doubled_or_different(
    kind: FaultKind, tmp_path: Path
) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=5, replace=QUICK)
        life = await world.desk().up()
        await asyncio.sleep(8)
        assert life.state.counts["fills"] > 3
        world.fault(kind, **SPECS[kind])
        await asyncio.sleep(8)
        if kind is FaultKind.STREAM_DROP:
            world.fault(kind, which="all")
            await asyncio.sleep(2)
        if kind is not FaultKind.STREAM_SILENCE:
            struck = world.fired()
            assert struck or kind in {FaultKind.READ_LAG, FaultKind.MAINTENANCE}
        world.heal()
        await whole(world, life)
        assert life.state.ladder.mode(DESK) is not Mode.HALTED

    live(main)


@pytest.mark.parametrize("seed", range(4))
def test_several_faults_at_once_and_crashes_in_between(seed: int, tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=100 + seed, replace=QUICK)
        draw = world.entropy.stream("chaos")
        life = await world.desk().up()
        await asyncio.sleep(5)
        for _ in range(5):
            for kind in (
                FaultKind.LOST_RESPONSE,
                FaultKind.LOST_REQUEST,
                FaultKind.LATE_REPORT,
                FaultKind.DUPLICATE_REPORT,
            ):
                world.fault(kind, **{**SPECS[kind], "probability": 0.2})
            await asyncio.sleep(draw.uniform(0.5, 4))
            await life.crash()
            world.heal()
            await asyncio.sleep(draw.uniform(0, 2))
            life = await world.desk().up()
        await whole(world, life)
        assert life.state.epoch == 6

    live(main)


@pytest.mark.parametrize("after_ms", [0, 1, 2, 3, 5, 8, 13, 21, 34, 55])
def test_a_crash_around_a_send_loses_and_doubles_nothing(after_ms: int, tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=9, replace=QUICK)
        life = await world.desk().up()
        await asyncio.sleep(6)
        start = life.state.counts["intended"]
        while life.state.counts["intended"] == start:
            await asyncio.sleep(0.0002)
        await asyncio.sleep(after_ms / 1000 / 4)
        await life.crash()
        life = await world.desk().up()
        await whole(world, life, seconds=15)
        nonces = [r.nonce for _, r in durable_records(world.path) if isinstance(r, EpochOpened)]
        assert len(set(nonces)) == 2

    live(main)


def test_what_a_crash_leaves_is_what_the_next_life_folds(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=3)
        life = await world.desk().up()
        await asyncio.sleep(15)
        await life.crash()
        records = durable_records(world.path)
        again = await world.desk().up()
        durable = durable_records(world.path)
        assert durable[: len(records)] == records
        ours = fold(durable[: len(records)])
        assert again.state.epoch == ours.epoch + 1
        assert {k: p.qty for k, p in without_views(again.state).positions.items()} == {
            k: p.qty for k, p in without_views(ours).positions.items()
        }
        await again.stop()

    live(main)


def test_two_runs_of_one_seed_are_the_same_to_the_byte(tmp_path: Path) -> None:
    def once(folder: Path) -> bytes:
        folder.mkdir()

        async def main() -> bytes:
            world = SimWorld(folder, seed=11)
            life = await world.desk().up()
            await asyncio.sleep(5)
            world.fault(FaultKind.LOST_RESPONSE, probability=0.3)
            await asyncio.sleep(5)
            await life.crash()
            life = await world.desk().up()
            await asyncio.sleep(5)
            await life.stop()
            return msgspec.json.encode(durable_records(world.path))

        return live(main)

    assert once(tmp_path / "a") == once(tmp_path / "b")


def test_a_fill_after_the_cancels_ack_that_fell_into_a_crash_is_learnt(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=101, replace=QUICK)
        life = await world.desk().up()
        await asyncio.sleep(5)
        world.fault(FaultKind.FILL_AFTER_CANCEL_ACK, ms=800)
        while not world.fired():
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.1)  # the ack is known; the fill's report is on its way
        await life.crash()
        world.heal()
        await asyncio.sleep(1)
        life = await world.desk().up()
        await whole(world, life, seconds=30)

    live(main)


@pytest.mark.parametrize(
    ("kind", "match", "event", "reason"),
    [
        (FaultKind.UNMAPPED_CODE, {"path": "/api/v3/order"}, "venue.code_unmapped", "unmapped"),
        # A key that is revoked shows in a question too, where no order leaves.
        (FaultKind.UNAUTHORIZED, {"path": "/api/v3/account"}, "venue.not_well", "auth"),
    ],
)
def test_a_person_hears_at_once_of_what_no_try_mends(
    kind: FaultKind, match: dict[str, str], event: str, reason: str, tmp_path: Path
) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=5, replace=QUICK)
        life = await world.desk().up()
        await asyncio.sleep(5)
        world.fault(kind, match=match)
        await asyncio.sleep(20)
        told = [(level, fields) for level, name, fields in world.log.lines if name == event]
        assert told, world.log.events()
        assert {level for level, _ in told} == {"error"}
        assert len(told) == len({str(fields["code"]) for _, fields in told}), "each once"
        counted = life.node.sampler.sample().counters
        assert any(name.startswith(f"{reason}.binance.") for name in counted), counted

    live(main)
