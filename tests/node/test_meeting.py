"""Real money, and venues that do not answer: no way out is lost, and none leads to an account nobody named."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from builders import D
from nightdesk.desk.events import Flatten
from nightdesk.model.ids import InstrumentId
from nightdesk.model.instrument import Instrument
from nightdesk.model.mode import Mode
from nightdesk.modes.ladder import DESK, venue_scope
from nightdesk.node.meeting import Meeting
from nightdesk.node.plan import Plan
from nightdesk.node.recovery import recover
from nightdesk.node.refused import NotNamed, Untold
from nightdesk.node.vetting import limits_hash
from nightdesk.strategy.messages import Target
from nightdesk.venues.binance_key import BinanceKey
from nightdesk.venues.binance_sign import HmacSigner
from node.both import COIN, HOLDER, PERP, SPOT, USDM, BothWorld, want
from node.test_vetting import KEY, SECRET
from worlds import Life, leaves, live

RIGHTS = "/sapi/v1/account/apiRestrictions"
TIME = "/fapi/v1/time"
ONE, TWO = f"binance-spot:1000:{KEY[-4:]}", f"binance-usdm:1000:{KEY[-4:]}"


def named(plan: Plan) -> str:
    return f"{ONE}+{TWO}:{limits_hash(plan)}"


def real(life: Life, typed: Callable[[Plan], str] = named) -> Life:
    """The same desk as if both its accounts held real money, asked for its keys at the lab."""
    node = life.node
    for venue in node._venues.values():
        venue._key, venue._rights = BinanceKey(HmacSigner(KEY, SECRET)), venue.requester
    plan = node._plan
    plan = msgspec.structs.replace(
        plan, real={SPOT: "binance-spot", USDM: "binance-usdm"}, live=typed(plan)
    )
    node._meeting = Meeting(plan, node._world, node._venues)
    return life


async def held(world: BothWorld) -> None:
    """Positions at both venues, and a crash."""
    life = await real(world.desk()).up()
    await asyncio.sleep(5)
    want(life, Target(instrument=COIN, qty=D("0.02")), Target(instrument=PERP, qty=D("0.02")))
    await asyncio.sleep(5)
    assert life.state.position(HOLDER, PERP).qty == D("0.02")
    await life.crash()


def test_a_desk_that_ran_before_gets_out_while_nobody_tells_what_its_keys_may_do(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        world = BothWorld(tmp_path)
        await held(world)
        world.fault("error_503", match={"path": RIGHTS})
        again = await real(world.desk()).up()
        await asyncio.sleep(5)
        ladder = again.state.ladder
        assert ladder.demands(DESK, "unnamed") is Mode.REDUCE_ONLY
        again.node.shell.handle(Flatten(by="me"))
        await asyncio.sleep(20)
        assert again.state.position(HOLDER, COIN).qty < D("0.0001"), "dust"
        assert again.state.position(HOLDER, PERP).qty == 0
        world.heal()
        await asyncio.sleep(5)
        assert not ladder.holds(DESK, "unnamed")
        assert not ladder.holds(venue_scope(USDM), "away")
        await again.stop()
        assert world.findings() == []

    live(main)


def test_a_venue_that_comes_back_before_its_wallet_ends_no_desk(tmp_path: Path) -> None:
    async def main() -> None:
        world = BothWorld(tmp_path)
        await held(world)
        world.fault("error_503", match={"path": TIME})
        again = await real(world.desk()).up()
        await asyncio.sleep(3)
        world.heal()
        world.fault("error_503", match={"path": RIGHTS})
        await asyncio.sleep(10)
        ladder = again.state.ladder
        assert ladder.demands(DESK, "unnamed") is Mode.REDUCE_ONLY
        world.heal()
        await asyncio.sleep(5)
        assert not ladder.holds(DESK, "unnamed")
        await again.stop()

    live(main)


@pytest.mark.parametrize(
    "typed",
    [
        lambda plan: "",
        lambda plan: f"binance-spot:77:{KEY[-4:]}+{TWO}:{limits_hash(plan)}",
        lambda plan: f"{ONE}+binance-usdm:1000:zzzz:{limits_hash(plan)}",
        lambda plan: f"{ONE}+{TWO}:000000000000",
        lambda plan: f"{ONE}:{limits_hash(plan)}",
    ],
    ids=["nothing", "another account", "another key of the one away", "other limits", "one venue"],
)
def test_no_absence_starts_a_desk_that_was_not_named(
    tmp_path: Path, typed: Callable[[Plan], str]
) -> None:
    async def main() -> None:
        world = BothWorld(tmp_path)
        await held(world)
        world.fault("error_503", match={"path": TIME})
        with pytest.raises(BaseExceptionGroup) as refused:
            await real(world.desk(), typed).up()
        (error,) = leaves(refused.value)
        assert isinstance(error, NotNamed)

    live(main)


def test_rules_that_the_journal_tells_of_later_do_for_a_venue_that_is_away(tmp_path: Path) -> None:
    """A node that stands by meets the venues before it has read the journal."""

    async def main() -> None:
        world = BothWorld(tmp_path)
        await held(world)
        node = world.desk().node
        stored = await recover(node._world.journal, node._world.clock.wall())
        world.fault("error_503", match={"path": TIME})
        known: dict[InstrumentId, Instrument] = {}
        meeting = Meeting(node._plan, node._world, node._venues)
        settling = asyncio.ensure_future(meeting.settle(lambda: known))
        await asyncio.sleep(5)
        known |= stored.state.instruments
        async with asyncio.timeout(20):
            await settling
        assert meeting.away == [USDM]

    live(main)


def test_a_first_start_on_real_money_guesses_nothing_of_a_key(tmp_path: Path) -> None:
    async def main() -> None:
        world = BothWorld(tmp_path)
        world.fault("error_503", match={"path": RIGHTS})
        with pytest.raises(BaseExceptionGroup) as refused:
            await real(world.desk()).up()
        (error,) = leaves(refused.value)
        assert isinstance(error, Untold)

    live(main)
