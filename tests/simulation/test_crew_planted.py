"""Mistakes of leaders, of those that stand by and of the deposed, each caught at its moment; without
it the same script plays to its end.
"""

import asyncio

import msgspec
import pytest

from nightdesk.model.errors import AppendRefused
from nightdesk.model.ids import Epoch, VenueId
from nightdesk.model.order import Intent, Origin
from nightdesk.model.time import SECOND_NS
from nightdesk.orders.lifecycle import State
from nightdesk.simulation.incarnation import Life
from nightdesk.simulation.machine import MachineJournal
from nightdesk.simulation.processes import Running, leaves
from simulation import planted_dead_man
from simulation import planted_leadership as planted
from simulation.crews import Crewed, Script
from simulation.planted import SCENARIOS
from simulation.planting import Plant
from simulation.spooling import out_by_the_spool

STANDS_S = 8.0  # longer than a lease lasts
BETWEEN_S = 0.2  # two renewals, so that the last one has been read of


def engine_of(made: Crewed, running: Running) -> MachineJournal:
    return made.world.machine._engines[running.incarnation]


async def stand_still(made: Crewed, *running: Running, seconds: float = STANDS_S) -> None:
    for each in running:
        each.incarnation.freeze()
    await asyncio.sleep(seconds)
    for each in reversed(running):
        made.world.machine.thaw(each.incarnation)
        await asyncio.sleep(0.1)


async def a_renewal_that_is_heard_of_late(made: Crewed) -> None:
    await made.ready()
    first = made.leader
    engine, renewed = engine_of(made, first), asyncio.Event()

    def then_stops(epoch: Epoch) -> None:
        MachineJournal.renewed(engine, epoch)
        if not renewed.is_set():
            first.incarnation.freeze()
            renewed.set()

    engine.renewed = then_stops  # type: ignore[method-assign]
    await renewed.wait()
    await asyncio.sleep(STANDS_S)
    made.world.machine.thaw(first.incarnation)
    for _ in range(100):
        await asyncio.sleep(0.002)
        shell = first.node.shell
        assert not shell.lease.held(shell.moment().mono), "it holds a lease that another took"


async def a_way_out_past_a_short_stall(made: Crewed) -> None:
    await out_by_the_spool(made, stalls_s=1.0)
    await asyncio.sleep(3)


async def a_leader_dies_whose_disk_stands_still(made: Crewed) -> None:
    await out_by_the_spool(made)
    engine_of(made, made.leader)._under_way.clear()  # what the kernel had of it is gone too
    made.world.crew.die(made.leader, "kill")
    await made.led(2, within_s=20)


async def a_pause_between_the_last_check_and_the_wire(made: Crewed) -> None:
    await made.ready()
    first = made.leader
    (gateway, *_) = [route.gateway for route in first.node.shell.routes.values()]
    sent = gateway.sent
    while gateway.sent == sent:
        await asyncio.sleep(0.0002)
    await stand_still(made, first)
    await asyncio.sleep(1)


async def a_leader_that_stands_still_and_can_be_followed(made: Crewed) -> None:
    await made.ready()
    first = made.leader
    first.incarnation.freeze()
    await made.led(2)
    assert first.incarnation.life is Life.FROZEN, "killed, though nothing needed that"


async def a_takeover_while_the_market_says_nothing(made: Crewed) -> None:
    await made.ready()
    await asyncio.sleep(2)
    silent = {"kind": "stream_silence", "which": "market", "duration_ms": 10_000}
    made.world.lab_door("POST", "/lab/faults", msgspec.json.encode(silent).decode())
    silent_since = made.world.machine.clock.mono()
    await asyncio.sleep(1)
    made.world.crew.die(made.leader, "kill")
    await made.led(2)
    quotes = made.leader.node.shell.desk.views.quotes.values()
    assert all(quote.received <= silent_since for quote in quotes), "fresh, and nobody told it"


async def a_cancel_that_waits_while_its_node_is_deposed(made: Crewed) -> None:
    await made.ready()
    first = made.leader
    stop = await protection(made)
    first.incarnation.freeze()

    async def cancels() -> None:
        first.node.shell.routes[VenueId("binance")].gateway.cancel(stop)

    made.world.machine.spawn(first.incarnation, cancels(), "cancels")
    await made.led(2)
    made.world.machine.thaw(first.incarnation)
    await asyncio.sleep(1)


async def protection(made: Crewed) -> Intent:
    """One that is open at the venue."""
    async with asyncio.timeout(20):
        while True:
            for order in made.leader.node.shell.desk.state.orders.live.values():
                if order.intent.origin is Origin.PROTECT:
                    return order.intent
            await asyncio.sleep(0.01)


async def all_stand_still_and_none_can_read(made: Crewed) -> None:
    """Until they go on together: the lease has not changed, and nobody has seen that."""
    await made.ready()
    await asyncio.sleep(BETWEEN_S)
    first, second = made.leader, made.standbys[0]
    engine = engine_of(made, second)

    async def unreadable() -> None:
        raise AppendRefused("not now")

    engine.lease = unreadable  # type: ignore[method-assign,assignment]
    await stand_still(made, first, seconds=2 * STANDS_S)
    del engine.lease  # type: ignore[method-assign]
    await asyncio.sleep(1)
    assert made.leader is first, "taken from one that goes on"


async def the_machine_is_suspended(made: Crewed) -> None:
    await made.ready()
    await asyncio.sleep(BETWEEN_S)
    first = made.leader
    await stand_still(made, first, *made.standbys)
    await asyncio.sleep(1)
    assert made.leader is first, "nobody showed no life: nobody looked"


async def one_that_stands_by_has_another_config(made: Crewed) -> None:
    await made.ready()
    crew, right = made.world.crew, made.world.crew.plan
    other = made.standbys[0]
    limits = {
        i: msgspec.structs.replace(each, order_qty_max=each.order_qty_max / 2)
        for i, each in right.limits.items()
    }
    crew.plan = msgspec.structs.replace(right, limits=limits)
    crew.die(other, "kill")
    await asyncio.sleep(4)
    crew.plan = right
    other = made.standbys[0]
    crew.die(made.leader, "kill")
    await made.led(2)
    assert made.leader is not other, "another desk leads than the one that was started"
    crew.die(other, "kill")


async def a_clock_that_steps_under_a_leader(made: Crewed) -> None:
    await made.ready()
    lease, clock = made.leader.node.shell.lease, made.world.machine.clock
    renewed = lease._renewed_at
    while lease._renewed_at == renewed:
        await asyncio.sleep(0.001)
    renewed, voided = lease._renewed_at, False
    clock.step(2 * SECOND_NS)
    while lease._renewed_at == renewed:
        await asyncio.sleep(0.001)
        voided = voided or not lease.held(clock.mono())
    assert voided, "held by a renewal from before the step"


async def a_desk_ends_over_an_entry_that_rests(made: Crewed) -> None:
    """And all of its nodes die before it has cancelled that."""
    await made.ready()
    first = made.leader
    async with asyncio.timeout(60):
        while not [
            o for o in first.node.shell.desk.state.orders.live.values() if o.state is State.OPEN
        ]:
            await asyncio.sleep(0.05)
    await asyncio.sleep(7)
    first.node.stop()
    await asyncio.sleep(0.001)
    for each in made.world.crew.alive():
        made.world.crew.die(each, "kill")
    await asyncio.sleep(3)


PRACTICE, GUARDED, LEANS = "practice.toml", "protects.toml", "leans.toml"
SCRIPTS: dict[Plant, tuple[Script, str]] = {
    planted.a_lease_counts_from_the_reply: (a_renewal_that_is_heard_of_late, PRACTICE),
    planted.an_order_waits_after_its_last_check: (
        a_pause_between_the_last_check_and_the_wire,
        PRACTICE,
    ),
    planted.a_holder_is_killed_before_the_lease_is_asked_for: (
        a_leader_that_stands_still_and_can_be_followed,
        PRACTICE,
    ),
    planted.a_new_leader_takes_what_it_heard_long_ago_for_fresh: (
        a_takeover_while_the_market_says_nothing,
        LEANS,
    ),
    planted.a_deposed_node_cancels_its_successors_stops: (
        a_cancel_that_waits_while_its_node_is_deposed,
        GUARDED,
    ),
    planted.what_could_not_be_read_stayed_unchanged: (
        all_stand_still_and_none_can_read,
        PRACTICE,
    ),
    planted.a_challenger_counts_its_own_pause: (the_machine_is_suspended, PRACTICE),
    planted.a_node_with_another_config_challenges: (
        one_that_stands_by_has_another_config,
        PRACTICE,
    ),
    planted.what_left_by_the_spool_leaves_again: (a_way_out_past_a_short_stall, LEANS),
    planted.what_a_spool_has_is_not_looked_for: (a_leader_dies_whose_disk_stands_still, LEANS),
    planted.an_order_leaves_before_the_spool_has_it: (a_way_out_past_a_short_stall, LEANS),
    planted.a_step_of_the_clock_does_not_void_the_lease: (
        a_clock_that_steps_under_a_leader,
        PRACTICE,
    ),
    planted_dead_man.a_desk_that_ends_disarms_first: (
        a_desk_ends_over_an_entry_that_rests,
        "steady-on-perpetuals.toml",
    ),
}


def play(script: Script, desk: str) -> None:
    Crewed(script, seconds=60, config=(SCENARIOS / "desks" / desk).read_text(encoding="utf-8"))


@pytest.mark.parametrize("plant", SCRIPTS, ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_caught_by_its_script(plant: Plant) -> None:
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
        with pytest.raises((AssertionError, ExceptionGroup)) as caught:
            play(*SCRIPTS[plant])
    assert any(isinstance(leaf, AssertionError) for leaf in leaves(caught.value))


@pytest.mark.parametrize("plant", SCRIPTS, ids=lambda plant: plant.__name__)
def test_without_the_bug_its_script_plays_to_the_end(plant: Plant) -> None:
    play(*SCRIPTS[plant])
