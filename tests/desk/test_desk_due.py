"""The desk knows when a tick has something to do: before that, and without an event, it decides nothing."""

import pytest

from nightdesk.desk import degrade
from nightdesk.desk.desk import Desk
from nightdesk.desk.events import Decision, Tick
from nightdesk.model.time import Moment, Mono
from nightdesk.runtime.venue_clock import STEP_NS
from nightdesk.simulation.campaign import SeedOptions, run_seed


@pytest.mark.parametrize("seed", range(12))
def test_no_tick_of_a_world_would_have_decided_anything_before_it_was_due(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every tick that is passed over is made all the same, and must come to nothing. UTC may move by `STEP_NS`
    before anybody calls it stepped, and a due time moves with it."""
    passes_time = Desk._pass_time
    passed_over = [0]

    def checked(desk: Desk, tick: Tick, moment: Moment) -> Decision:
        early = moment.mono < desk.quiet_until - STEP_NS and not degrade.strained(tick)
        said_until, desk.quiet_until = desk.quiet_until, Mono(0)
        decision = passes_time(desk, tick, moment)
        if early:
            passed_over[0] += 1
            made = [*decision.records, *decision.at_once, *decision.after]
            assert not made, (
                f"{made} at {moment.mono}, which was said to be quiet until {said_until}"
            )
        return decision

    monkeypatch.setattr(Desk, "_pass_time", checked)
    ended = run_seed(seed, SeedOptions(seconds=60.0)).ended
    assert not ended.broke, ended.broke
    assert passed_over[0] > 20  # a world in which much happens passes over few
