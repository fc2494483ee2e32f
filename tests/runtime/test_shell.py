"""The loop around the core."""

import asyncio
from pathlib import Path

from nightdesk.desk.events import Pause, SendOrder
from nightdesk.model.ids import VenueId
from nightdesk.model.order import Intent
from nightdesk.model.records import Intended, ModeSet
from nightdesk.model.time import Mono, Wall
from nightdesk.risk.limits import View
from nightdesk.runtime.gateway import Trigger
from worlds import SimWorld, durable_records, live


class Ticking:
    """Every look at the clock is a little later than the last, as on a real machine."""

    def __init__(self, world: SimWorld) -> None:
        self._world = world
        self._looks = 0

    def mono(self) -> Mono:
        self._looks += 1
        return Mono(self._world.clock.mono() + self._looks)

    def wall(self) -> Wall:
        self._looks += 1
        return Wall(self._world.clock.wall() + self._looks)


def test_a_frame_carries_the_time_its_record_was_folded_at(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=2)
        life = await world.desk(clock=Ticking(world)).up()
        await asyncio.sleep(8)
        framed = {
            r.intent.client_id: at
            for at, r in durable_records(world.path)
            if isinstance(r, Intended)
        }
        folded = {
            i: o.intended_at
            for i, o in [*life.state.orders.live.items(), *life.state.orders.ended.items()]
        }
        await life.stop()
        both = framed.keys() & folded.keys()
        assert both
        assert {i: framed[i] for i in both} == {i: folded[i] for i in both}

    live(main)


def test_a_repeated_command_is_answered_no_sooner_than_the_first(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=2)
        life = await world.desk().up()
        await asyncio.sleep(1)
        life.journal.stalled = True
        told: list[int] = []
        life.node.shell.handle(Pause(reason="p", by="me"), lambda: told.append(1))
        life.node.shell.handle(Pause(reason="p", by="me"), lambda: told.append(2))
        early = list(told)
        await life.crash()
        durable = any(
            isinstance(r, ModeSet) and r.by == "me" for _, r in durable_records(world.path)
        )
        assert not durable
        assert early == []

    live(main)


def test_a_command_is_answered_once_its_records_are_durable(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=2)
        life = await world.desk().up()
        await asyncio.sleep(1)
        seen: list[bool] = []

        def told() -> None:
            records = durable_records(world.path)
            seen.append(any(isinstance(r, ModeSet) and r.by == "me" for _, r in records))

        life.node.shell.handle(Pause(reason="p", by="me"), told)
        assert seen == []
        await asyncio.sleep(0.1)
        assert seen == [True]
        await life.stop()

    live(main)


def test_nothing_is_weighed_before_its_order_has_left(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=2)
        life = await world.desk().up()
        shell = life.node.shell
        done: list[tuple[str, str]] = []
        gateway = shell.routes[VenueId("binance")].gateway
        send, weigh = gateway.send, shell.desk.weigh

        def sending(order: SendOrder, trigger: Trigger) -> None:
            done.append(("sent", order.approved.intent.client_id))
            send(order, trigger)

        def weighing(intent: Intent, view: View) -> None:
            done.append(("weighed", intent.client_id))
            weigh(intent, view)

        gateway.send, shell.desk.weigh = sending, weighing  # type: ignore[method-assign]
        await asyncio.sleep(8)
        await life.stop()
        orders = {name for what, name in done if what == "sent"}
        assert orders
        for name in orders:
            assert done.index(("sent", name)) < done.index(("weighed", name))

    live(main)
