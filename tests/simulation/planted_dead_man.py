"""Mistakes about what a venue cancels by itself once it hears nothing."""

from typing import Any

from nightdesk.model.ids import InstrumentId
from nightdesk.model.time import Mono
from nightdesk.node.node import Node
from nightdesk.resilience.dead_man import Act, Countdown, Resting
from nightdesk.runtime import dead_man
from nightdesk.runtime.dead_man import DeadMan
from nightdesk.runtime.lease import MARGIN_NS
from simulation.planting import Patch, Plant


class _Held:
    """A lease that nobody ever loses."""

    def __init__(self, lease: Any) -> None:
        self._lease = lease

    @property
    def until(self) -> Mono:
        return Mono(self._lease.until + 10**12)

    def held(self, *_: Any) -> bool:
        return True


def a_countdown_is_renewed_without_a_lease(patch: Patch) -> None:
    made = DeadMan.__init__

    def trusting(self: DeadMan, **parts: Any) -> None:
        made(self, **{**parts, "lease": _Held(parts["lease"])})

    patch.setattr(DeadMan, "__init__", trusting)


def a_countdown_runs_over_stops(patch: Patch) -> None:
    resting = dead_man.resting

    def careless(*given: Any) -> Any:
        return {
            instrument: Resting(entries=rests.entries or rests.exits)
            for instrument, rests in resting(*given).items()
        }

    patch.setattr(dead_man, "resting", careless)


def a_deposed_desk_stops_the_countdown(patch: Patch) -> None:
    look = DeadMan.look

    def tidy(self: DeadMan) -> None:
        now, lease = self._requester.mono(), self._lease
        if now < lease.until + MARGIN_NS:
            look(self)
            return
        self._lease = _Held(lease)  # type: ignore[assignment]
        for instrument, countdown in self._countdowns.items():
            if countdown.may_run(now) and countdown.under_way is None:
                self._ask(InstrumentId(instrument), countdown, Act.STOP, now)
        self._lease = lease

    patch.setattr(DeadMan, "look", tidy)


def a_countdown_is_never_renewed(patch: Patch) -> None:
    act = Countdown.act

    def once(self: Countdown, resting: Resting, now: Mono, *, leaving: bool = False) -> Any:
        wanted = act(self, resting, now, leaving=leaving)
        return None if wanted is Act.BEGIN and self.may_run(now) else wanted

    patch.setattr(Countdown, "act", once)


def a_desk_that_ends_disarms_first(patch: Patch) -> None:
    act, stop = Countdown.act, Node.stop

    def disarmed(self: Countdown, resting: Resting, now: Mono, *, leaving: bool = False) -> Any:
        if leaving and self.may_run(now) and self.under_way is None:
            return Act.STOP
        return act(self, resting, now, leaving=leaving)

    def tidy(self: Node) -> None:
        for venue in self._venues.values():
            if venue._dead_man is not None:
                venue._dead_man._leaving = True
                venue._dead_man.look()
        stop(self)

    patch.setattr(Countdown, "act", disarmed)
    patch.setattr(Node, "stop", tidy)


PLANTS_OF_DEAD_MAN: tuple[Plant, ...] = (
    a_countdown_is_renewed_without_a_lease,
    a_countdown_runs_over_stops,
    a_deposed_desk_stops_the_countdown,
    a_countdown_is_never_renewed,
)
