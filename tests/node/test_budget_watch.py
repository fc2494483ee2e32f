"""A desk is told to be careful at once, and that it need not be any more only after a calm."""

from msgspec.structs import replace

from nightdesk.desk.events import Event, Health
from nightdesk.model.mode import Mode
from nightdesk.model.time import SECOND_NS, Mono
from nightdesk.node.budget_watch import CALM_NS, BudgetWatch
from nightdesk.ports.boards import Allowance
from nightdesk.resilience.board import Rows
from nightdesk.resilience.budget import Budget, Cost, Limit, Rank
from nightdesk.runtime.sharing import Sharing
from nightdesk.simulation.boards import MachineBoard


class Rig:
    """A budget of a hundred, and what was told of it."""

    def __init__(self) -> None:
        self.now = Mono(100 * SECOND_NS)
        self.budget = Budget([Limit(unit="weight", most=100, length_ns=10 * SECOND_NS)])
        self.told: list[Event] = []
        self.said: list[tuple[str, str]] = []
        self.rows = Rows([10 * SECOND_NS])
        self.board = MachineBoard("a board", self.rows, {})
        self.watch = BudgetWatch(
            "venue/v",
            self.budget,
            Sharing(self.budget, Allowance(address=self.board)),
            mono=lambda: self.now,
            tell=self.told.append,
            say=self.say,
        )

    def say(self, level: str, event: str, why: str) -> None:
        self.said.append((level, event))
        self.why = why

    def use(self, amount: int) -> None:
        cost = Cost(rank=Rank.FLATTEN, spends=(("weight", amount),))
        self.budget.settle(self.budget.spend(cost, self.now), self.now, {})

    def look(self, after_ns: int = 0) -> list[Mode]:
        self.now = Mono(self.now + after_ns)
        self.watch.look()
        healths = [event for event in self.told if isinstance(event, Health)]
        assert all((h.scope, h.cause) == ("venue/v", "budget") for h in healths)
        self.told.clear()
        return [health.mode for health in healths]


def test_what_an_earlier_life_left_in_force_is_lifted_at_the_first_look() -> None:
    rig = Rig()
    assert rig.look() == [Mode.NORMAL]
    assert rig.look(SECOND_NS) == []


def test_it_is_tightened_at_once_and_loosened_after_a_calm() -> None:
    rig = Rig()
    rig.look()
    rig.use(88)
    assert rig.look() == [Mode.CAUTIOUS]
    rig.use(5)
    assert rig.look() == [Mode.REDUCE_ONLY]
    assert rig.look(11 * SECOND_NS) == []
    assert rig.look(CALM_NS - 1) == []
    assert rig.look(1) == [Mode.NORMAL]


def test_a_calm_that_is_broken_begins_anew() -> None:
    rig = Rig()
    rig.look()
    rig.use(95)
    assert rig.look() == [Mode.REDUCE_ONLY]
    assert rig.look(11 * SECOND_NS) == []
    rig.use(95)
    assert rig.look(CALM_NS) == []
    assert rig.look(11 * SECOND_NS) == []
    assert rig.look(CALM_NS) == [Mode.NORMAL]


def test_a_board_that_is_away_is_said_once_and_its_return_too() -> None:
    rig = Rig()
    rig.look()
    assert not rig.said
    rig.board.away = "nobody knows where it is"
    rig.look(SECOND_NS)
    rig.look(SECOND_NS)
    rig.board.away = ""
    rig.look(SECOND_NS)
    rig.look(SECOND_NS)
    assert rig.said == [("warning", "budget.alone"), ("info", "budget.shared")]


def test_a_limit_that_the_venue_narrowed_is_said_once() -> None:
    rig = Rig()
    (whole,) = (window.limit for window in rig.budget.windows)
    rig.budget.narrow([whole])
    rig.look()
    assert not rig.said
    for _ in range(2):
        rig.budget.narrow([replace(whole, most=40)])
        rig.look(SECOND_NS)
    assert rig.said == [("warning", "budget.narrowed")]
    assert rig.why == "the venue allows 40 of weight in 10 s, where 100 were counted on"
