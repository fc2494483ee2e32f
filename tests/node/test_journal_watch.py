"""The journal under a running node: room is missed before an append is refused."""

import asyncio

import msgspec

from nightdesk.model.mode import Mode
from nightdesk.modes.ladder import DESK
from nightdesk.node.journal_watch import ENOUGH_BYTES, SCARCE_BYTES
from nightdesk.ports.journal import EngineHealth
from simulation.crews import Crewed


def test_a_disk_that_is_nearly_full_leaves_exits_only_until_there_is_room_to_spare() -> None:
    async def script(made: Crewed) -> None:
        await made.led(1)
        node = made.leader.node
        ladder, engine = node.shell.desk.state.ladder, node._journal._journal
        told = engine.health
        free = [SCARCE_BYTES]

        async def health() -> EngineHealth:
            return msgspec.structs.replace(await told(), free_bytes=free[-1])

        engine.health = health  # type: ignore[method-assign]
        for room, wanted in (
            (SCARCE_BYTES, Mode.NORMAL),
            (SCARCE_BYTES - 1, Mode.REDUCE_ONLY),
            (ENOUGH_BYTES - 1, Mode.REDUCE_ONLY),
            (ENOUGH_BYTES, Mode.NORMAL),
            (ENOUGH_BYTES - 1, Mode.NORMAL),
        ):
            free.append(room)
            await asyncio.sleep(2)
            assert ladder.demands(DESK, "disk") is wanted, room

    Crewed(script, nodes=1)
