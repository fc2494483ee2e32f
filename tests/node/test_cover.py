"""Who stands by a leader: told when found and lost, and a mode while nobody does, where that is wanted."""

import asyncio

import msgspec
import pytest

from nightdesk.model.mode import Mode
from nightdesk.model.time import SECOND_NS, Mono
from nightdesk.modes.ladder import DESK
from nightdesk.ports.journal import Presence
from simulation.crews import Crewed


def test_it_is_told_when_cover_is_found_and_lost() -> None:
    async def script(made: Crewed) -> None:
        await made.ready()
        assert len(made.said("cover.found")) == 1
        made.world.crew.stopping = True
        made.world.crew.die(made.standbys[0], "kill")
        await asyncio.sleep(6)
        assert len(made.said("cover.lost")) == 1
        assert made.leader.node.shell.desk.state.ladder.mode(DESK) is Mode.NORMAL

    Crewed(script)


def test_what_is_said_while_the_leader_speaks_is_heard() -> None:
    async def script(made: Crewed) -> None:
        await made.ready()
        machine = made.world.machine
        engine = machine._engines[made.leader.incarnation]
        told = engine.tell

        async def slowly(presence: Presence) -> None:
            await told(presence)
            await asyncio.sleep(0.01)
            (pid,) = (pid for pid in machine.present if pid != presence.holder.pid)
            said = machine.present[pid]
            machine.present[pid] = msgspec.structs.replace(said, at=machine.clock.mono())

        engine.tell = slowly  # type: ignore[method-assign]
        await asyncio.sleep(6)
        assert not made.said("cover.lost")

    Crewed(script)


def test_who_took_over_and_sees_nobody_behind_it_says_so() -> None:
    async def script(made: Crewed) -> None:
        await made.ready()
        made.world.crew.stopping = True
        made.world.crew.die(made.leader, "kill")
        await made.led(2)
        await asyncio.sleep(15)
        assert len(made.said("cover.lost")) == 1

    Crewed(script)


def test_a_desk_that_wants_cover_is_cautious_without() -> None:
    async def script(made: Crewed) -> None:
        crew = made.world.crew
        crew.plan = msgspec.structs.replace(crew.plan, uncovered=Mode.CAUTIOUS)
        await made.ready()
        ladder = made.leader.node.shell.desk.state.ladder
        assert not ladder.holds(DESK, "cover")
        crew.stopping = True
        crew.die(made.standbys[0], "kill")
        await asyncio.sleep(6)
        assert ladder.demands(DESK, "cover") is Mode.CAUTIOUS

    Crewed(script)


def test_one_that_was_never_covered_is_not_missed_unless_that_is_wanted() -> None:
    async def alone(made: Crewed) -> None:
        await made.led(1)
        await asyncio.sleep(15)
        assert not made.said("cover.lost")

    Crewed(alone, nodes=1)

    async def wanted(made: Crewed) -> None:
        crew = made.world.crew
        crew.plan = msgspec.structs.replace(crew.plan, uncovered=Mode.REDUCE_ONLY)
        await made.led(1)
        await asyncio.sleep(15)
        demanded = made.leader.node.shell.desk.state.ladder.demands(DESK, "cover")
        assert demanded is Mode.REDUCE_ONLY

    Crewed(wanted, nodes=1)


@pytest.mark.parametrize("ahead_s", [0, 90_000])
def test_what_a_node_of_an_earlier_boot_said_is_no_cover(ahead_s: int) -> None:
    """Its file outlived the machine's restart, and it had been up for longer than this one is."""

    async def script(made: Crewed) -> None:
        crew, machine = made.world.crew, made.world.machine
        crew.plan = msgspec.structs.replace(crew.plan, uncovered=Mode.REDUCE_ONLY)
        await made.led(1)
        leader = made.leader.node.commands._cover.holder
        for _ in range(15):
            machine.present[7] = Presence(
                holder=msgspec.structs.replace(leader, boot="before", pid=7),
                leads=False,
                seq=made.leader.node.shell.writer.durable,
                at=Mono(machine.clock.mono() + ahead_s * SECOND_NS),
            )
            await asyncio.sleep(1)
        assert not made.said("cover.found")
        demanded = made.leader.node.shell.desk.state.ladder.demands(DESK, "cover")
        assert demanded is Mode.REDUCE_ONLY

    Crewed(script, nodes=1)


def test_a_desk_that_wants_no_cover_any_more_is_not_kept_small_for_the_want_of_it() -> None:
    async def script(made: Crewed) -> None:
        crew = made.world.crew
        wanted = crew.plan
        crew.plan = msgspec.structs.replace(wanted, uncovered=Mode.REDUCE_ONLY)
        await made.led(1)
        await asyncio.sleep(15)
        assert made.leader.node.shell.desk.state.ladder.holds(DESK, "cover")
        crew.plan = wanted
        crew.die(made.leader, "kill")
        await made.led(2)
        await asyncio.sleep(15)
        assert not made.leader.node.shell.desk.state.ladder.holds(DESK, "cover")

    Crewed(script, nodes=1, seconds=40)
