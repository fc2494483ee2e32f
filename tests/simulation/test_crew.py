"""Desks of several nodes in a world: who leads when one dies, stands still or hands over."""

import asyncio
from typing import cast

import msgspec
import pytest

from nightdesk.model.ids import Epoch
from nightdesk.model.time import SECOND_NS
from nightdesk.ports.journal import JournalEngine, Presence
from nightdesk.runtime.lease import TTL_NS
from nightdesk.runtime.route import in_flight
from nightdesk.simulation.faults import Fault
from nightdesk.simulation.incarnation import Incarnation, Life
from nightdesk.simulation.machine import MachineJournal
from nightdesk.simulation.processes import MachineProcesses
from nightdesk.simulation.trap import How, Moment, Trap
from simulation.crews import Crewed
from simulation.planted import SCENARIOS

AT_ONCE_S = 0.05


def test_a_killed_leader_is_followed_at_once_by_the_one_that_stands_by() -> None:
    async def script(made: Crewed) -> None:
        await made.ready()
        first, second = made.leader, made.standbys[0]
        killed = made.now
        made.world.crew.die(first, "kill")
        assert await made.led(2) - killed < AT_ONCE_S
        assert made.leader is second
        await made.ready()
        assert len(made.standbys) == 1, "the dead one was started again, and stands by"

    Crewed(script)


@pytest.mark.parametrize("times", [6])
def test_it_goes_on_killing_after_killing(times: int) -> None:
    async def script(made: Crewed) -> None:
        await made.ready()
        for epoch in range(2, times + 2):
            killed = made.now
            made.world.crew.die(made.leader, "kill")
            assert await made.led(epoch) - killed < AT_ONCE_S
            await asyncio.sleep(4)

    lived = Crewed(script, seconds=60)
    assert lived.ended.epochs >= times + 1


def test_a_leader_that_stands_still_is_followed_after_its_ttl_and_stands_by_when_it_wakes() -> None:
    async def script(made: Crewed) -> None:
        await made.ready()
        first, second = made.leader, made.standbys[0]
        frozen = made.now
        first.incarnation.freeze()
        took_s = await made.led(2) - frozen
        assert TTL_NS / SECOND_NS - 0.5 <= took_s <= TTL_NS / SECOND_NS + 0.3
        assert made.leader is second
        await asyncio.sleep(5)
        made.world.machine.thaw(first.incarnation)
        await first.over.wait()
        await made.ready()
        assert made.leader is second
        assert len(made.standbys) == 1

    lived = Crewed(script, seconds=30)
    assert any("Fenced" in line for line in lived.said("ended"))


@pytest.mark.parametrize("stands_s", [1.0, 10.0])
def test_who_stands_still_inside_the_lock_is_ended_by_the_one_that_stands_by_once_its_ttl_is_over(
    stands_s: float,
) -> None:
    async def script(made: Crewed) -> None:
        await made.ready()
        first, second = made.leader, made.standbys[0]
        locked = made.now
        made.world.machine.lock(first.incarnation)
        made.world.soon(lambda: made.world.machine.thaw(first.incarnation), stands_s)
        if stands_s < TTL_NS / SECOND_NS:
            await asyncio.sleep(8)
            assert made.leader is first, "it went on in time"
            return
        took_s = await made.led(2) - locked
        assert took_s <= TTL_NS / SECOND_NS + 0.6
        assert made.leader is second
        assert first.incarnation.life is Life.DEAD

    lived = Crewed(script, seconds=30)
    assert bool(lived.said("standby.killed")) == (stands_s > 3)


class Silent:
    """An engine that answers nothing that is written, until it is told to."""

    def __init__(self, engine: JournalEngine) -> None:
        self.answers = asyncio.Event()
        self._engine = engine

    def append(self, *_: object) -> "asyncio.Future[None]":
        return asyncio.get_running_loop().create_future()

    async def renew(self, epoch: Epoch, renewals: int) -> None:
        await self.answers.wait()
        await self._engine.renew(epoch, renewals)


def test_who_wakes_deposed_measures_its_clock_again_and_still_signs_nothing() -> None:
    """It stood still with an intent that is durable; UTC was set back meanwhile, and its journal does not yet
    tell it that it was followed."""

    async def script(made: Crewed) -> None:
        await made.ready()
        first, machine = made.leader, made.world.machine
        machine.traps.set(
            Trap(moment=Moment.INTENT_DURABLE, how=How.FREEZE, spring=Incarnation.freeze)
        )
        await made.led(2, within_s=20)
        assert first.incarnation.life is Life.FROZEN
        machine.clock.step(-10 * SECOND_NS)
        silent = Silent(machine.engine(first.incarnation))
        first.node.shell.writer._engine = cast(JournalEngine, silent)
        first.node.shell.lease._engine = cast(JournalEngine, silent)
        woke = made.now
        machine.thaw(first.incarnation)
        await asyncio.sleep(4)
        shell = first.node.shell
        clocks = [route.requester.clock for route in shell.routes.values()]
        assert first.up
        assert all(clock.held() for clock in clocks), (
            "its clock is measured, and tells the venue's time"
        )
        assert shell.lease.until == 0, "and its lease is void for good"
        assert shell.telemetry.counters["not_sent.latched"]
        assert not [
            line
            for line in made.judge.lines
            if f"{first.name} " in line and "sends place" in line and float(line.split()[0]) >= woke
        ]
        silent.answers.set()
        await first.over.wait()

    lived = Crewed(script, seconds=40)
    assert any("Fenced" in line for line in lived.said("ended"))


def test_nobody_is_ended_who_can_be_followed_without_it() -> None:
    async def script(made: Crewed) -> None:
        await made.ready()
        first = made.leader
        first.incarnation.freeze()
        await made.led(2)
        assert first.incarnation.life is Life.FROZEN

    lived = Crewed(script, seconds=30)
    assert not lived.said("standby.killed")


def test_a_switchover_moves_leadership_in_moments_and_cancels_nothing() -> None:
    async def script(made: Crewed) -> None:
        await made.ready()
        first, second = made.leader, made.standbys[0]
        asked = made.now
        assert made.world.command("switchover")
        assert await made.led(2) - asked < 0.2
        assert made.leader is second
        await first.over.wait()
        assert first.node.handed_over
        await asyncio.sleep(5)
        assert made.leader is second, "who handed over does not take it back"
        assert made.world.command("switchover")
        await made.led(3)

    lived = Crewed(script, seconds=30)
    assert lived.said("desk.handing_over")


def test_leadership_goes_to_and_fro_in_moments() -> None:
    """Who handed over stands in nobody's way, and takes it again once somebody else has led."""

    async def script(made: Crewed) -> None:
        await made.ready()
        for epoch in range(2, 6):
            asked = made.now
            assert made.world.command("switchover")
            assert await made.led(epoch) - asked < 0.2, epoch
            while not made.leader.node._cover.standbys:
                await asyncio.sleep(0.01)

    Crewed(script, seconds=30)


def test_nobody_gives_way_to_who_led_until_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read of it may be of before it led, when it stood by, and went first."""
    nodes = MachineJournal.nodes

    async def script(made: Crewed) -> None:
        async def as_before(self: MachineJournal) -> list[Presence]:
            said = {"leads": False, "rank": 0, "at": made.leader.node._world.clock.mono()}
            return [msgspec.structs.replace(each, **said) for each in await nodes(self)]

        monkeypatch.setattr(MachineJournal, "nodes", as_before)
        # Its process stands by from then on; in worlds another one does.
        monkeypatch.setattr(MachineProcesses, "gone", lambda *_: False)
        await made.ready()
        asked = made.now
        assert made.world.command("switchover")
        assert await made.led(2) - asked < 0.2

    Crewed(script)


def test_who_hands_over_begins_nothing_while_it_drains_and_writes_nothing_after() -> None:
    path = "/api/v3/order*|/fapi/v1/order*"
    slow = Fault(
        kind="venue.delay",
        at_s=1.0,
        for_s=15.0,
        args={"percent": 100, "ms": 1_500, "match": {"method": "POST", "path": path}},
    )

    async def script(made: Crewed) -> None:
        await made.ready()
        first = made.leader
        while not in_flight(first.node.shell.routes.values()):
            await asyncio.sleep(0.001)
        handed = made.now
        assert made.world.command("switchover")
        await made.led(2)
        assert made.now - handed > 0.5, "an answer was waited for"
        later = [
            line
            for line in made.judge.lines
            if f"{first.name} " in line and float(line.split()[0]) > handed
        ]
        assert not [line for line in later if "desk.trading" in line or "Intended" in line]

    Crewed(
        script,
        seconds=30,
        faults=[slow],
        config=(SCENARIOS / "desks" / "leans.toml").read_text(encoding="utf-8"),
    )


def test_without_a_node_that_could_lead_a_switchover_is_refused() -> None:
    async def script(made: Crewed) -> None:
        await made.ready()
        made.world.crew.stopping = True  # nobody is started again
        made.world.crew.die(made.standbys[0], "kill")
        await asyncio.sleep(4)  # long enough not to be heard of any more
        made.world.command("switchover")
        await asyncio.sleep(1)
        assert made.leader.epoch == 1

    Crewed(script)


def test_of_three_the_least_rank_leads_next() -> None:
    async def script(made: Crewed) -> None:
        await made.ready()
        for epoch in (2, 3, 4):
            leader = made.leader
            programs = sorted(each.name for each in made.standbys)  # desk-1 is of the least rank
            made.world.crew.die(leader, "kill")
            await made.led(epoch)
            assert made.leader.name == programs[0]
            await asyncio.sleep(5)

    Crewed(script, nodes=3, seconds=40)


def test_both_at_once_dead_the_desk_goes_on_from_its_journal() -> None:
    async def script(made: Crewed) -> None:
        await made.ready()
        made.world.crew.die(made.leader, "power")
        assert all(r.incarnation.life is Life.DEAD for r in made.world.crew.nodes)
        await asyncio.sleep(0.2)
        await made.led(2)

    Crewed(script)
