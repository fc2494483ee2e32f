"""How much of a venue's allowance is in use, at every tick: a desk slows down before it finds no room."""

from collections.abc import Callable

from nightdesk.desk.events import Event, Health
from nightdesk.model.mode import Mode
from nightdesk.model.time import SECOND_NS, Mono
from nightdesk.resilience.budget import Budget
from nightdesk.runtime.sharing import Sharing

CALM_NS = 5 * SECOND_NS  # without a reason, before anything is loosened


class BudgetWatch:
    """Tells the cause `budget` of one venue's scope, and only where it changes; says where it is not shared
    with the other processes of the host as it should be."""

    def __init__(
        self,
        scope: str,
        budget: Budget,
        sharing: Sharing,
        *,
        mono: Callable[[], Mono],
        tell: Callable[[Event], None],
        say: Callable[..., None],
    ) -> None:
        self._scope = scope
        self._budget = budget
        self._sharing = sharing
        self._mono = mono
        self._tell = tell
        self._say = say
        self._alone = False
        self._mode: Mode | None = None  # an earlier life may have left the cause in force
        self._calm_since: Mono | None = None

    def look(self) -> None:
        """At every tick."""
        now, before = self._mono(), self._mode
        mode = self._budget.demands(before or Mode.NORMAL, now)
        self._look_around()
        self._say_narrowed()
        if before is None or mode > before:
            self._demand(mode, now)
        elif mode == before:
            self._calm_since = None
        elif self._calm_since is None:
            self._calm_since = now
        elif now - self._calm_since >= CALM_NS:
            self._demand(mode, now)

    def _look_around(self) -> None:
        why = self._sharing.away
        if bool(why) is self._alone:
            return
        self._alone = bool(why)
        if why:
            why = f"{why}; until it is back this process keeps to its fixed share of the allowance"
            self._say("warning", "budget.alone", why=why)
        else:
            self._say("info", "budget.shared", why="what others of this host use is known again")

    def _say_narrowed(self) -> None:
        told, self._budget.narrowed = self._budget.narrowed, []
        for limit, most in told:
            if not limit.spread:
                seconds = limit.length_ns / SECOND_NS
                what = (
                    f"{most} of {limit.unit} in {seconds:g} s, where {limit.most} were counted on"
                )
                self._say("warning", "budget.narrowed", why=f"the venue allows {what}")

    def _demand(self, mode: Mode, now: Mono) -> None:
        self._mode, self._calm_since = mode, None
        why = f"{self._budget.use_percent(now):.0f} % of what the venue allows is in use"
        self._tell(Health(scope=self._scope, cause="budget", mode=mode, why=why))
