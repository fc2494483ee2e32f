"""The breaker against resilience4j's semantics, said as a table, and against a plain model of them."""

from collections.abc import Callable, Sequence

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from nightdesk.model.time import SECOND_NS, Mono
from nightdesk.resilience.breaker import Breaker, Change, Permit, Rules, State, growing
from nightdesk.resilience.window import LastCalls, LastWhile
from resilience.reference import Reference

START = Mono(1_000)
CLOSED, OPEN, HALF_OPEN = State.CLOSED, State.OPEN, State.HALF_OPEN
PLAIN = Rules(
    window=LastCalls(4),
    calls_min=4,
    slow_ns=10,
    wait_ns=growing(100, 800),
    half_open_calls=2,
)


class Driven:
    """A breaker and a clock in the test's hands, driven by short words."""

    def __init__(self, rules: Rules = PLAIN, state: State = CLOSED) -> None:
        self.now = START
        self.changes: list[Change] = []
        self.breaker = Breaker(rules, state=state, changed=self.changes.append)
        self.out: list[Permit] = []  # calls under way
        self.let: list[bool] = []  # which calls were let through

    def drive(self, words: str) -> "Driven":
        """`.` succeeded, `x` failed, `s` slow success, `/` cancelled; `(` begins a call, and `)` `!` `~` end
        the one that began first as succeeded, failed, cancelled; digits pass that many tens of ns."""
        for word in words.split():
            if word.isdecimal():
                self.now = Mono(self.now + 10 * int(word))
            else:
                for letter in word:
                    self._one(letter)
        return self

    def begin(self) -> bool:
        permit = self.breaker.acquire(self.now)
        self.let.append(permit is not None)
        if permit is not None:
            self.out.append(permit)
        return permit is not None

    def end(self, letter: str, index: int) -> None:
        permit = self.out.pop(index)
        match letter:
            case "." | ")" | "s":
                self.breaker.succeeded(permit, self.now)
            case "x" | "!":
                self.breaker.failed(permit, self.now)
            case _:
                self.breaker.released(permit, self.now)

    def _one(self, letter: str) -> None:
        if letter == "(":
            self.begin()
        elif letter in ")!~":
            self.end(letter, 0)
        elif self.begin():
            if letter == "s":
                self.now = Mono(self.now + 11)
            self.end(letter, -1)

    @property
    def state(self) -> State:
        return self.breaker.state(self.now)


def with_(**changes: object) -> Rules:
    return msgspec.structs.replace(PLAIN, **changes)


# What was said; the rules; what happened; the state it comes to.
SEMANTICS: list[tuple[str, Rules, str, State]] = [
    ("closed while too few calls were made", PLAIN, "xxx", CLOSED),
    ("open at the failure rate", PLAIN, "..xx", OPEN),
    ("closed below the failure rate", PLAIN, "...x", CLOSED),
    ("the rate is judged after a success too", PLAIN, "xx..", OPEN),
    ("old calls leave a count window", PLAIN, "..x... x", CLOSED),
    ("a minimum beyond the window is the window", with_(calls_min=99), "..xx", OPEN),
    ("slow calls open it", PLAIN, "ssss", OPEN),
    ("some slow calls do not, at 100 percent", PLAIN, "sss.", CLOSED),
    ("some slow calls do, at 50 percent", with_(slow_percent=50), "s.s.", OPEN),
    ("a call of just the limit is not slow", PLAIN, "( 1 ) ( 1 ) ( 1 ) ( 1 )", CLOSED),
    ("failures in a row open it below the minimum", with_(in_a_row_max=3), ".xxx", OPEN),
    (
        "a success ends a row",
        with_(in_a_row_max=3, window=LastCalls(9), calls_min=9),
        "xx.xx",
        CLOSED,
    ),
    ("a cancellation does not end a row", with_(in_a_row_max=3), "xx/x", OPEN),
    ("cancellations never open it", with_(in_a_row_max=3), "//////////", CLOSED),
    ("open it stays while the wait lasts", PLAIN, "xxxx 9", OPEN),
    ("open it ends with the wait", PLAIN, "xxxx 10", HALF_OPEN),
    ("half open and good it closes", PLAIN, "xxxx 10 ..", CLOSED),
    ("half open one good call of two is not enough", PLAIN, "xxxx 10 .", HALF_OPEN),
    ("half open and half bad it opens", PLAIN, "xxxx 10 .x", OPEN),
    ("half open and slow it opens", PLAIN, "xxxx 10 ss", OPEN),
    ("half open a cancellation decides nothing", PLAIN, "xxxx 10 ////.", HALF_OPEN),
    ("half open fewer calls than the minimum decide", with_(calls_min=1), "x 10 .", CLOSED),
    ("a wait grows with every opening", PLAIN, "xxxx 10 xx 19", OPEN),
    ("a wait grows twofold", PLAIN, "xxxx 10 xx 20", HALF_OPEN),
    ("closing forgets the grown wait", PLAIN, "xxxx 10 xx 20 .. xxxx 10", HALF_OPEN),
    ("half open for ever without calls", PLAIN, "xxxx 10 9999", HALF_OPEN),
    ("half open too long it opens", with_(half_open_max_ns=50), "xxxx 10 ( 5", OPEN),
    (
        "or closes, where the rules say so",
        with_(half_open_max_ns=50, then=CLOSED),
        "x" * 4 + " 15",
        CLOSED,
    ),
    ("a late failure does not open it again", with_(in_a_row_max=1), "(( ! 10 . . !", CLOSED),
    ("a late success does not close it", with_(half_open_calls=1), "( xxxx 10 )", HALF_OPEN),
    ("old calls leave a time window", with_(window=LastWhile(100)), "xx 10 xx", CLOSED),
    ("young calls stay in a time window", with_(window=LastWhile(100)), "xx 8 xx", OPEN),
]


@pytest.mark.parametrize(
    ("said", "rules", "words", "comes_to"), SEMANTICS, ids=lambda v: str(v)[:45]
)
def test_the_semantics(said: str, rules: Rules, words: str, comes_to: State) -> None:
    assert Driven(rules).drive(words).state is comes_to, said


def test_half_open_lets_no_more_through_than_its_permits() -> None:
    driven = Driven().drive("xxxx 10")
    driven.let.clear()
    driven.drive("(" * 100)
    assert sum(driven.let) == PLAIN.half_open_calls


def test_a_cancelled_call_gives_its_permit_back() -> None:
    driven = Driven().drive("xxxx 10 ((~")
    assert driven.begin()
    assert not driven.begin()


def test_a_permit_of_an_earlier_state_is_not_given_back_to_this_one() -> None:
    driven = Driven().drive("((( xxxx 10 ((")
    driven.let.clear()
    driven.drive("~~~ (")
    assert driven.let == [False]


@pytest.mark.parametrize("state", [State.DISABLED, State.METRICS_ONLY])
def test_what_decides_nothing_lets_everything_through(state: State) -> None:
    driven = Driven(state=state).drive("x" * 50)
    assert all(driven.let)
    assert driven.state is state


def test_metrics_only_tells_what_would_open_it() -> None:
    driven = Driven(state=State.METRICS_ONLY).drive("..xx")
    standing = driven.breaker.told(driven.now)
    assert (standing.tally.calls, standing.tally.failed) == (4, 2)
    assert standing.over == "2 of 4 failed"


def test_disabled_counts_nothing() -> None:
    driven = Driven(state=State.DISABLED).drive("xxxx")
    assert driven.breaker.told(driven.now).tally.calls == 0


def test_forced_open_holds_everything_back_until_another_state_is_set() -> None:
    driven = Driven()
    driven.breaker.set(State.FORCED_OPEN, driven.now, "by hand")
    driven.drive("99999 (")
    assert (driven.let, driven.state) == ([False], State.FORCED_OPEN)
    driven.breaker.set(CLOSED, driven.now, "by hand")
    assert driven.begin()


@pytest.mark.parametrize(
    ("before", "waits", "until"),
    [
        ("(", 500, 500),  # closed: it opens at once, for as long as was asked
        ("(", 50, 100),  # but never for less than its own wait
        ("xxxx 10 (", 900, 1_000),  # half open as well
        ("( xxxx", 900, 900),  # open: longer
        ("( xxxx", 20, 100),  # never shorter
    ],
)
def test_a_wait_that_is_asked_for_is_heeded(before: str, waits: int, until: int) -> None:
    driven = Driven().drive(before)
    driven.breaker.failed(driven.out.pop(), driven.now, wait_ns=waits, why="503, Retry-After")
    standing = driven.breaker.told(driven.now)
    assert (standing.state, standing.until) == (OPEN, START + until)


def test_every_change_is_told_with_its_reason_and_its_own_time() -> None:
    driven = Driven(with_(half_open_max_ns=50)).drive("xxxx 99")
    assert driven.state is OPEN
    told = [(c.before, c.after, c.at - START, c.why) for c in driven.changes]
    assert (
        told
        == [
            (CLOSED, OPEN, 0, "4 of 4 failed"),
            (OPEN, HALF_OPEN, 100, "the wait is over"),
            (HALF_OPEN, OPEN, 150, "nothing was decided half open"),
            (OPEN, HALF_OPEN, 350, "the wait is over"),
            (HALF_OPEN, OPEN, 400, "nothing was decided half open"),
            (OPEN, HALF_OPEN, 800, "the wait is over"),
            (HALF_OPEN, OPEN, 850, "nothing was decided half open"),
        ][: len(told)]
    )
    assert len(told) >= 6


def test_a_call_ends_once() -> None:
    driven = Driven()
    driven.begin()
    permit = driven.out[0]
    driven.breaker.succeeded(permit, driven.now)
    with pytest.raises(AssertionError, match="once"):
        driven.breaker.released(permit, driven.now)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: with_(calls_min=0), "at least 1"),
        (lambda: with_(failed_percent=0), "1 to 100"),
        (lambda: with_(then=State.DISABLED), "not to disabled"),
        (lambda: LastCalls(0), "holds nothing"),
        (lambda: LastWhile(9), "no 10 parts"),
    ],
)
def test_rules_that_mean_nothing_are_refused(made: Callable[[], object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        made()


def test_the_defaults_are_the_peers() -> None:
    rules = Rules()
    assert rules.window == LastCalls(100)
    assert (rules.calls_min, rules.failed_percent, rules.slow_percent) == (100, 50, 100)
    assert (rules.slow_ns, rules.wait_ns(1), rules.wait_ns(9)) == (60 * SECOND_NS,) * 3
    assert (rules.half_open_calls, rules.half_open_max_ns, rules.then) == (10, 0, OPEN)


def _drawn_rules() -> st.SearchStrategy[Rules]:
    small = st.integers(1, 6)
    return st.builds(
        Rules,
        window=st.one_of(st.builds(LastCalls, small), st.builds(LastWhile, st.integers(10, 60))),
        calls_min=small,
        failed_percent=st.sampled_from([10, 33, 50, 100]),
        slow_percent=st.sampled_from([25, 50, 100]),
        slow_ns=st.integers(0, 5),
        in_a_row_max=st.integers(0, 4),
        wait_ns=st.builds(growing, st.integers(1, 10), st.integers(10, 40)),
        half_open_calls=small,
        half_open_max_ns=st.integers(0, 12),
        then=st.sampled_from([OPEN, CLOSED]),
    )


class AgainstTheReference(RuleBasedStateMachine):
    """Whatever is done to both, both say the same."""

    @initialize(rules=_drawn_rules())
    def begin(self, rules: Rules) -> None:
        self.rules = rules
        self.now = 0
        self.heard: list[tuple[State, State, int]] = []
        self.breaker = Breaker(
            rules, changed=lambda c: self.heard.append((c.before, c.after, c.at))
        )
        self.reference = Reference(rules)
        self.out: list[tuple[int, Permit]] = []
        self.made = 0

    def _both(self) -> None:
        self.reference.live_to(self.now)

    @rule(more=st.integers(0, 30))
    def time_passes(self, more: int) -> None:
        self.now += more
        self._both()

    @rule()
    def a_call_begins(self) -> None:
        permit = self.breaker.acquire(Mono(self.now))
        assert (permit is not None) == self.reference.acquire(self.made)
        if permit is not None:
            self.out.append((self.made, permit))
        self.made += 1

    @precondition(lambda self: self.out)
    @rule(which=st.integers(0, 99), failed=st.booleans(), wait=st.sampled_from([0, 0, 0, 5, 50]))
    def a_call_ends(self, which: int, *, failed: bool, wait: int) -> None:
        name, permit = self.out.pop(which % len(self.out))
        if failed:
            self.breaker.failed(permit, Mono(self.now), wait_ns=wait)
        else:
            self.breaker.succeeded(permit, Mono(self.now))
        self.reference.end(name, failed=failed, wait=wait if failed else 0)

    @precondition(lambda self: self.out)
    @rule(which=st.integers(0, 99))
    def a_call_is_cancelled(self, which: int) -> None:
        name, permit = self.out.pop(which % len(self.out))
        self.breaker.released(permit, Mono(self.now))
        self.reference.release(name)

    @rule(state=st.sampled_from(State))
    def somebody_sets_a_state(self, state: State) -> None:
        self.breaker.set(state, Mono(self.now), "by hand")
        self.reference.set(state)

    @invariant()
    def they_agree(self) -> None:
        standing, reference = self.breaker.told(Mono(self.now)), self.reference
        seen: Sequence[tuple[int, bool, bool]] = reference.seen()
        assert standing.state is reference.state
        assert standing.until == reference.until
        assert standing.tally == (
            len(seen),
            sum(failed for _, failed, _ in seen),
            sum(slow for _, _, slow in seen),
        )
        assert self.heard == reference.heard
        if reference.state is State.METRICS_ONLY:
            assert bool(standing.over) == reference.over()


TestAgainstTheReference = AgainstTheReference.TestCase
TestAgainstTheReference.settings = settings(max_examples=300, stateful_step_count=60)
