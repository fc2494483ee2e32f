"""What a breaker comes to is said, and only what holds new risk back changes a mode."""

import asyncio
from typing import Any

import pytest

from nightdesk.desk.events import Health
from nightdesk.model.mode import Mode
from nightdesk.model.time import SECOND_NS, Mono
from nightdesk.node.breaker_watch import BreakerWatch
from nightdesk.runtime.guard import Guard, Operation, by_wire
from nightdesk.simulation.loop import run
from nightdesk.venues.http import HttpFailure

LOST = HttpFailure(written=False, timed_out=False, cause="c")


class Rig:
    """A guard whose clock is in the test's hands."""

    def __init__(self) -> None:
        self.now = Mono(0)
        self.guard = Guard(lambda: self.now, lambda: 1.0, by_wire)
        self.told: list[Health] = []
        self.said: list[tuple[str, str, dict[str, str]]] = []
        tell: Any = self.told.append
        self.watch = BreakerWatch("venue/a", self.guard, tell=tell, say=self._say)
        self.watch.begin()

    def _say(self, level: str, event: str, **fields: str) -> None:
        self.said.append((level, event, fields))

    def fail(self, operation: Operation, times: int) -> None:
        for _ in range(times):
            self.guard.missed(operation, LOST)

    def passes(self, seconds: int) -> None:
        self.now = Mono(self.now + seconds * SECOND_NS)
        self.watch.look()


def test_a_start_lifts_what_an_earlier_life_met() -> None:
    (told,) = Rig().told
    assert (told.scope, told.cause, told.mode) == ("venue/a", "breaker", Mode.NORMAL)


def test_new_risk_stops_while_it_is_held_back_and_is_careful_while_a_few_are_let_through() -> None:
    rig = Rig()
    rig.fail(Operation.ENTRY, 5)
    rig.passes(1)
    rig.passes(10)
    assert [told.mode for told in rig.told[1:]] == [Mode.REDUCE_ONLY, Mode.CAUTIOUS, Mode.NORMAL]
    assert [(level, event, said["state"]) for level, event, said in rig.said] == [
        ("warning", "breaker.changed", "open"),
        ("warning", "breaker.changed", "half_open"),
        ("info", "breaker.changed", "closed"),
    ]
    assert rig.said[0][2] == {
        "operation": "entry",
        "state": "open",
        "before": "closed",
        "why": "5 failed in a row",
        "at_most_s": "1",
    }


@pytest.mark.parametrize("operation", [Operation.READ, Operation.CANCEL, Operation.EXIT])
def test_no_other_breaker_changes_a_mode(operation: Operation) -> None:
    rig = Rig()
    rig.fail(operation, 60)
    assert len(rig.told) == 1
    assert [said["operation"] for _, _, said in rig.said] == ["read"] * (
        operation is Operation.READ
    )


def test_it_hears_what_a_request_of_a_loop_comes_to() -> None:
    async def main() -> None:
        rig = Rig()
        for _ in range(5):
            settle = rig.guard.enter(Operation.ENTRY)
            assert settle is not None
            future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            future.add_done_callback(settle)
            future.set_result(HttpFailure(written=True, timed_out=True, cause="c"))
        await asyncio.sleep(0)
        assert rig.told[-1].mode is Mode.REDUCE_ONLY

    run(main)
