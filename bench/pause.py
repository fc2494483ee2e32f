"""Pausing under load: how long until the reply, and whether any entry left after it.

A real node on real sockets, a new entry for each tick, never an exit. Every order that the pool wrote is
stamped; the pause goes through the same `Commands` that the control socket answers with.
"""

import asyncio

from bench.measure import Figure, Run, held_to, spread
from bench.node import ONLY_ENTRIES, Desk, Venue, desk, venue
from nightdesk.adapters.system import SystemClock
from nightdesk.control.messages import Request

GAP_US = 1_200  # below the limit of a thousand orders a second
TICKS = 250


def measure(run: Run) -> list[Figure]:
    """Run it."""
    return asyncio.run(_measure(run))


async def _measure(run: Run) -> list[Figure]:
    rounds = run.pick(20, 5)
    replied, last = list[int](), list[int]()
    late = before = 0
    async with venue() as market, desk(market, run.folder / "pause", ONLY_ENTRIES) as running:
        for _ in range(rounds):
            asked, answered = await _pause_once(running, market)
            orders = running.pool.orders_at
            replied.append(answered - asked)
            late += sum(1 for at in orders if at > answered)
            before += len(orders)
            inside = [at - asked for at in orders if asked < at <= answered]
            last.append(max(inside, default=0))
    none = Figure(name="entries sent after the reply", unit="orders", value=late, n=rounds)
    return [
        held_to(none, "0 orders", late == 0),
        Figure(name="... entries sent before it", unit="orders", value=before, n=rounds),
        spread("pause: asked to durable reply", replied),
        spread("... asked to the last entry", last),
    ]


async def _pause_once(running: Desk, market: Venue) -> tuple[int, int]:
    """Pause in the middle of the ticks; when it was asked for and when the reply was there."""
    commands, clock = running.node.commands, SystemClock()
    running.pool.orders_at.clear()
    async with asyncio.TaskGroup() as group:
        group.create_task(market.ticks(TICKS, GAP_US))
        await asyncio.sleep(0.1)
        asked = clock.mono()
        reply = await commands.answer(Request(verb="pause", by="bench", reason="measured"))
        answered = clock.mono()
    assert reply.ok, reply.text
    reply = await commands.answer(Request(verb="resume", by="bench", reason="measured"))
    assert reply.ok, reply.text
    return asked, answered
