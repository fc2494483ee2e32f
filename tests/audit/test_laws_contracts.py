"""Each law over contracts beside spot: what it finds there, and what it leaves alone."""

from typing import Any

import msgspec
import pytest

from audit.contracts import (
    MINE,
    PERP,
    REDUCES,
    STOP,
    WALLET,
    adopted,
    algo,
    became,
    both,
    flowed,
    force_traded,
    forced,
    long,
    opened_with,
    paid,
    stopped,
    taken,
    traded,
    wanted,
)
from audit.told import (
    accept,
    answered,
    arrival,
    bought,
    commanded,
    executed,
    healed,
    inputs,
    intended,
    published,
    reported,
    said,
    sent,
    whats,
    written,
)
from builders import BTCUSDT, D, an_id
from nightdesk.audit.facts import Fact, ToldToWait
from nightdesk.audit.i01_no_duplicate import NoDuplicate
from nightdesk.audit.i02_risk import Risk
from nightdesk.audit.i03_single_writer import SingleWriter
from nightdesk.audit.i04_convergence import Convergence
from nightdesk.audit.i05_resolved import Resolution
from nightdesk.audit.i06_write_ahead import WriteAhead
from nightdesk.audit.i07_way_out import WayOut
from nightdesk.audit.i08_politeness import CONTRACTS_WEIGHT_MAX, Politeness
from nightdesk.audit.i09_clock import Clock
from nightdesk.audit.i10_protection import Protection
from nightdesk.audit.i11_data import Data
from nightdesk.audit.i13_modes import Modes
from nightdesk.model.order import Origin, Side, VenueStatus
from nightdesk.model.outcome import Verdict
from nightdesk.model.records import ModeSet, ProtectionSet, Resolved
from nightdesk.model.time import SECOND_NS

GUARD = wanted(400, 2, **STOP)
WAITS = [GUARD, algo(500, "NEW")]
SELL: dict[str, Any] = {"side": "SELL"}
SHORT_WINDOW = {"timestamp": "1", "recv_window": "1"}


def check(told: list[str], found: list[str]) -> None:
    assert len(told) == len(found), told
    assert all(part in what for part, what in zip(found, told, strict=True))


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        # What waited and what came of it were asked for once, under whatever name the venue gives it.
        ([*WAITS, *stopped(900)], []),
        ([*WAITS, became(900)[0], taken(900, client_order_id="x", order_id=7, algo_id=1_002)], []),
        ([*WAITS, algo(600, "NEW", algo_id=5)], ["2 accepted of 1 intended, in 2 orders"]),
        ([*WAITS, taken(900, number=2, **SELL)], ["2 accepted of 1 intended"]),
        ([*WAITS, algo(600, "CANCELED"), algo(700, "NEW", algo_id=5)], []),
        ([wanted(), taken(), traded(), intended(5, client_id=an_id(2)), *bought(6, "1", 2)], []),
        ([wanted(), accept()], ["accepted in binance:BTCUSDT, intended in usdm:BTCUSDT"]),
        # The same number is another order in the other market.
        ([*bought(0, "1", 1), *long(number=2, ms=5), traded(6, "1", 1, side="BUY")], []),
    ],
)
def test_i1_a_conditional_order_is_one_with_what_comes_of_it(
    facts: list[Fact], found: list[str]
) -> None:
    check(whats(NoDuplicate(), [both(), *facts]), found)


FULL = [*long(number=8), *long(number=9, ms=999)]


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([*FULL], []),
        ([*FULL, *bought(3_000, "1", 1), *bought(6_000, "1", 2)], []),  # two of each
        ([*FULL, taken(3_000, "0.1", 3)], ["usdm:BTCUSDT may become 2.1 at worst"]),
        # What can only reduce makes nothing by itself, however much of it waits.
        ([*FULL, *WAITS, algo(600, "NEW", 3), algo(700, "NEW", 4)], []),
        ([*WAITS, algo(600, "NEW", 3, "5")], []),
        # But it uses up what another would close.
        ([*FULL, algo(2_000, "NEW", 3, "2"), taken(3_000, "2", 4, **SELL)], []),
        (
            [*FULL, algo(2_000, "NEW", 3, "2"), taken(3_000, "2.1", 4, price=D(10), **SELL)],
            ["may become 2.1 at worst", "quantity 2.1 is over 1"],
        ),
        ([*FULL, taken(3_000, "2", 4, price=D(5000), **SELL, **REDUCES)], []),
        ([taken(0, **SELL), traded(0, **SELL), taken(9, "9", 4, **SELL, **REDUCES)], []),
        (
            [*FULL, algo(2_000, "NEW", 3, "0.3"), taken(3_000, "4", 4, price=D(10), **SELL)],
            ["may become 2.3 at worst", "quantity 4 is over 1"],
        ),
        (
            [wanted(0, 4, side=Side.SELL, qty=D(3), reduce_only=True), taken(9, "3", 4, **SELL)],
            ["may become 3 at worst", "may open a position, and was intended to only reduce one"],
        ),
        ([*FULL, *forced(2_000, "2"), taken(3_000, "1", 4)], []),
        # Nobody had told the desk of it when it decided.
        (
            [
                *(*FULL, *forced(2_000, "2")),
                wanted(2_500, 4, side=Side.SELL, qty=D(2), reduce_only=True),
                taken(3_000, "2", 4, **SELL, **REDUCES),
            ],
            [],
        ),
        (
            [
                *FULL,
                *forced(2_000, "2"),
                wanted(2_500, 4, side=Side.SELL, qty=D(2)),
                taken(3_000, "2", 4, **SELL),
            ],
            [],
        ),
        (
            [
                *FULL,
                wanted(2_000, 4, side=Side.SELL, reduce_only=True),
                taken(3_000, "1", 4, **SELL),
            ],
            ["may open a position, and was intended to only reduce one"],
        ),
    ],
)
def test_i2_positions_of_contracts(facts: list[Fact], found: list[str]) -> None:
    check(whats(Risk(), [both(open_orders_max=9), opened_with(), *facts]), found)


OFF_IT = {"instrument": PERP, "trade_id": "2", "side": Side.SELL}
LEAN = {"asset_max": "2", "notional_max": "99999"}


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([wanted(5, 2)], []),
        ([wanted(5, 2), intended(6, client_id=an_id(3))], ["BTC may become 3 at worst"]),
        ([wanted(5, 2, side=Side.SELL), intended(6, client_id=an_id(3))], []),
        # What can only reduce is no more than what there is, and asks no cap.
        ([GUARD, wanted(600, 3, **STOP), intended(700, client_id=an_id(4))], []),
        ([wanted(5, 2, qty=D(9), side=Side.SELL, reduce_only=True)], []),
        ([wanted(5, 2, **STOP | {"qty": D(4)}), wanted(6, 3)], []),
        (
            [wanted(5, 2, qty=D(2), side=Side.SELL), executed(6, client_id=an_id(2), qty=D(2), **OFF_IT),
             wanted(7, 3, **STOP | {"qty": D(4), "side": Side.BUY}), wanted(8, 4, side=Side.SELL)],
            [],
        ),
    ],
)  # fmt: skip
def test_i2_an_asset_is_counted_over_both_markets(facts: list[Fact], found: list[str]) -> None:
    held = [both(**LEAN), wanted(), executed(1, instrument=PERP)]
    check(whats(Risk(), [*held, *facts]), found)


def test_i2_what_only_reduces_asks_no_count() -> None:
    held = [both(instrument_open_orders_max=1), wanted(), executed(1, instrument=PERP)]
    leaving = [wanted(5, 2, side=Side.SELL), wanted(6, 3, side=Side.SELL, reduce_only=True)]
    assert whats(Risk(), [*held, *leaving]) == []
    assert len(whats(Risk(), [*held, *leaving, wanted(7, 4)])) == 1


def losing(amount: str) -> list[str]:
    """A desk that paid funding and goes on for half a minute, with a wish every second."""
    settings = both(order_notional_max="99999")
    body = msgspec.json.decode(settings.record.body) | {"losses": {"day_max": "10"}}
    text = msgspec.json.encode(body).decode()
    settings = written(msgspec.structs.replace(settings.record, body=text), -1_000)
    wishes = [
        wanted(n * 1_000, 10 + n, qty=D("0.001"), inputs=inputs("100", "100")) for n in range(3, 30)
    ]
    refused = [answered(Verdict.REJECTED, n * 1_000 + 1, an_id(10 + n)) for n in range(3, 30)]
    goes_on = sorted([*wishes, *refused], key=lambda fact: fact.at_ns)
    paid_for = flowed(9_500, amount, **{MINE: amount})
    known = [wanted(), executed(1, instrument=PERP)]
    story = sorted([*goes_on, paid_for], key=lambda fact: fact.at_ns)
    return whats(Risk(), [settings, opened_with(), *known, *story])


def test_i2_funding_that_was_paid_is_lost() -> None:
    assert losing("-9") == []
    told = losing("-12")
    assert told
    assert all("has lost 12 since 00:00 UTC, the limit is 10" in what for what in told)


NEWER = an_id(5, epoch=2)


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([*WAITS, taken(5, client_order_id=NEWER), *stopped(900)], []),  # triggered when it is
        ([taken(5, client_order_id=NEWER), algo(900, "NEW")], ["in epoch 1 after"]),
        ([accept(5, client_order_id=NEWER), taken(900)], []),  # another instrument
        ([taken(5, client_order_id=NEWER), taken(900)], ["in epoch 1 after"]),
        ([algo(5, "NEW", **SHORT_WINDOW)], ["ms after its window"]),
        ([algo(5, "NEW"), taken(900, order_id=7, algo_id=1_002, **SHORT_WINDOW)], []),
    ],
)
def test_i3_an_old_epoch_and_an_old_request_in_either_book(
    facts: list[Fact], found: list[str]
) -> None:
    check(whats(SingleWriter(), [both(), *facts]), found)


def holding(**qty: str) -> dict[str, Any]:
    names = {"spot": BTCUSDT, "perp": PERP}
    return {"positions": {names[name]: D(held) for name, held in qty.items()}}


def in_the_end(*facts: Fact, **said: Any) -> list[str]:
    """What is wrong at rest with what a node published last."""
    story = [both(), opened_with(), *facts, healed(5_000), published(70_000, **said)]
    return whats(Convergence(), story, rest_ms=70_000)


@pytest.mark.parametrize(
    ("facts", "said", "found"),
    [
        (long(), holding(perp="1"), []),
        (long(), holding(spot="1"), ["binance:BTCUSDT: 1 published, 0", "usdm:BTCUSDT: 0 pub"]),
        ([*long(), *bought(1, "2", 3)], holding(perp="1", spot="2"), []),
        ([*long(), *forced(9)], holding(), []),
        ([*long(), *forced(9)], holding(perp="1"), ["usdm:BTCUSDT: 1 published, 0 at"]),
        # Adopted, because nobody heard it: not told a second time.
        ([*long(), *forced(9), adopted(20, "-1", **{MINE: "-1"})], holding(), []),
        ([*long(), *forced(69_000)], holding(perp="1"), []),  # it may not have asked since
        ([*long(), paid(9)], {"balances": {WALLET: D(999), PERP: D(1)}, **holding(perp="1")}, []),
        (
            [*long(), paid(9)],
            {"balances": {WALLET: D(1000)}, **holding(perp="1")},
            ["usdm/USDT: 1000 published, 999 at the venue"],
        ),
        ([*long(), paid(69_000)], {"balances": {WALLET: D(1000)}, **holding(perp="1")}, []),
    ],
)
def test_i4_both_markets_wallets_and_what_the_venue_does_by_itself(
    facts: list[Fact], said: dict[str, Any], found: list[str]
) -> None:
    check(in_the_end(*facts, **said), found)


def test_i4_an_order_that_waits_is_open() -> None:
    told = in_the_end(*long(), *WAITS, **holding(perp="1"))
    check(told, [f"order {an_id(2)} is open at the venue and not published"])
    assert in_the_end(*long(), *WAITS, open_orders=(an_id(2),), **holding(perp="1")) == []


def test_i4_a_desk_that_doubts_a_venue_is_not_sure_of_its_positions_there() -> None:
    doubts = written(
        ModeSet(scope="venue/usdm", cause="reconcile", mode="REDUCE_ONLY", by="b", why="w"), 5
    )
    lies = [published(s * 1_000, **holding(perp="7")) for s in range(60)]
    assert len(whats(Convergence(), [both(), *long(), *lies])) == 1
    assert whats(Convergence(), [both(), *long(), doubts, *lies]) == []
    lies = [published(s * 1_000, **holding(perp="1", spot="7")) for s in range(60)]
    assert len(whats(Convergence(), [both(), *long(), doubts, *lies])) == 1


FILLED = reported(VenueStatus.FILLED, "1", 950, client_id=an_id(2), instrument=PERP)


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([*WAITS, *stopped(900), FILLED], []),
        ([*WAITS, *stopped(900)], ["venue filled 1, journal knows 0", "no terminal state"]),
        (WAITS, []),  # what protects waits for its price
        (
            [GUARD, written(Resolved(client_id=an_id(2), evidence="x"), 450), algo(500, "NEW")],
            ["never_accepted in the journal, the venue accepted it"],
        ),
        ([*WAITS, *became(900), FILLED], ["venue filled 0, journal knows 1", "filled in the"]),
        (
            [*WAITS, reported(VenueStatus.CANCELLED, "0", 950, client_id=an_id(2))],
            ["in the journal, open at the venue"],
        ),
        (
            [*WAITS, algo(800, "REJECTED"), reported(VenueStatus.REJECTED, client_id=an_id(2))],
            [],
        ),
    ],
)
def test_i5_the_end_of_a_conditional_order_is_the_end_of_what_came_of_it(
    facts: list[Fact], found: list[str]
) -> None:
    check(whats(Resolution(), [both(), *facts], rest_ms=100_000), found)


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        (WAITS, []),
        ([algo(500, "NEW")], ["at the venue, not in the journal"]),
        ([algo(500, "NEW"), wanted(900, 2, **STOP)], ["sent 400 ms before it was intended"]),
        ([*WAITS, *stopped(900)], []),
        ([arrival(500, what="POST /fapi/v1/algoOrder"), algo(500, "NEW", 1), wanted(900)], ["400"]),
    ],
)
def test_i6_a_conditional_order_is_written_first(facts: list[Fact], found: list[str]) -> None:
    check(whats(WriteAhead(), facts, rest_ms=100_000), found)


FLAT = [commanded("flatten", 1_000), healed(2_000)]
CLOSES: dict[str, Any] = {"origin": Origin.FLATTEN, "side": Side.SELL, "reduce_only": True}


def closed(qty: str, ms: float = 3_000) -> list[Fact]:
    made = {"side": "SELL", **REDUCES}
    return [
        wanted(ms, 5, qty=D(qty), **CLOSES),
        taken(ms, qty, 5, **made),
        traded(ms, qty, 5, **made),
    ]


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([*long(), *FLAT, *closed("1")], []),
        ([*long(), *FLAT], ["usdm:BTCUSDT is still 1"]),
        ([*long(), *FLAT, *closed("0.99")], ["usdm:BTCUSDT is still 0.01"]),  # it can be closed
        ([*long(), *FLAT, *closed("0.999995")], []),  # less than a lot cannot
        ([*long(), *WAITS, *FLAT, *closed("1")], [f"order {an_id(2)} is still open"]),
        ([*long(), *WAITS, *FLAT, *closed("1"), algo(3_500, "CANCELED")], []),
        ([*long(), *WAITS, *FLAT, *closed("1"), *became(3_500)], [f"{an_id(2)} is still open"]),
        ([*long(), *FLAT, *forced(3_000)], []),
        (
            [*long(), *FLAT, *closed("1.5")],
            ["a flattening SELL left usdm:BTCUSDT at -0.5", "usdm:BTCUSDT is still -0.5"],
        ),
    ],
)
def test_i7_flat_means_both_books(facts: list[Fact], found: list[str]) -> None:
    check(whats(WayOut(), [both(), opened_with(), *facts], rest_ms=100_000), found)


def refused(code: int, path: str) -> Fact:
    return said("refusal", 0, code=code, reason="", order_id=None, what=f"POST {path}")


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([refused(-1003, "/api/v3/order"), sent(3_000, client_id=an_id(2))], 0),
        ([refused(-1003, "/fapi/v1/order"), sent(3_000, client_id=an_id(2))], 1),
        ([refused(-1003, "/fapi/v1/order"), sent(3_000)], 0),
        ([refused(-1003, "/api/v3/order"), sent(3_000)], 1),
        ([ToldToWait(at_ns=1, node="a", until_ns=2**62), sent(3_000, client_id=an_id(2))], 0),
        ([ToldToWait(at_ns=1, node="a", until_ns=2**62, venue="usdm"), sent(3_000)], 0),
        (
            [
                ToldToWait(at_ns=1, node="a", until_ns=2**62, venue="usdm"),
                sent(3_000, client_id=an_id(2)),
            ],
            1,
        ),
        ([sent(0, weight=CONTRACTS_WEIGHT_MAX, venue="usdm"), sent(1, weight=5_000)], 0),
        ([sent(0, weight=CONTRACTS_WEIGHT_MAX + 1, venue="usdm")], 1),
    ],
)
def test_i8_each_host_of_the_venue_counts_for_itself(facts: list[Fact], found: int) -> None:
    known = [both(), intended(), wanted(0, 2)]
    assert len(whats(Politeness(), [*known, *facts])) == found


OFF = {"timestamp": "1", "recv_window": "1000"}


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([algo(5, "NEW", **OFF)], ["behind, half its window is"]),
        ([algo(5, "NEW"), taken(900, order_id=7, number=2, algo_id=1_002, **OFF)], []),
        ([GUARD, algo(500, "NEW", **OFF)], []),  # what can only reduce goes with an old time
    ],
)
def test_i9_a_conditional_orders_stamp(facts: list[Fact], found: list[str]) -> None:
    check(whats(Clock(), [both(), *facts]), found)


def up(until_s: int, **rest: Any) -> list[Fact]:
    return [published(s * 1_000, **holding(perp="1"), **rest) for s in range(until_s + 1)]


DECLARED = written(ProtectionSet(strategy=MINE, instrument=PERP, stop=D(90)), 5)  # type: ignore[arg-type]
HELD = [*long(), DECLARED]
AT_SPOT = [
    intended(400, **STOP | {"client_id": an_id(2)}),
    accept(500, client_order_id=an_id(2), order_id=2, side="SELL", order_type="STOP_LOSS"),
]


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([*HELD, *up(60)], ["s: 1 usdm:BTCUSDT unprotected for 11.0 s"]),
        ([*HELD, *WAITS, *up(60)], []),
        ([*HELD, *WAITS, algo(700, "EXPIRED"), *up(60)], ["unprotected"]),
        ([*HELD, *WAITS, *became(700), *up(60)], []),  # it is about to trade
        ([*HELD, *WAITS, *stopped(700), *up(60)], []),
        ([*HELD, *forced(300), force_traded(600, **{MINE: "1"}), *up(60)], []),
        ([*HELD, adopted(600, "-1", **{MINE: "-1"}), *up(60)], []),
        # What cancels out in the account: an operator's position the other way.
        ([*HELD, adopted(600, "-1"), *up(60)], []),
        ([*HELD, adopted(600, "-0.5"), *up(60)], ["s: 0.5 usdm:BTCUSDT unprotected for 11.0 s"]),
        # A stop of spot protects no perpetual of the same symbol.
        ([*HELD, *AT_SPOT, *up(60)], ["s: 1 usdm:BTCUSDT unprotected"]),
        ([*HELD, *WAITS, *stopped(700, qty="1.5")], ["a protective SELL left s at -0.5 usdm:BTC"]),
    ],
)
def test_i10_what_waits_in_its_own_book_protects(facts: list[Fact], found: list[str]) -> None:
    check(whats(Protection(within_ns=10 * SECOND_NS), [both(), opened_with(), *facts]), found)


@pytest.mark.parametrize(
    ("decided", "found"),
    [
        (wanted(5, 2, side=Side.SELL, reduce_only=True), 0),
        (wanted(5, 2, qty=D(9), side=Side.SELL, reduce_only=True), 0),
        (wanted(5, 2, qty=D(9), side=Side.SELL), 1),
        (wanted(5, 2, side=Side.SELL, inputs=inputs(age_ms=99_999), qty=D(9)), 1),
        (wanted(5, 2, side=Side.SELL, inputs=inputs(age_ms=99_999)), 0),
        (intended(5, client_id=an_id(2), side=Side.SELL, inputs=inputs(age_ms=99_999)), 1),
    ],
)
def test_i11_a_long_perpetual_is_no_excuse_at_spot(decided: Fact, found: int) -> None:
    seen = [both(), wanted(-1, inputs=inputs()), taken(), traded(), decided]
    assert len(whats(Data(), seen)) == found


def mode(scope: str) -> Fact:
    return written(ModeSet(scope=scope, cause="c", mode="REDUCE_ONLY", by="b", why="w"), 5)


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ([mode("desk"), wanted(6, 2)], ["adds risk although c holds desk in REDUCE_ONLY"]),
        ([mode("desk"), wanted(6, 2, side=Side.SELL)], []),
        ([mode("desk"), wanted(6, 2, side=Side.SELL, reduce_only=True)], []),
        ([mode("desk"), intended(6, client_id=an_id(2), side=Side.SELL)], ["adds risk"]),
        ([mode(f"instrument/{PERP}"), intended(6, client_id=an_id(2))], []),
        ([mode(f"instrument/{BTCUSDT}"), wanted(6, 2)], []),
        ([mode(f"instrument/{PERP}"), wanted(6, 2)], ["holds instrument/usdm:BTCUSDT"]),
        (
            [
                *forced(3),
                force_traded(4, **{MINE: "1"}),
                mode("desk"),
                wanted(6, 2, side=Side.SELL),
            ],
            ["adds risk"],
        ),
    ],
)
def test_i13_what_reduces_there_adds_risk_here(facts: list[Fact], found: list[str]) -> None:
    held = [both(), opened_with(), *long(), executed(2, instrument=PERP)]
    check(whats(Modes(), [*held, *facts]), found)
