"""A desk of two venues: books kept apart, trouble at one left to it, limits and flatten seeing both."""

import asyncio
from pathlib import Path

import pytest

from benches import causes
from builders import D
from nightdesk.desk.events import Flatten, Resume
from nightdesk.model.mode import Mode
from nightdesk.model.records import Executed, Reconciled
from nightdesk.model.time import MS_NS, SECOND_NS, Wall
from nightdesk.modes.ladder import DESK, venue_scope
from nightdesk.node.compose import signed_codecs
from nightdesk.strategy.messages import Protect, Target
from nightdesk.venues.binance_sign import HmacSigner
from nightdesk.venues.binance_usdm import BinanceUsdm
from nightdesk.venues.http import HttpResult
from nightdesk.venues.protocol import NoAnswer
from node.both import COIN, HOLDER, PERP, QUIET, SIX, SPOT, USDM, BothWorld, want
from worlds import KEY, SECRET, durable_records, live


def test_a_desk_trades_on_both_and_its_books_are_the_venues(tmp_path: Path) -> None:
    async def main() -> None:
        world = BothWorld(tmp_path, text=SIX)
        life = await world.desk().up()
        await asyncio.sleep(240)
        await life.stop()
        assert world.agrees(life)
        again = await world.desk().up()
        await asyncio.sleep(60)
        await again.stop()
        assert world.findings() == []
        assert world.agrees(again)
        assert not causes(again.state)
        assert world.escaped == []
        kept = [r for _, r in durable_records(world.path)]
        traded = {r.execution.instrument for r in kept if isinstance(r, Executed)}
        assert traded == {COIN, PERP}
        opened = [r for r in kept if isinstance(r, Reconciled)]
        assert {r.venue: set(r.balances) for r in opened} == {
            SPOT: {"BTC", "USDT"},
            USDM: {"usdm/USDT", PERP},
        }

    live(main)


def test_a_venue_that_is_not_heard_stops_its_own_entries_and_nobody_elses(tmp_path: Path) -> None:
    async def main() -> None:
        world = BothWorld(tmp_path)
        life = await world.desk().up()
        await asyncio.sleep(5)
        ladder = life.state.ladder
        world.fault("error_503", match={"path": "/fapi/v1/listenKey"})
        world.fault("stream_drop", which="user")
        await asyncio.sleep(5)
        assert ladder.demands(venue_scope(USDM), "private") is Mode.REDUCE_ONLY
        assert ladder.mode(DESK, venue_scope(SPOT)) is Mode.NORMAL
        want(life, Target(instrument=COIN, qty=D("0.02")), Target(instrument=PERP, qty=D("0.02")))
        await asyncio.sleep(5)
        assert life.state.position(HOLDER, COIN).qty > D("0.0199"), "all but the fee"
        assert life.state.position(HOLDER, PERP).qty == 0
        world.heal()
        await asyncio.sleep(15)
        assert life.state.position(HOLDER, PERP).qty == D("0.02")
        assert world.agrees(life)
        await life.stop()
        assert world.findings() == []

    live(main)


class Astray(BinanceUsdm):
    """The venue as it would be heard if its clock had gone astray; what is asked of others is not."""

    lie_ns = 0

    def told_time(self, result: HttpResult) -> Wall | NoAnswer:
        told = super().told_time(result)
        return told if isinstance(told, NoAnswer) else Wall(told + self.lie_ns)


def test_a_clock_refused_at_one_venue_holds_no_order_of_the_other_back(tmp_path: Path) -> None:
    async def main() -> None:
        world = BothWorld(tmp_path)
        codecs = signed_codecs(world.config, HmacSigner(KEY, SECRET))
        symbols = {"BTCUSDT": PERP}
        usdm = Astray(USDM, HmacSigner(KEY, SECRET), symbols)
        life = await world.desk(codecs={**codecs, USDM: usdm}).up()
        await asyncio.sleep(5)
        usdm.lie_ns = 3 * SECOND_NS
        await asyncio.sleep(10)  # it was measured wrong
        shell, ladder = life.node.shell, life.state.ladder
        stray = shell.routes[USDM].requester.clock
        free: list[bool] = []

        async def watch() -> None:
            for _ in range(1000):
                normal = ladder.mode(DESK, venue_scope(SPOT)) is Mode.NORMAL
                free.append(normal and shell.lease.held(world.clock.mono()))
                await asyncio.sleep(0.01)

        watching = asyncio.get_running_loop().create_task(watch())
        doubted_at = stray.doubted_at
        want(life, Target(instrument=PERP, qty=D("0.02")))
        await asyncio.sleep(1)
        assert stray.doubted_at > doubted_at, "the venue refused the stamp"
        want(life, Target(instrument=COIN, qty=D("0.02")))
        await asyncio.sleep(1)
        assert life.state.position(HOLDER, COIN).qty > D("0.0199"), "all but the fee"
        await watching
        assert all(free)
        usdm.lie_ns = 0
        await asyncio.sleep(20)
        assert life.state.position(HOLDER, PERP).qty == D("0.02")
        assert world.agrees(life)
        await life.stop()
        assert world.findings() == []

    live(main)


def test_a_step_of_this_hosts_clock_holds_back_what_goes_to_either(tmp_path: Path) -> None:
    async def main() -> None:
        world = BothWorld(tmp_path)
        life = await world.desk().up()
        await asyncio.sleep(5)
        shell = life.node.shell
        world.clock.step(2 * SECOND_NS)
        await asyncio.sleep(0.06)
        stepped = world.clock.mono()
        assert not shell.lease.held(stepped)
        await asyncio.sleep(1)
        assert shell.lease.held(world.clock.mono(), stepped)
        for route in shell.routes.values():
            assert route.requester.clock.held()
            assert stepped - 60 * MS_NS < route.requester.clock.doubted_at <= stepped
        await life.stop()
        assert world.findings() == []

    live(main)


def test_a_difference_at_one_venue_is_told_and_adopted_there(tmp_path: Path) -> None:
    async def main() -> None:
        world = BothWorld(tmp_path)
        life = await world.desk().up()
        await asyncio.sleep(5)
        world.fault("manual_order", account="practice", symbol="BTCUSDT", side="BUY", fraction=0.1)
        await asyncio.sleep(25)
        ladder = life.state.ladder
        assert ladder.demands(venue_scope(SPOT), "reconcile") is Mode.REDUCE_ONLY
        assert not ladder.holds(venue_scope(USDM), "reconcile")
        want(life, Target(instrument=PERP, qty=D("-0.02")))
        await asyncio.sleep(5)
        assert life.state.position(HOLDER, PERP).qty == D("-0.02")
        life.node.shell.handle(Resume(reason="it was me", by="me"))
        await asyncio.sleep(5)
        assert world.agrees(life)
        assert not causes(life.state)
        await life.stop()
        assert world.findings() == []
        adopted = [r for _, r in durable_records(world.path) if isinstance(r, Reconciled)][-1]
        assert (adopted.venue, set(adopted.surplus)) == (SPOT, {COIN})

    live(main)


def test_flatten_closes_both_and_is_done_when_both_have_said_so(tmp_path: Path) -> None:
    async def main() -> None:
        world = BothWorld(tmp_path)
        life = await world.desk().up()
        await asyncio.sleep(5)
        want(life, Target(instrument=COIN, qty=D("0.02")), Target(instrument=PERP, qty=D("-0.02")))
        await asyncio.sleep(5)
        mid = life.node.shell.desk.views.quotes[PERP].mid
        want(life, Protect(instrument=PERP, stop=mid * D("1.03")))
        await asyncio.sleep(3)
        world.fault("error_503", match={"path": "/fapi/v3/account"})
        life.node.shell.handle(Flatten(by="me"))
        await asyncio.sleep(20)
        assert life.state.ladder.demands(DESK, "flatten") is Mode.FLATTENING, "one venue is silent"
        world.heal()
        await asyncio.sleep(10)
        assert life.state.ladder.demands(DESK, "flatten") is Mode.REDUCE_ONLY
        assert "flat at every venue" in life.node.shell.desk.views.flatten_said
        assert world.booked()[PERP] == 0
        assert world.agrees(life)
        await life.stop()
        assert world.findings() == []

    live(main)


def test_what_both_hold_of_an_asset_counts_together(tmp_path: Path) -> None:
    async def main() -> None:
        capped = ("stale_after_ms = 2000", 'stale_after_ms = 2000\nasset_max = { BTC = "0.03" }')
        world = BothWorld(tmp_path, text=QUIET.replace(*capped))
        life = await world.desk().up()
        await asyncio.sleep(5)
        want(life, Target(instrument=COIN, qty=D("0.02")))
        await asyncio.sleep(3)
        want(life, Target(instrument=PERP, qty=D("0.02")))
        await asyncio.sleep(5)
        assert life.state.position(HOLDER, COIN).qty > D("0.0199"), "all but the fee"
        assert life.state.position(HOLDER, PERP).qty == 0
        want(life, Target(instrument=PERP, qty=D("-0.02")))
        await asyncio.sleep(5)
        assert life.state.position(HOLDER, PERP).qty == D("-0.02"), (
            "against each other they are less"
        )
        await life.stop()
        assert world.findings() == []

    live(main)


def test_a_restart_with_one_venue_away_leaves_the_way_out_at_the_other(tmp_path: Path) -> None:
    async def main() -> None:
        world = BothWorld(tmp_path)
        life = await world.desk().up()
        await asyncio.sleep(5)
        want(life, Target(instrument=COIN, qty=D("0.02")), Target(instrument=PERP, qty=D("-0.02")))
        await asyncio.sleep(5)
        await life.crash()
        world.fault("error_503", match={"path": "/fapi/v1/time"})
        again = await world.desk().up()
        assert again.state.ladder.demands(venue_scope(USDM), "away") is Mode.REDUCE_ONLY
        assert not again.node.shell.trading
        again.node.shell.handle(Flatten(by="me"))
        await asyncio.sleep(20)
        assert again.state.position(HOLDER, COIN).qty < D("0.0001"), "dust"
        assert again.state.position(HOLDER, PERP).qty == D("-0.02")
        assert again.state.ladder.demands(DESK, "flatten") is Mode.FLATTENING
        world.heal()
        await asyncio.sleep(20)
        assert again.state.ladder.demands(DESK, "flatten") is Mode.REDUCE_ONLY
        assert world.booked()[PERP] == 0
        assert world.agrees(again)
        again.node.shell.handle(Resume(by="me", reason="seen"))
        await asyncio.sleep(2)
        assert not causes(again.state)
        assert again.node.shell.trading
        await again.stop()
        assert world.findings() == []

    live(main)


def test_terms_that_changed_while_a_venue_was_away_end_no_desk(tmp_path: Path) -> None:
    async def main() -> None:
        world = BothWorld(tmp_path)
        life = await world.desk().up()
        await asyncio.sleep(5)
        await life.crash()
        world.fault("error_503", match={"path": "/fapi/v1/time"})
        again = await world.desk().up()
        world.fault("mode_switched", account="practice", mode="multi_assets")
        world.heal()
        await asyncio.sleep(20)
        ladder = again.state.ladder
        assert not ladder.holds(venue_scope(USDM), "away")
        assert ladder.demands(venue_scope(USDM), "terms") is Mode.REDUCE_ONLY
        assert again.node.shell.trading, "at the other venue"
        await again.stop()

    live(main)


def test_a_first_start_waits_for_every_venue(tmp_path: Path) -> None:
    async def main() -> None:
        world = BothWorld(tmp_path)
        world.fault("error_503", match={"path": "/fapi/v1/exchangeInfo"})
        life = world.desk()
        with pytest.raises(TimeoutError):
            await life.up(within_s=60)
        world.heal()
        async with asyncio.timeout(10):
            await life.node.ready.wait()
        await life.stop()

    live(main)
