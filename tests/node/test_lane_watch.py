"""Lanes are connected and probed without anybody asking, and what changes is told."""

import asyncio
from typing import Any

from nightdesk.model.time import SECOND_NS, Mono
from nightdesk.node.lane_watch import EVERY_S, LaneWatch
from nightdesk.ports.venue import ConnectFailed
from nightdesk.resilience.lanes import PROBE_IDLE_NS, RULES, Use
from nightdesk.runtime.lanes import LanePool
from nightdesk.runtime.requester import Requester
from nightdesk.simulation.loop import run
from nightdesk.venues.http import HttpAnswer, HttpRequest, HttpResult


class Host:
    """An endpoint that is up or down."""

    def __init__(self) -> None:
        self.up, self.connected, self.asked = True, False, 0

    def ready(self) -> bool:
        return self.connected

    async def hold(self) -> None:
        if not self.up:
            raise ConnectFailed("refused")
        self.connected = True

    def exchange(self, request: HttpRequest, *, timeout_ns: int) -> "asyncio.Future[HttpResult]":
        assert request.target == "/time"
        self.asked += 1
        future: asyncio.Future[HttpResult] = asyncio.get_running_loop().create_future()
        future.set_result(HttpAnswer(status=200, headers={}, body=b""))
        return future


def mono() -> Mono:
    return Mono(int(asyncio.get_running_loop().time() * SECOND_NS) + 60 * SECOND_NS)


def test_a_lane_that_dies_is_told_tried_again_and_told_when_it_is_back() -> None:
    async def main() -> None:
        first, second, told = Host(), Host(), []
        hosts: Any = {"first": first, "second": second}
        pool = LanePool(hosts, mono, lambda: 0.0)
        clock: Any = type("Clock", (), {"mono": staticmethod(mono), "wall": staticmethod(mono)})()
        asked: Any = type(
            "Codec", (), {"time": lambda _: HttpRequest(method="GET", target="/time")}
        )()

        def say(level: str, event: str, **fields: str) -> None:
            told.append((level, event, fields["lane"]))

        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(
                LaneWatch(pool, Requester(pool, clock), asked, say).keep(), name="lanes"
            )
            await asyncio.sleep(EVERY_S / 2)
            assert (first.connected, second.connected) == (True, True)
            assert (first.asked, second.asked) == (1, 1), "nothing was known of them"
            await asyncio.sleep(2 * PROBE_IDLE_NS / SECOND_NS)
            assert (first.asked, second.asked) == (3, 3)
            second.up = second.connected = False
            await asyncio.sleep(2 * EVERY_S)
            assert told == [("warning", "lane.ejected", "second")]
            assert pool.told()[1].use is Use.EJECTED
            second.up = True
            await asyncio.sleep(
                RULES.wait_ns(1) / SECOND_NS + (RULES.half_open_calls + 1) * EVERY_S
            )
            assert told[1:] == [("info", "lane.back", "second")]
            assert pool.told()[1].use is Use.COMING_BACK
            keeping.cancel()

    run(main)
