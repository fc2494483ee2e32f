"""A breaker as one would explain it: every instant is lived through, every result is kept and counted anew.

Slow and plain, and it shares nothing with the real one but its words.
"""

from nightdesk.resilience.breaker import Rules, State
from nightdesk.resilience.window import LastCalls


class Reference:
    """Names permits by number; `heard` is every change as (before, after, when)."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.now = 0
        self.state = State.CLOSED
        self.life = 0  # how many changes there were
        self.until: int | None = None
        self.opened = 0
        self.results: list[tuple[int, bool, bool]] = []  # of this life: when, failed, slow
        self.lent: dict[int, tuple[int, int]] = {}  # permit -> in which life, when
        self.used = 0  # permits of this life that are out, or were not given back
        self.heard: list[tuple[State, State, int]] = []

    def live_to(self, now: int) -> None:
        for instant in range(self.now + 1, now + 1):
            self.now = instant
            if self.until == instant:
                self._turn(State.HALF_OPEN if self.state is State.OPEN else self.rules.then)
        self.now = now

    def acquire(self, permit: int) -> bool:
        if self.state in (State.OPEN, State.FORCED_OPEN):
            return False
        if self.state is State.HALF_OPEN and self.used >= self.rules.half_open_calls:
            return False
        self.lent[permit] = (self.life, self.now)
        self.used += 1
        return True

    def release(self, permit: int) -> None:
        life, _ = self.lent.pop(permit)
        if life == self.life:
            self.used -= 1

    def end(self, permit: int, *, failed: bool, wait: int) -> None:
        life, began = self.lent.pop(permit)
        counted = (State.CLOSED, State.HALF_OPEN, State.METRICS_ONLY)
        if life == self.life and self.state in counted:
            self.results.append((self.now, failed, self.now - began > self.rules.slow_ns))
            self._judge()
        if wait and self.state in (State.CLOSED, State.HALF_OPEN):
            self._turn(State.OPEN)
            assert self.until is not None
            self.until = max(self.until, self.now + wait)
        elif wait and self.state is State.OPEN:
            assert self.until is not None
            self.until = max(self.until, self.now + wait)

    def set(self, state: State) -> None:
        if state is not self.state:
            self._turn(state)

    def seen(self) -> list[tuple[int, bool, bool]]:
        """The results that are looked at."""
        window = self.rules.window
        if self.state is State.HALF_OPEN:
            return self.results[-self.rules.half_open_calls :]
        if isinstance(window, LastCalls):
            return self.results[-window.most :]
        part = window.span_ns // 10
        return [result for result in self.results if result[0] // part > self.now // part - 10]

    def over(self) -> bool:
        rules, seen = self.rules, self.seen()
        row = 0
        for _, failed, _ in reversed(self.results):
            if not failed:
                break
            row += 1
        if rules.in_a_row_max and row >= rules.in_a_row_max:
            return True
        if len(seen) < self._enough():
            return False
        failures = sum(failed for _, failed, _ in seen) / len(seen)
        slow = sum(slow for _, _, slow in seen) / len(seen)
        return failures >= rules.failed_percent / 100 or slow >= rules.slow_percent / 100

    def _enough(self) -> int:
        rules = self.rules
        if self.state is State.HALF_OPEN:
            return min(rules.calls_min, rules.half_open_calls)
        most = rules.window.most if isinstance(rules.window, LastCalls) else rules.calls_min
        return min(rules.calls_min, most)

    def _judge(self) -> None:
        if self.state is State.METRICS_ONLY:
            return
        if self.over():
            self._turn(State.OPEN)
        elif self.state is State.HALF_OPEN and len(self.results) >= self._enough():
            self._turn(State.CLOSED)

    def _turn(self, state: State) -> None:
        self.heard.append((self.state, state, self.now))
        self.state, self.until, self.results, self.used = state, None, [], 0
        self.life += 1
        if state is State.OPEN:
            self.opened += 1
            self.until = self.now + self.rules.wait_ns(self.opened)
        elif state is State.HALF_OPEN:
            if self.rules.half_open_max_ns:
                self.until = self.now + self.rules.half_open_max_ns
        else:
            self.opened = 0
