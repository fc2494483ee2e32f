"""Strategies of a node that stands by see what the market tells, and are warm when it leads."""

import asyncio
from itertools import pairwise
from typing import Any, cast

import pytest

from nightdesk.model.ids import StrategyId
from nightdesk.node.practice import practice_text
from nightdesk.node.shadow import Shadow
from nightdesk.simulation.processes import Running
from nightdesk.strategy.host import Host
from simulation.crews import Crewed
from simulation.seeing import DESK, Seeing

CONFIG = practice_text("http://lab", ["BTCUSDT"]) + DESK
NAME = StrategyId("seeing")


def shadow_of(node: Running) -> Shadow:
    assert node.node._ears.shadow is not None
    return node.node._ears.shadow


def seen_by(hosts: Any) -> Seeing:
    return cast(Seeing, cast(Host, hosts[NAME]).strategy)


@pytest.mark.parametrize("how", ["kill", "switchover"])
def test_what_stood_in_the_shadow_leads_with_all_that_it_saw(how: str) -> None:
    async def script(made: Crewed) -> None:
        await made.ready()
        second = made.standbys[0]
        seen = seen_by(shadow_of(second).hosts)
        led = seen_by(made.leader.node.shell.hosts)
        await asyncio.sleep(30)
        assert not seen.decided, "it only looks"
        assert len(seen.bars) >= 20, "with the history of the bars that it declared"
        rows = [{b.opened: (b.close, b.volume) for b in each.bars} for each in (seen, led)]
        common = rows[0].keys() & rows[1].keys()
        assert len(common) >= 20
        assert all(rows[0][opened] == rows[1][opened] for opened in common)
        ids = [{quote.update_id for quote in each.quotes} for each in (seen, led)]
        assert len(ids[0] & ids[1]) > 20
        assert seen.books
        assert seen.prints
        if how == "kill":
            made.world.crew.die(made.leader, "kill")
        else:
            assert made.world.command("switchover")
        await made.led(2)
        assert made.leader is second
        while not made.leader.node.shell.trading:
            await asyncio.sleep(0.01)
        assert seen_by(made.leader.node.shell.hosts) is seen
        quotes, bars, books, prints = seen.before
        assert quotes
        assert bars >= 20
        assert books
        assert prints
        await asyncio.sleep(65)
        assert seen.decided, "and now it decides"
        assert len(seen.bars) > bars
        assert all(a.ends == b.opened for a, b in pairwise(seen.bars)), "each once, none left out"
        assert all(b == a + 1 for a, b in pairwise(seen.prints)), "each once, none left out"
        assert not any(b.repeats(a) for a, b in pairwise(seen.quotes)), "each once"
        assert all(a.received <= b.received for a, b in pairwise(seen.quotes)), "none goes back"

    Crewed(script, seconds=110, config=CONFIG)


def test_who_raises_in_the_shadow_is_named_and_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    see_quote, raises = Seeing.see_quote, [False]

    def raising(self: Seeing, *given: Any) -> None:
        if raises[0]:
            raise RuntimeError("no more of it")
        see_quote(self, *given)

    monkeypatch.setattr(Seeing, "see_quote", raising)

    async def script(made: Crewed) -> None:
        await made.ready()
        second = made.standbys[0]
        seen = seen_by(shadow_of(second).hosts)
        raises[0] = True
        while not shadow_of(second).hosts[NAME].crashed:
            await asyncio.sleep(0.01)
        raises[0] = False
        made.world.crew.die(made.leader, "kill")
        await made.led(2)
        assert made.leader is second
        while not made.leader.node.shell.trading:
            await asyncio.sleep(0.01)
        anew = made.leader.node.shell.hosts[NAME]
        assert anew.strategy is not seen
        await asyncio.sleep(10)
        assert not anew.crashed
        bars = seen_by(made.leader.node.shell.hosts).bars
        assert len(bars) >= 20, "the history, too"
        assert all(a.ends == b.opened for a, b in pairwise(bars))
        assert seen_by(made.leader.node.shell.hosts).decided

    lived = Crewed(script, seconds=40, config=CONFIG)
    assert len(lived.said("strategy.unwarmed")) >= 1
    assert "RuntimeError: no more of it" in lived.said("strategy.unwarmed")[0]
