"""What rests at the venues when a life ends: cancelled, but for what protects positions."""

import asyncio
from collections.abc import Callable

from nightdesk.desk.events import CancelAll
from nightdesk.model.order import Origin
from nightdesk.model.time import SECOND_NS
from nightdesk.node.plan import TICK_NS
from nightdesk.orders.book import Order
from nightdesk.ports.clock import Clock
from nightdesk.runtime.shell import Shell

LET_GO_WITHIN_S = 2.0  # a cancel and its answer take less; who leads next should not be waited for


def entries(shell: Shell) -> list[Order]:
    """Live orders but those that protect positions: these stay at the venue while the desk is away."""
    live = shell.desk.state.orders.live.values()
    return [order for order in live if order.intent.origin is not Origin.PROTECT]


def busy(shell: Shell) -> bool:
    """Whether any of them is live, or what one came to is not booked."""
    state = shell.desk.state
    return bool(entries(shell) or state.settling or state.untraded)


async def cancel_all(
    shell: Shell, clock: Clock, *, by: str, within_s: float, busy: Callable[[Shell], object]
) -> None:
    """Cancel them, and wait until nothing is `busy` any more, or so long."""
    deadline = clock.mono() + int(within_s * SECOND_NS)
    shell.handle(CancelAll(by=by))
    while busy(shell) and clock.mono() < deadline:  # noqa: ASYNC110 a poll with a deadline
        await asyncio.sleep(TICK_NS / SECOND_NS)


async def let_go(shell: Shell, clock: Clock) -> None:
    """The journal ends this life, and nobody knows when another leads: nothing that adds risk may rest
    meanwhile. A cancel does no harm unwritten; whoever leads next asks what became of each order."""
    shell.stop_strategies()
    shell.say("warning", "desk.letting_go", orders=str(len(entries(shell))))
    await cancel_all(shell, clock, by="journal", within_s=LET_GO_WITHIN_S, busy=entries)
