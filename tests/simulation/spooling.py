"""A way out that leaves by the spool, since the journal's disk has stalled."""

import asyncio

from nightdesk.model.ids import ClientOrderId
from nightdesk.model.order import Intent
from simulation.crews import Crewed
from simulation.planted import SCENARIOS

LEANS = (SCENARIOS / "desks" / "leans.toml").read_text(encoding="utf-8")
STALLS_S = 6.0  # longer than the lease lasts


async def until_it_holds(made: Crewed) -> Intent:
    """Wait until the leader holds something, and nothing of it is open; one of its orders."""
    await made.ready()
    async with asyncio.timeout(20):
        while True:
            state = made.leader.node.shell.desk.state
            held = any(abs(state.net(i)) >= rules.qty_min for i, rules in state.instruments.items())
            if held and not state.orders.live and state.orders.ended:
                return next(reversed(state.orders.ended.values())).intent
            await asyncio.sleep(0.001)


async def out_by_the_spool(made: Crewed, stalls_s: float = STALLS_S) -> list[ClientOrderId]:
    """The disk stands still, an operator wants out, and what the desk holds is sold by way of the spool; by
    which orders."""
    await until_it_holds(made)
    made.world.machine.stalled_until = made.now + stalls_s
    assert made.world.command("flatten")
    async with asyncio.timeout(2):
        while not made.said("order.spooled"):
            await asyncio.sleep(0.001)
    await asyncio.sleep(0.1)  # it is answered
    said = [line.split("intent=")[1].split()[0] for line in made.said("order.spooled")]
    return [ClientOrderId(client_id) for client_id in said]
