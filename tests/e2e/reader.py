"""A process that always wants more of a venue than it allows: `python -m tests.e2e.reader URL FOLDER NAME`."""

import asyncio
import sys
from pathlib import Path

from nightdesk.adapters.boards import FileBoard
from nightdesk.adapters.http import HttpPool
from nightdesk.adapters.system import SystemClock
from nightdesk.model.time import SECOND_NS
from nightdesk.ports.boards import Allowance
from nightdesk.resilience.board import Rows
from nightdesk.resilience.budget import Cost, Limit, Rank
from nightdesk.runtime.requester import Requester
from nightdesk.runtime.sharing import columns_of
from nightdesk.venues.http import HttpRequest

LIMIT = Limit(unit="weight", most=400, length_ns=2 * SECOND_NS, header="x-used")
ALONE_PERCENT = 30
READERS, WEIGHT = 20, 4
CANCEL_EVERY_S = 0.25


def asked(name: str, rank: Rank, weight: int) -> HttpRequest:
    cost = Cost(rank=rank, spends=((LIMIT.unit, weight),))
    return HttpRequest(method="GET", target=f"/{name}/{weight}", cost=cost)


async def main(url: str, folder: Path, name: str) -> None:
    board = FileBoard(folder / "address", Rows(columns_of([LIMIT], account=False)), "boot")
    allowance = Allowance(alone_percent=ALONE_PERCENT, address=board)
    requester = Requester(HttpPool(url), SystemClock(), None, [LIMIT], allowance=allowance)

    async def read() -> None:
        while True:
            await requester.request(lambda _: asked(name, Rank.MARKET, WEIGHT))

    async def cancel() -> None:
        while True:
            await requester.request(lambda _: asked(name, Rank.CANCEL, 1))
            await asyncio.sleep(CANCEL_EVERY_S)

    async with asyncio.TaskGroup() as group:
        group.create_task(cancel())
        for _ in range(READERS):
            group.create_task(read())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
