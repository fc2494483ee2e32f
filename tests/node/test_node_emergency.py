"""Somebody gets out of a whole desk by hand, past it: while it runs, and while it is dead."""

import asyncio
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest

from benches import causes
from builders import D
from nightdesk.desk.emergency import CAUSE
from nightdesk.lab.faults import FaultKind
from nightdesk.model.ids import VenueId, emergency_order_id, instrument_key
from nightdesk.model.mode import Mode
from nightdesk.model.order import Side
from nightdesk.model.outcome import Verdict
from nightdesk.model.records import ForceTraded, Intended, ModeSet
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.modes.ladder import DESK
from nightdesk.orders.lifecycle import State
from nightdesk.simulation.network import SimHttp
from nightdesk.simulation.setting import KEY, SECRET
from nightdesk.venues.binance_sign import HmacSigner
from nightdesk.venues.binance_way_out import SpotWayOut
from nightdesk.venues.way_out import Close, OpenOrder, Traded
from worlds import Life, SimWorld, durable_records, live

NUMBERS = count(1)


async def settled_long(life: Life) -> tuple[str, Decimal]:
    """The desk paused, and what it holds most of, as far as it can be sold."""
    for _ in range(20):
        await asyncio.sleep(10)
        assert (await life.command("pause", reason="a position is wanted that stands")).ok
        await asyncio.sleep(15)
        for instrument, rules in life.node.shell.desk.settings.instruments.items():
            held = rules.qty_down(life.state.net(instrument))
            if held >= rules.qty_min * 100 and not life.state.orders.live:
                return instrument_key(instrument), held
        assert (await life.command("resume", reason="it holds nothing")).ok
    raise AssertionError("the desk never held anything")


async def sell_by_hand(world: SimWorld, symbol: str, qty: Decimal) -> None:
    """As the emergency tool does."""
    codec = SpotWayOut(VenueId("binance"), HmacSigner(KEY, SECRET))
    http = SimHttp(world.network, world.link)
    await http.hold()
    now = world.clock.wall()
    close = Close(
        client_id=emergency_order_id(3, next(NUMBERS)),
        symbol=symbol,
        side=Side.SELL,
        qty=qty,
        mode_side="",
        deadline=Wall(now + 5 * SECOND_NS),
    )
    request = codec.close(close, now)
    assert request is not None
    told = codec.closed(close, await http.exchange(request, timeout_ns=SECOND_NS))
    assert told == Traded(filled=qty, ended=True)


def entries_after(path: Path) -> int:
    """Intents behind the halt."""
    kinds = [record for _, record in durable_records(path)]
    halts = [
        i
        for i, r in enumerate(kinds)
        if isinstance(r, ModeSet) and (r.cause, r.mode) == (CAUSE, "HALTED")
    ]
    return sum(isinstance(record, Intended) for record in kinds[halts[0] :])


async def explained(world: SimWorld, life: Life, symbol: str, sold: Decimal) -> None:
    """Halted, and nothing that the venue has differs from the books."""
    assert life.state.ladder.mode(DESK) is Mode.HALTED
    assert causes(life.state)[CAUSE] == "HALTED"
    booked = [r.fill.qty for _, r in durable_records(world.path) if isinstance(r, ForceTraded)]
    assert sum(booked, D(0)) == sold, "it may trade in several pieces"
    await asyncio.sleep(20)
    assert world.differences(life) == {}
    assert "reconcile" not in causes(life.state)
    assert entries_after(world.path) == 0
    assert (await life.command("resume", reason="looked at it")).ok
    await asyncio.sleep(3)
    assert CAUSE not in causes(life.state)


def test_a_desk_that_runs_is_halted_by_its_private_stream(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=11)
        life = await world.desk().up()
        symbol, held = await settled_long(life)
        await sell_by_hand(world, symbol, held)
        await asyncio.sleep(1)
        await explained(world, life, symbol, held)
        await life.crash()

    live(main)


def test_a_cancel_by_hand_halts_a_desk_on_spot_before_it_orders_again(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=11)
        life = await world.desk().up()
        while not (
            resting := [o for o in life.state.orders.live.values() if o.state is State.OPEN]
        ):
            await asyncio.sleep(0.1)
        intent = resting[0].intent
        order = OpenOrder(
            symbol=instrument_key(intent.instrument),
            venue_order_id=resting[0].venue_order_id,
            client_id=intent.client_id,
            side=intent.side,
            kind="LIMIT",
            qty=intent.qty,
            price=intent.price,
            trigger=D(0),
            protective=False,
        )
        codec = SpotWayOut(VenueId("binance"), HmacSigner(KEY, SECRET))
        http = SimHttp(world.network, world.link)
        await http.hold()
        request = codec.cancel(order, emergency_order_id(4, 1), world.clock.wall())
        told = codec.cancelled(await http.exchange(request, timeout_ns=SECOND_NS))
        assert told.verdict is Verdict.ACKED
        await asyncio.sleep(10)
        assert causes(life.state)[CAUSE] == "HALTED"
        assert entries_after(world.path) == 0
        await life.crash()

    live(main)


@pytest.mark.parametrize("snapshot_every", [1, 20_000])
def test_a_desk_that_starts_afterwards_halts_before_it_orders_anything(
    tmp_path: Path, snapshot_every: int
) -> None:
    """Also where nothing was replayed that says since when."""

    async def main() -> None:
        world = SimWorld(tmp_path, seed=11)
        life = await world.desk(snapshot_every=snapshot_every).up()
        symbol, held = await settled_long(life)
        assert (await life.command("resume", reason="it would trade again")).ok
        await life.crash()
        before = len([r for _, r in durable_records(world.path) if isinstance(r, Intended)])
        await sell_by_hand(world, symbol, held)
        life = await world.desk().up()
        await asyncio.sleep(20)
        intents = [r for _, r in durable_records(world.path) if isinstance(r, Intended)]
        assert len(intents) == before
        await explained(world, life, symbol, held)
        await life.crash()

    live(main)


def test_a_desk_that_was_deaf_meanwhile_finds_out_by_asking(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=11)
        life = await world.desk().up()
        symbol, held = await settled_long(life)
        world.fault(FaultKind.STREAM_SILENCE, which="user")
        await asyncio.sleep(1)
        await sell_by_hand(world, symbol, held)
        await asyncio.sleep(40)
        await explained(world, life, symbol, held)
        await life.crash()

    live(main)
