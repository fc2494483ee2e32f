"""The venue cancels entries that nobody looks after, and never what a living desk, or a stop, has there."""

import asyncio
from itertools import pairwise
from pathlib import Path

import msgspec

from builders import D
from nightdesk.audit.venue_log import Entry
from nightdesk.model.errors import Fenced
from nightdesk.model.mode import Mode
from nightdesk.model.order import OrderType, Origin, Side, VenueStatus
from nightdesk.model.time import Mono
from nightdesk.modes.ladder import instrument_scope
from nightdesk.strategy.messages import Cancel, Place, Protect, Target
from nightdesk.venues.binance_usdm_countdown import PATH
from node.perps import BTC, TREND, PerpWorld, want
from worlds import Life, leaves, live

LENGTH_S = 30
SHORT = ("read_lag_ms = 1000", f"read_lag_ms = 1000\ndead_man_s = {LENGTH_S}")


def the_world(folder: Path, *, ends_algos: bool = False, seed: int = 1) -> PerpWorld:
    world = PerpWorld(folder, seed=seed, quiet=True, replace=(SHORT,))
    if ends_algos:
        assert world.lab.usdm is not None
        exchange = world.lab.usdm.exchange
        exchange.settings = msgspec.structs.replace(exchange.settings, countdown_ends_algos=True)
    return world


async def resting(world: PerpWorld, *, refs: tuple[str, ...] = ("bid",)) -> Life:
    """A desk with bids that nobody takes."""
    life = await world.desk().up()
    await asyncio.sleep(3)
    for ref in refs:
        place(life, ref)
        await asyncio.sleep(0.5)
    await asyncio.sleep(1)
    assert at_venue(world) == (len(refs), 0)
    return life


def place(life: Life, ref: str) -> None:
    rules = life.node.shell.desk.settings.instruments[BTC]
    price = rules.price_down(life.node.shell.desk.views.quotes[BTC].bid * D("0.996"))
    wish = Place(
        ref=ref, instrument=BTC, side=Side.BUY, qty=D("0.02"), price=price, type=OrderType.LIMIT
    )
    want(life, wish)


def at_venue(world: PerpWorld) -> tuple[int, int]:
    """How many orders stand in the book, and how many wait for a price."""
    account = world.rest("GET", "/lab/account", query="name=practice")["usdm"]
    return account["open_orders"], account["open_algo_orders"]


def countdowns(world: PerpWorld) -> list[Entry]:
    return [entry for entry in world.entries() if entry.kind == "countdown"]


def said(world: PerpWorld) -> list[str]:
    """What became of each, in order, of the one contract that is traded."""
    return [entry.what or "" for entry in countdowns(world) if entry.symbol == "BTCUSDT"]


def runs(world: PerpWorld) -> bool:
    account = world.rest("GET", "/lab/account", query="name=practice")["usdm"]
    return "BTCUSDT" in account["countdowns_until_ns"]


def test_entries_of_a_desk_that_lives_stay_where_they_are(tmp_path: Path) -> None:
    async def main() -> None:
        world = the_world(tmp_path)
        life = await resting(world)
        assert runs(world)
        told = {row.instrument: row for row in life.node.sampler.sample().switches}
        assert told[BTC].left_ns is not None
        assert told["usdm:ETHUSDT"].left_ns is None
        await asyncio.sleep(4 * LENGTH_S)
        assert at_venue(world) == (1, 0)
        began = [entry.at_ns for entry in countdowns(world) if entry.what == "begun"]
        apart = [later - before for before, later in pairwise(began)]
        assert len(began) == 13
        assert all(abs(each / 1e9 - LENGTH_S / 3) < 0.2 for each in apart)
        await life.stop()
        assert world.findings() == []

    live(main)


def test_entries_that_nobody_looks_after_are_gone_after_the_countdown(tmp_path: Path) -> None:
    """The desk dies with entries open, and nobody comes."""

    async def main() -> None:
        world = the_world(tmp_path)
        life = await resting(world, refs=("bid", "lower"))
        await life.crash()
        await asyncio.sleep(LENGTH_S / 3)
        assert at_venue(world) == (2, 0)
        await asyncio.sleep(LENGTH_S)
        assert at_venue(world) == (0, 0)
        assert said(world)[-1] == "ran out"

    live(main)


def test_the_next_desk_takes_them_as_cancelled(tmp_path: Path) -> None:
    async def main() -> None:
        world = the_world(tmp_path)
        life = await resting(world)
        [bid] = life.state.orders.live
        await life.crash()
        await asyncio.sleep(2 * LENGTH_S)
        life = await world.desk().up()
        await asyncio.sleep(20)
        assert bid not in life.state.orders.live
        order = life.state.orders.get(bid)
        assert order is not None
        assert order.state == VenueStatus.CANCELLED
        assert life.state.ladder.causes == {}
        place(life, "again")
        await asyncio.sleep(2)
        assert at_venue(world) == (1, 0)
        await life.stop()
        assert world.findings() == []

    live(main)


def test_one_that_ran_out_under_a_living_desk_is_a_cancel_and_no_mystery(tmp_path: Path) -> None:
    """The venue answers every countdown with an error: the desk says so before the entries are cancelled."""

    async def main() -> None:
        world = the_world(tmp_path)
        life = await resting(world)
        world.fault("error_503", text="unavailable", match={"path": PATH})
        await asyncio.sleep(LENGTH_S * 0.9)
        scope = instrument_scope(BTC)
        assert life.state.ladder.demands(scope, "dead_man") is Mode.CAUTIOUS
        assert at_venue(world) == (1, 0)
        await asyncio.sleep(LENGTH_S * 0.3)
        assert at_venue(world) == (0, 0)
        await asyncio.sleep(2)
        assert not life.state.orders.live
        assert life.state.ladder.demands(scope, "surprise") is Mode.NORMAL
        assert life.state.ladder.demands(scope, "dead_man") is Mode.NORMAL  # nothing needs it
        world.heal()
        place(life, "again")
        await asyncio.sleep(3)
        assert runs(world)
        await life.stop()
        assert world.findings() == []

    live(main)


def test_none_runs_over_what_protects_a_position(tmp_path: Path) -> None:
    async def main() -> None:
        world = the_world(tmp_path, ends_algos=True)
        life = await resting(world)
        want(life, Target(instrument=BTC, qty=D("0.02")))
        await asyncio.sleep(3)
        mid = life.node.shell.desk.views.quotes[BTC].mid
        want(life, Protect(instrument=BTC, stop=mid * D("0.98")))
        await asyncio.sleep(2)
        assert at_venue(world) == (1, 1)
        assert not runs(world)
        assert said(world)[-1] == "stopped"
        assert world.log.events().count("dead_man.held_off") == 1
        await life.crash()
        await asyncio.sleep(2 * LENGTH_S)
        assert at_venue(world) == (1, 1), (
            "it was not armed, so the stop stays, and the entry does too"
        )

    live(main)


def test_a_new_leader_restores_the_stops_that_were_cancelled(tmp_path: Path) -> None:
    """What a countdown of the dead desk's, or anybody's, took: position and declaration outlive it."""

    async def main() -> None:
        world = the_world(tmp_path, ends_algos=True)
        life = await world.holding("0.02")
        mid = life.node.shell.desk.views.quotes[BTC].mid
        want(life, Protect(instrument=BTC, stop=mid * D("0.97")))
        await asyncio.sleep(2)
        assert at_venue(world) == (0, 1)
        await life.crash()
        assert world.lab.usdm is not None
        begun = world.lab.usdm.countdowns
        account = world.lab.usdm.exchange.accounts["practice"]
        for waiting in begun.algos.open_of(account, "BTCUSDT"):
            begun.algos.cancel(waiting, world.time.wall())
        assert at_venue(world) == (0, 0)
        life = await world.desk().up()
        await asyncio.sleep(15)
        assert at_venue(world) == (0, 1)
        assert life.state.guarded((TREND, BTC)) == D("0.02")
        await life.stop()
        assert world.findings() == []

    live(main)


def test_a_new_leader_stops_what_another_left_running_over_a_stop(tmp_path: Path) -> None:
    async def main() -> None:
        world = the_world(tmp_path, ends_algos=True)
        life = await resting(world)
        world.fault("lost_request", match={"path": PATH})  # it cannot be stopped any more
        want(life, Target(instrument=BTC, qty=D("0.02")))
        await asyncio.sleep(3)
        mid = life.node.shell.desk.views.quotes[BTC].mid
        want(life, Protect(instrument=BTC, stop=mid * D("0.98")))
        await asyncio.sleep(2)
        assert runs(world)
        await life.crash()
        world.heal()
        life = await world.desk().up()
        await asyncio.sleep(2)
        assert not runs(world)
        await asyncio.sleep(LENGTH_S)
        assert at_venue(world) == (1, 1)
        await life.stop()
        assert world.findings() == []

    live(main)


def asked(life: Life) -> int:
    return len([request for request in life.http.requests if request.target == PATH])


def test_a_desk_that_was_deposed_leaves_it_to_its_successor(tmp_path: Path) -> None:
    async def main() -> None:
        world = the_world(tmp_path)
        first = await resting(world)
        second = await world.desk().up()
        before = asked(first)
        error = await first.ended(10)
        assert any(isinstance(each, Fenced) for each in leaves(error))
        first.journal.dead = first.http.dead = True
        assert asked(first) == before
        await asyncio.sleep(2 * LENGTH_S)
        assert at_venue(world) == (1, 0)
        assert "stopped" not in said(world)
        await second.stop()
        assert world.findings() == []

    live(main)


def without_a_lease(life: Life) -> None:
    """No renewal counts any more."""
    lease = life.node._lease
    lease.void()
    lease._void_before = Mono(lease._void_before + 10**15)


def test_without_a_lease_nothing_is_asked_and_what_runs_runs_out(tmp_path: Path) -> None:
    async def main() -> None:
        world = the_world(tmp_path)
        life = await resting(world)
        without_a_lease(life)
        before = asked(life)
        await asyncio.sleep(1.1 * LENGTH_S)
        assert asked(life) == before
        assert at_venue(world) == (0, 0)
        await life.crash()

    live(main)


def test_an_orderly_end_without_a_lease_leaves_it_alone(tmp_path: Path) -> None:
    async def main() -> None:
        world = the_world(tmp_path)
        life = await resting(world)
        without_a_lease(life)
        before = asked(life)
        await life.stop()
        assert asked(life) == before
        assert runs(world)

    live(main)


def test_an_orderly_end_stops_it_once_its_entries_are_cancelled(tmp_path: Path) -> None:
    async def main() -> None:
        world = the_world(tmp_path)
        life = await resting(world)
        await life.stop()
        assert at_venue(world) == (0, 0)
        assert not runs(world)
        cancelled = next(e.seq for e in world.entries() if e.kind == "cancel")
        [stopped] = [e for e in countdowns(world) if e.what == "stopped"]
        assert cancelled < stopped.seq

    live(main)


def test_an_orderly_end_that_leaves_an_entry_leaves_the_countdown_that_ends_it(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        world = the_world(tmp_path)
        life = await resting(world)
        world.fault("error_503", text="unavailable", match={"method": "DELETE"})
        await life.stop()
        assert at_venue(world) == (1, 0)
        assert runs(world)
        await asyncio.sleep(1.1 * LENGTH_S)
        assert at_venue(world) == (0, 0)

    live(main)


def test_it_is_stopped_when_nothing_needs_it_any_more(tmp_path: Path) -> None:
    async def main() -> None:
        world = the_world(tmp_path)
        life = await resting(world)
        want(life, Cancel(ref="bid"))
        await asyncio.sleep(2)
        assert at_venue(world) == (0, 0)
        assert runs(world), "the next entry may come at once"
        await asyncio.sleep(LENGTH_S / 3)
        assert not runs(world)
        assert said(world) == ["begun", "stopped"]
        await life.stop()

    live(main)


def test_what_the_desk_is_about_to_place_counts_as_resting(tmp_path: Path) -> None:
    async def main() -> None:
        world = the_world(tmp_path)
        life = await resting(world)
        assert {o.intent.origin for o in life.state.orders.live.values()} == {Origin.STRATEGY}
        [accepted] = [e for e in world.entries() if e.kind == "accept"]
        [begun] = countdowns(world)
        assert begun.at_ns - accepted.at_ns < 10**9
        await life.stop()

    live(main)
