"""A venue that changes its rules while the desk runs: found by what it refuses, taken by the next life."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from builders import an_instrument
from nightdesk.model.errors import BadInput, RulesChanged
from nightdesk.model.ids import VenueId
from nightdesk.model.instrument import Instrument
from nightdesk.model.time import SECOND_NS, Mono
from nightdesk.node.refused import NotListed
from nightdesk.node.rules_watch import AGAIN_FIRST_NS, AGAIN_MAX_NS, RulesWatch, hold_to
from nightdesk.node.venue_link import VenueDown
from nightdesk.simulation.loop import run
from node.healing import QUICK, whole
from worlds import SimWorld, leaves, live

BINANCE = VenueId("binance")
BTCUSDT = an_instrument()


class Rig:
    """A watch whose questions the test answers."""

    def __init__(self) -> None:
        self.now = Mono(0)
        self.asked = 0
        self.answer: Mapping[str, Instrument] | Exception = {BTCUSDT.symbol: BTCUSDT}
        self.said: list[tuple[str, str]] = []
        self.tasks: list[asyncio.Future[None]] = []
        self.watch = RulesWatch(
            BINANCE,
            [BTCUSDT],
            self._ask,
            mono=lambda: self.now,
            say=lambda event, why: self.said.append((event, why)),
            spawn=lambda work, name: self.tasks.append(asyncio.ensure_future(work)),
        )

    async def _ask(self, symbols: list[str]) -> Mapping[str, Instrument]:
        self.asked += 1
        assert symbols == [BTCUSDT.symbol]
        await asyncio.sleep(1)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_it_asks_at_once_and_ever_more_seldom_while_nothing_changed() -> None:
    async def main() -> None:
        rig, waits = Rig(), []
        for _ in range(12):
            rig.watch.doubted()
            rig.watch.doubted()  # while it asks
            await rig.tasks[-1]
            began, asked = rig.now, rig.asked
            while rig.asked == asked:
                rig.now = Mono(rig.now + SECOND_NS)
                rig.watch.doubted()
                await asyncio.sleep(0)
            waits.append(rig.now - began)
            await rig.tasks[-1]
        assert waits[0] == AGAIN_FIRST_NS
        assert waits == sorted(waits)
        assert waits[-1] == AGAIN_MAX_NS
        assert rig.said == []

    run(main)


def test_without_an_answer_it_asks_no_more_seldom() -> None:
    async def main() -> None:
        rig = Rig()
        rig.answer = VenueDown("no room")
        for _ in range(5):
            rig.watch.doubted()
            await rig.tasks[-1]
            rig.now = Mono(rig.now + AGAIN_FIRST_NS)
        assert rig.asked == 5

    run(main)


@pytest.mark.parametrize(
    ("error", "event"),
    [
        (VenueDown("no answer"), "rules.no_answer"),
        (NotListed(["BTCUSDT"]), "rules.delisted"),
        (BadInput("binance BTCUSDT: no perpetual any more"), "rules.delisted"),
    ],
)
def test_an_answer_that_tells_no_rules_is_said_and_asked_for_again(
    error: Exception, event: str
) -> None:
    async def main() -> None:
        rig = Rig()
        rig.answer = error
        rig.watch.doubted()
        await rig.tasks[-1]
        assert [said for said, _ in rig.said] == [event]
        rig.now = Mono(AGAIN_FIRST_NS)
        rig.answer = {BTCUSDT.symbol: replace(BTCUSDT, tick=Decimal(7))}
        rig.watch.doubted()
        with pytest.raises(RulesChanged, match=r"tick 7 instead of 0\.01"):
            await rig.tasks[-1]

    run(main)


@pytest.mark.parametrize("name", ["tick", "lot", "qty_min", "qty_max", "price_max", "notional_min"])
def test_every_rule_that_lasts_is_compared(name: str) -> None:
    other = replace(BTCUSDT, **{name: getattr(BTCUSDT, name) * 2})
    with pytest.raises(RulesChanged, match=f"binance:BTCUSDT has other rules now, {name}"):
        hold_to(BINANCE, [BTCUSDT], [other])


def test_what_a_venue_tells_anew_every_hour_is_no_other_rule() -> None:
    hold_to(BINANCE, [BTCUSDT], [replace(BTCUSDT, market_qty_max=Decimal(3))])


@pytest.mark.parametrize("rule", ["tick", "step", "notional_min"])
def test_the_next_life_trades_by_the_new_rules(rule: str, tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=5, replace=QUICK)
        life = await world.desk().up()
        await asyncio.sleep(8)
        world.fault("rules_changed", rule=rule, times=1000 if rule == "notional_min" else 10)
        ended = leaves(await life.ended())
        assert [type(leaf) for leaf in ended] == [RulesChanged]
        life = await world.desk().up()
        before = life.state.counts["intended"]
        await asyncio.sleep(10)
        if rule != "notional_min":  # 5,000 is more than this desk may order at once
            assert life.state.counts["intended"] > before
        await whole(world, life)

    live(main)
