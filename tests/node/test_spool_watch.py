"""What a life left in the spool is found by the next: once, before it risks anything, or nothing is risked."""

import asyncio

import pytest

from nightdesk.model.mode import Mode
from nightdesk.modes.ladder import DESK
from nightdesk.orders.lifecycle import State
from nightdesk.ports.spool import Left
from nightdesk.simulation.spool import SimSpool, spooled
from simulation.crews import Crewed
from simulation.spooling import LEANS, out_by_the_spool


def test_who_leads_next_knows_what_the_journal_never_had() -> None:
    async def script(made: Crewed) -> None:
        sent = await out_by_the_spool(made)
        # With the process, what it had given to the kernel is gone as well.
        made.world.machine._engines[made.leader.incarnation]._under_way.clear()
        made.world.crew.die(made.leader, "kill")
        await made.led(2, within_s=20)
        await asyncio.sleep(3)
        assert len(made.said("spool.found")) == len(sent)
        for client_id in sent:
            order = made.leader.node.shell.desk.state.orders.get(client_id)
            assert order is not None
            assert order.state in (State.FILLED, State.EXPIRED, State.CANCELLED)
        assert not made.world.machine.spools, "it is in the journal now"
        ladder = made.leader.node.shell.desk.state.ladder
        assert ladder.holds(DESK, "flatten"), "an operator who wanted out still does"

    Crewed(script, seconds=40, config=LEANS)


def test_what_the_journal_got_after_all_is_known_and_emptied() -> None:
    async def script(made: Crewed) -> None:
        assert await out_by_the_spool(made, stalls_s=1.0)
        await asyncio.sleep(1)
        assert not made.world.machine.spools
        made.world.crew.die(made.leader, "kill")
        await made.led(2)
        await asyncio.sleep(3)
        assert made.said("spool.found") == []

    Crewed(script, seconds=40, config=LEANS)


def test_what_could_not_be_dropped_is_found_to_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: SimSpool, names: object) -> "asyncio.Future[None]":
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        failed.set_exception(OSError("read-only"))
        return failed

    async def script(made: Crewed) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(SimSpool, "drop", fails)
            sent = await out_by_the_spool(made)
            made.world.machine._engines[made.leader.incarnation]._under_way.clear()
            for epoch in (2, 3):
                made.world.crew.die(made.leader, "kill")
                await made.led(epoch, within_s=20)
                await asyncio.sleep(3)
        assert len(made.said("spool.found")) == len(sent), "by the first alone"
        assert len(made.said("spool.kept")) == 2
        assert made.world.machine.spools

    Crewed(script, seconds=60, config=LEANS)


def test_until_it_can_be_read_nothing_new_is_risked(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = SimSpool.open

    def silent(self: SimSpool, life: str) -> "asyncio.Future[list[Left]]":
        return asyncio.get_running_loop().create_future()

    def broken(self: SimSpool, life: str) -> "asyncio.Future[list[Left]]":
        failed: asyncio.Future[list[Left]] = asyncio.get_running_loop().create_future()
        failed.set_exception(OSError("no such disk"))
        return failed

    async def script(made: Crewed) -> None:
        await made.ready()
        for epoch, away in ((2, broken), (3, silent)):
            monkeypatch.setattr(SimSpool, "open", away)
            made.world.crew.die(made.leader, "kill")
            await made.led(epoch)
            await asyncio.sleep(3)
            ladder = made.leader.node.shell.desk.state.ladder
            assert ladder.demands(DESK, "spool") is Mode.REDUCE_ONLY
            if away is silent:  # a question that nobody answers is not asked again
                made.leader.node._spool._asked.set_result([])  # type: ignore[union-attr]
            monkeypatch.setattr(SimSpool, "open", opened)
            await asyncio.sleep(3)
            assert not ladder.holds(DESK, "spool")
            assert made.leader.node.shell.spooling._spool is not None

    Crewed(script, seconds=40)


def test_one_that_is_broken_is_kept_until_a_person_has_looked() -> None:
    async def script(made: Crewed) -> None:
        await out_by_the_spool(made, stalls_s=1.0)
        spools = made.world.machine.spools
        [(name, data)] = spools.items()
        await asyncio.sleep(1)
        spools[name] = b"x" + data[1:] + data  # a hole before a whole frame
        made.world.crew.die(made.leader, "kill")
        await made.led(2)
        await asyncio.sleep(2)
        ladder = made.leader.node.shell.desk.state.ladder
        [told] = [held for _, cause, held in ladder.told() if cause == "spool"]
        assert told.mode is Mode.REDUCE_ONLY
        assert name in told.why
        assert spools[name]
        del spools[name]  # a person moved it away
        await asyncio.sleep(2)
        assert not ladder.holds(DESK, "spool")

    Crewed(script, seconds=40, config=LEANS)


def test_what_another_journal_s_life_left_is_told_and_left_there() -> None:
    async def script(made: Crewed) -> None:
        await made.ready()
        made.world.machine.spools["1-7"] = b""  # it may be open yet
        made.world.crew.die(made.leader, "kill")
        await made.led(2)
        await asyncio.sleep(2)
        assert len(made.said("spool.strange")) == 1
        assert made.said("spool.found") == []
        assert list(made.world.machine.spools) == ["1-7"]

    Crewed(script, seconds=30, config=LEANS)


def test_half_of_all_worlds_have_one() -> None:
    assert 400 < sum(spooled(seed) for seed in range(1_000)) < 600
    assert spooled(3), "the seed of these tests"
