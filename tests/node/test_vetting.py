"""A key and a desk are looked at before anything is traded, and a guess is never enough for real money."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import D
from nightdesk.config.load import load
from nightdesk.lab.faults import FaultKind
from nightdesk.model.errors import BadInput, OperatingError
from nightdesk.model.ids import StrategyId, VenueId
from nightdesk.node.compose import plan_of
from nightdesk.node.plan import Plan
from nightdesk.node.practice import practice_text
from nightdesk.node.refused import MayWithdraw, NotListed, NotNamed, Untold
from nightdesk.node.vetting import KeyFacts, fingerprint, judge, limits_hash
from nightdesk.risk.limits import StrategyLimits
from nightdesk.risk.losses import LossLimits
from nightdesk.simulation.setting import KEY, SECRET
from nightdesk.venues.binance_key import BinanceKey
from nightdesk.venues.binance_sign import HmacSigner
from worlds import Life, SimWorld, leaves, live

BINANCE, USDM = VenueId("binance"), VenueId("usdm")
PRACTICE = plan_of(load(practice_text("http://127.0.0.1:1", ["BTCUSDT", "ETHUSDT"]), "x"), Path())
PLAN = msgspec.structs.replace(PRACTICE, real={BINANCE: "binance-spot"})
GOOD = KeyFacts(tail="wxyz", may_withdraw=False, account="1000")
NAMED = fingerprint({BINANCE: GOOD}, PLAN)


def with_live(typed: str | None, plan: Plan = PLAN) -> Plan:
    return PRACTICE if typed is None else msgspec.structs.replace(plan, live=typed)


def facts(**other: object) -> KeyFacts:
    return msgspec.structs.replace(GOOD, **other)


JUDGED: list[tuple[str | None, KeyFacts, type[Exception] | None]] = [
    (None, GOOD, None),
    (None, facts(may_withdraw=None, account=None, why="away"), None),
    (None, facts(may_withdraw=True), MayWithdraw),
    ("", GOOD, NotNamed),
    (NAMED, GOOD, None),
    (NAMED, facts(may_withdraw=True), MayWithdraw),
    (NAMED, facts(may_withdraw=None, why="away"), Untold),
    (NAMED, facts(account=None, why="away"), Untold),
    (NAMED, facts(account="1001"), NotNamed),
    (NAMED, facts(tail="wxyy"), NotNamed),
    ("yes", GOOD, NotNamed),
]


@pytest.mark.parametrize(("typed", "told", "refusal"), JUDGED)
def test_each_combination_starts_or_is_refused(
    typed: str | None, told: KeyFacts, refusal: type[Exception] | None
) -> None:
    if refusal is None:
        judge({BINANCE: told}, with_live(typed))
        return
    with pytest.raises(refusal):
        judge({BINANCE: told}, with_live(typed))


def test_a_person_can_read_the_fingerprint_and_is_told_which_part_differs() -> None:
    assert f"binance-spot:1000:wxyz:{limits_hash(PLAN)}" == NAMED
    told = str(NotNamed(NAMED, fingerprint({BINANCE: facts(account="7", tail="abcd")}, PLAN)))
    assert "another account and another key" in told
    two = "binance-spot:1:abcd+binance-usdm:1:abcd:0123"
    assert "written VENUE:ACCOUNT:KEY+VENUE:ACCOUNT:KEY:LIMITS" in str(NotNamed(NAMED, two))
    assert "VENUE:ACCOUNT:KEY:LIMITS" in str(NotNamed("yes", NAMED))
    both = msgspec.structs.replace(PLAN, real={BINANCE: "binance-spot", USDM: "binance-usdm"})
    found = fingerprint({BINANCE: GOOD, USDM: facts(account="7")}, both)
    assert found == f"binance-spot:1000:wxyz+binance-usdm:7:wxyz:{limits_hash(PLAN)}"
    other = fingerprint({BINANCE: GOOD, USDM: facts(account="8")}, both)
    assert "another account." in str(NotNamed(found, other))
    assert "VENUE:ACCOUNT:KEY:LIMITS" in str(NotNamed(NAMED, found))
    assert issubclass(NotNamed, BadInput)
    assert issubclass(Untold, OperatingError)
    assert not issubclass(Untold, BadInput), (
        "nothing a person wrote is wrong: the next start asks again"
    )


@given(st.sampled_from(["order_qty_max", "gross_max", "collar_bps"]), st.integers(1, 10**6))
def test_any_other_limit_is_another_desk(name: str, thousandths: int) -> None:
    instrument = next(iter(PLAN.limits))
    limits = PLAN.limits[instrument]
    value = Decimal(thousandths) / 1000
    other = msgspec.structs.replace(limits, **{name: value})
    plan = msgspec.structs.replace(PLAN, limits={**PLAN.limits, instrument: other})
    assert (limits_hash(plan) == limits_hash(PLAN)) is (other == limits)


def test_what_a_strategy_or_an_asset_is_held_to_counts_too() -> None:
    own = msgspec.structs.replace(PLAN.strategies[0], limits=StrategyLimits(position_max=D(1)))
    for changed in ({"strategies": (own, *PLAN.strategies[1:])}, {"asset_max": {"BTC": D(1)}}):
        assert limits_hash(msgspec.structs.replace(PLAN, **changed)) != limits_hash(PLAN)


def test_loss_limits_count_too_and_parameters_do_not() -> None:
    first = PLAN.strategies[0]
    losses = LossLimits(day_max=D(5))
    own = msgspec.structs.replace(first, losses=losses)
    for plan in (
        msgspec.structs.replace(PLAN, losses=losses),
        msgspec.structs.replace(PLAN, strategies=(own, *PLAN.strategies[1:])),
    ):
        assert limits_hash(plan) != limits_hash(PLAN)
    tuned = msgspec.structs.replace(first, params={"size": "1"}, name=StrategyId(first.name))
    plan = msgspec.structs.replace(PLAN, strategies=(tuned, *PLAN.strategies[1:]))
    assert limits_hash(plan) == limits_hash(PLAN)


def asking(life: Life, typed: str | None = None) -> Life:
    """A node as production starts it: it asks about its key."""
    node = life.node
    venue = node._venues[BINANCE]
    venue._key, venue._rights = BinanceKey(HmacSigner(KEY, SECRET)), venue.requester
    real = {} if typed is None else {BINANCE: "binance-spot"}
    meeting = node._meeting
    meeting._plan = msgspec.structs.replace(meeting._plan, real=real, live=typed or "")
    return life


def test_a_whole_node_starts_only_with_the_fingerprint_of_the_account_it_finds(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=3)
        with pytest.raises(BaseExceptionGroup) as refused:
            await asking(world.desk(), "binance-spot:1:dkey:0").up()
        (why,) = [e for e in leaves(refused.value) if isinstance(e, NotNamed)]
        assert why.found.startswith(f"binance-spot:1000:{KEY[-4:]}:")
        life = await asking(world.desk(), why.found).up()
        await life.stop()

    live(main)


def test_a_venue_that_does_not_say_is_no_venue_for_real_money_and_one_to_practise_on(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=3)
        world.fault(FaultKind.ERROR_503, match={"path": "/sapi/v1/account/apiRestrictions"})
        with pytest.raises(BaseExceptionGroup) as refused:
            await asking(world.desk(), NAMED).up()
        (why,) = [e for e in leaves(refused.value) if isinstance(e, Untold)]
        assert "does not say whether the key may withdraw: " in str(why)
        life = await asking(world.desk()).up()
        assert "key.not_told" in world.log.events()
        await life.stop()

    live(main)


def test_an_instrument_that_is_not_listed_ends_the_node_by_name(tmp_path: Path) -> None:
    async def main() -> None:
        world = SimWorld(tmp_path, seed=3, replace=[("binance:ETHUSDT", "binance:DOGEUSDT")])
        with pytest.raises(BaseExceptionGroup) as refused:
            await world.desk().up()
        (why,) = [e for e in leaves(refused.value) if isinstance(e, NotListed)]
        assert why.symbols == ("DOGEUSDT",)
        assert "no market for DOGEUSDT" in str(why)

    live(main)
