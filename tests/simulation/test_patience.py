"""A world that never ends is left, whatever it does; one that ends hears nothing of it."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from nightdesk.simulation.loop import run
from nightdesk.simulation.patience import OutOfPatience, patience


@pytest.fixture(autouse=True)
def a_terminal() -> Iterator[None]:
    """Ctrl-C as a terminal's job hears it: a shell's background job is deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_what_never_ends_is_left() -> None:
    async def spins() -> None:
        while True:
            await asyncio.sleep(0)

    told = r"not over after 0.05 s of wall time: it was in \S+:\d+"
    with pytest.raises(OutOfPatience, match=told), patience(0.05):
        run(spins)


def test_what_swallows_the_first_try_is_left_at_a_later_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nightdesk.simulation.patience.AGAIN_S", 0.02)
    swallowed: list[BaseException] = []

    def careless() -> None:
        while not swallowed:
            try:
                while True:
                    pass
            except BaseException as error:  # noqa: BLE001 as a careless strategy does
                swallowed.append(error)
        while True:
            pass

    with pytest.raises(OutOfPatience), patience(0.02):
        careless()
    assert len(swallowed) == 1


def test_what_ends_in_time_leaves_no_alarm_behind() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with patience(60.0):
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) == before


def test_a_loop_is_stopped_between_two_callbacks() -> None:
    ended: list[bool] = []

    async def spins() -> None:
        while True:
            ended.append(False)
            for _ in range(1_000):
                pass
            ended[-1] = True
            await asyncio.sleep(0)

    with pytest.raises(OutOfPatience), patience(0.05):
        run(spins)
    assert ended
    assert all(ended)


def test_an_interrupt_stops_a_loop_in_the_same_way() -> None:
    async def spins() -> None:
        while True:
            await asyncio.sleep(0)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as raised, patience(60.0):
        run(spins)
    assert not isinstance(raised.value, OutOfPatience)


@pytest.mark.parametrize(("number", "raises"), [(signal.SIGINT, True), (signal.SIGALRM, False)])
def test_what_ends_in_the_moment_of_a_signal_was_not_late_but_is_interrupted(
    number: signal.Signals, raises: bool
) -> None:
    async def ends() -> int:
        signal.raise_signal(number)
        return 7

    with pytest.raises(KeyboardInterrupt) if raises else nullcontext(), patience(60.0):
        assert run(ends) == 7


def test_an_interrupt_that_the_parent_hears_is_left_to_it() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with patience(60.0):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_what_breaks_by_itself_is_told_as_it_is() -> None:
    with pytest.raises(RuntimeError, match="by itself"), patience(60.0):
        raise RuntimeError("by itself")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_that_finds_no_loop_leaves_what_is_being_made_whole(number: signal.Signals) -> None:
    """A loop that is half made when it goes would say so on stderr."""
    went_on: list[str] = []

    async def spins() -> None:
        went_on.append("a loop runs")
        while True:
            await asyncio.sleep(0)

    def stopped_while_it_is_made() -> None:
        signal.raise_signal(number)
        run(spins)

    before = signal.signal(number, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), patience(60.0):
            stopped_while_it_is_made()
    finally:
        signal.signal(number, before)
    assert went_on == ["a loop runs"]


def test_a_stop_between_two_worlds_is_not_forgotten() -> None:
    with pytest.raises(KeyboardInterrupt), patience(60.0):
        signal.raise_signal(signal.SIGINT)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
