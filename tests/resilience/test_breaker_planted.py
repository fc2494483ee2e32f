"""Mistakes that breakers are known for, planted: the model finds each of them."""

from collections.abc import Callable

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from nightdesk.model.time import Mono
from nightdesk.resilience import breaker
from nightdesk.resilience.breaker import Breaker, Permit, State
from resilience.test_breaker import AgainstTheReference

Plant = Callable[[pytest.MonkeyPatch], None]


def half_open_admits_everybody_who_waits(patch: pytest.MonkeyPatch) -> None:
    def stampede(self: Breaker, now: Mono) -> Permit | None:
        held = self.state(now) in breaker.OPENED
        return None if held else Permit(self._generation, now)

    patch.setattr(Breaker, "acquire", stampede)


def a_cancellation_is_a_failure(patch: pytest.MonkeyPatch) -> None:
    def counted(self: Breaker, permit: Permit, now: Mono) -> None:
        self._ended(permit, now, failed=True)

    patch.setattr(Breaker, "released", counted)


def a_cancellation_keeps_its_permit(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Breaker, "released", lambda self, permit, now: self._settle(permit))


def a_late_result_counts_for_the_present_state(patch: pytest.MonkeyPatch) -> None:
    ended = Breaker._ended

    def late(self: Breaker, permit: Permit, now: Mono, *, failed: bool) -> None:
        self.state(now)
        permit.generation = self._generation
        ended(self, permit, now, failed=failed)

    patch.setattr(Breaker, "_ended", late)


def a_late_permit_is_given_back_to_another_state(patch: pytest.MonkeyPatch) -> None:
    released = Breaker.released

    def late(self: Breaker, permit: Permit, now: Mono) -> None:
        self.state(now)
        permit.generation = self._generation
        released(self, permit, now)

    patch.setattr(Breaker, "released", late)


def the_wait_does_not_grow(patch: pytest.MonkeyPatch) -> None:
    become = Breaker._become

    def forgetful(self: Breaker, *given: object) -> None:
        self._opened = 0
        become(self, *given)  # type: ignore[arg-type]  # the same as it was called with

    patch.setattr(Breaker, "_become", forgetful)


def a_retry_after_is_not_heeded(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Breaker, "_heed", lambda *_: None)


def slow_calls_are_not_counted(patch: pytest.MonkeyPatch) -> None:
    ended = Breaker._ended

    def quick(self: Breaker, permit: Permit, now: Mono, *, failed: bool) -> None:
        permit.began = now
        ended(self, permit, now, failed=failed)

    patch.setattr(Breaker, "_ended", quick)


def only_failures_in_a_row_open_it(patch: pytest.MonkeyPatch) -> None:
    def row(self: Breaker, now: Mono) -> str:
        most = self._rules.in_a_row_max
        return "in a row" if 0 < most <= self._in_a_row else ""

    patch.setattr(Breaker, "_over", row)


def metrics_only_opens(patch: pytest.MonkeyPatch) -> None:
    ended = Breaker._ended

    def deciding(self: Breaker, permit: Permit, now: Mono, *, failed: bool) -> None:
        ended(self, permit, now, failed=failed)
        if self.state(now) is State.METRICS_ONLY and self._over(now):
            self._become(State.OPEN, now, "over")

    patch.setattr(Breaker, "_ended", deciding)


PLANTS: tuple[Plant, ...] = (
    half_open_admits_everybody_who_waits,
    a_cancellation_is_a_failure,
    a_cancellation_keeps_its_permit,
    a_late_result_counts_for_the_present_state,
    a_late_permit_is_given_back_to_another_state,
    the_wait_does_not_grow,
    a_retry_after_is_not_heeded,
    slow_calls_are_not_counted,
    only_failures_in_a_row_open_it,
    metrics_only_opens,
)


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_a_known_mistake_is_found(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    found = settings(
        max_examples=2_000,
        stateful_step_count=40,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(AgainstTheReference, settings=found)  # type: ignore[no-untyped-call]  # hypothesis' own
