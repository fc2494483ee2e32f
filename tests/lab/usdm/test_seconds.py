"""What comes by the clock at a USD-M venue is the same when only those seconds are played that matter."""

from typing import Any

from msgspec.structs import replace

from lab.driver import SECOND, Driver
from lab.perps import RULES, SETTINGS, D, Perps
from lab.usdm.test_algo import algo
from nightdesk.lab.recorded import RecordedMarket
from nightdesk.lab.settings import HeldBy
from nightdesk.lab.usdm.settings import UsdmSettings
from recordings.tables import bar_line, reader

MINUTE = 60 * SECOND
# Calm, a fall that comes back within its minute, calm again; then a minute is missing.
ROWS = [
    *[(100, 101, 99, 100)] * 4,
    (100, 101, 60, 100),
    *[(100, 101, 99, 100)] * 6,
]
BARS = [bar_line(n if n < 9 else n + 1, prices) for n, prices in enumerate(ROWS)]
USDM = UsdmSettings(symbols=(RULES,), funding_every_ns=5 * MINUTE)


def played(*, only: bool, leverage: int, bars: list[str] = BARS, speed: float = 1.0) -> Perps:
    """A lab that plays the bars for an account which holds the contract isolated, at such a leverage."""
    (account,) = SETTINGS.accounts
    held = {"BTCUSDT": HeldBy(leverage=leverage, isolated=True)}
    settings = replace(
        SETTINGS,
        accounts=(replace(account, contracts=held),),
        usdm=USDM,
        only_seconds_that_matter=only,
    )
    market = RecordedMarket([(reader(), bars)], speed=speed)
    market.pulse("BTCUSDT", None)
    perps = Perps.__new__(Perps)
    Driver.__init__(perps, settings=settings, perp_market=market)
    return perps


def told(p: Perps) -> list[Any]:
    """What happened, without the lab's own numbers of answers."""
    kinds = ("fill", "funding", "algo", "expired", "accepted")
    return [
        (e.kind, e.at_ns, e.amount, e.last_price, e.reason) for e in p.lab.log if e.kind in kinds
    ]


def history(*, only: bool, leverage: int, bought_after_s: int = 90) -> Perps:
    p = played(only=only, leverage=leverage)
    p.pass_time(bought_after_s * SECOND)
    p.market_order("BUY", "1")
    p.pass_time(10 * MINUTE)
    return p


def test_seconds_in_which_nothing_can_change_are_passed_over_and_nothing_is_missed() -> None:
    for leverage in (1, 5):
        all_of_them, only = (history(only=each, leverage=leverage) for each in (False, True))
        assert told(all_of_them) == told(only)
        assert all_of_them.wallet() == only.wallet()
        assert any(e.kind == "funding" for e in only.lab.log)


def test_marks_are_told_until_they_stand_and_again_when_they_move() -> None:
    counts = []
    for only in (False, True):
        p = played(only=only, leverage=1)
        conn = p.open("/market/ws/btcusdt@markPrice@1s")
        p.pass_time(5 * MINUTE)
        marks = [(event["E"] // 60_000, event["p"]) for event in p.heard(conn)]
        counts.append((len(marks), list(dict.fromkeys(marks))))
    assert counts[0][1] == counts[1][1]
    assert counts[1][0] < counts[0][0] / 5


def test_a_position_does_not_outlive_a_bar_that_it_could_not_stand() -> None:
    p = history(only=True, leverage=5)
    assert p.desk.position("BTCUSDT").amount == 0
    (forced,) = [e for e in p.lab.log if e.kind == "fill" and e.order_type == "LIQUIDATION"]
    assert forced.last_price == 60, "the low of its minute, though it closed where it opened"
    assert history(only=True, leverage=1).desk.position("BTCUSDT").amount == 1


def test_what_was_bought_behind_the_low_is_not_judged_by_it() -> None:
    # Bars are told from the first one's end on; the low of the fifth counts as made at its 20th second.
    bought = history(only=True, leverage=5, bought_after_s=3 * 60 + 30)
    assert bought.desk.position("BTCUSDT").amount == 1


def test_what_a_stop_left_in_a_bar_does_not_outlive_it_either() -> None:
    p = played(only=True, leverage=5)
    p.pass_time(90 * SECOND)
    p.market_order("BUY", "2")
    algo(p, triggerPrice="90", quantity="1")
    p.pass_time(10 * MINUTE)
    assert p.desk.position("BTCUSDT").amount == 0
    forced = [e for e in p.lab.log if e.kind == "fill" and e.order_type == "LIQUIDATION"]
    assert [e.last_price for e in forced] == [60]


def test_who_sold_into_a_fall_is_not_judged_by_what_was_before_it() -> None:
    fell = [*[(100, 101, 99, 100)] * 4, (100, 100, 90, 90), *[(90, "90.5", "89.5", 90)] * 6]
    bars = [bar_line(n, prices) for n, prices in enumerate(fell)]
    p = played(only=False, leverage=20, bars=bars, speed=7)
    marks, sold = [], False
    for _ in range(600):
        p.pass_time(SECOND // 10)
        marks.append(p.lab.usdm.exchange.marks.marks.get("BTCUSDT"))
        if not sold and marks[-1] is not None and marks[-1] <= 90:
            p.market_order("SELL", "1")
            sold = True
    behind = marks[next(n for n, mark in enumerate(marks) if mark is not None and mark <= 90) :]
    assert max(behind) < 91
    assert p.desk.position("BTCUSDT").amount == -1


def test_a_contract_is_held_as_the_account_had_it() -> None:
    p = played(only=False, leverage=7)
    p.pass_time(SECOND)
    row = p.position()
    assert (row["leverage"], row["marginType"]) == ("7", "isolated")
    assert p.desk.position("BTCUSDT").isolated_wallet == D(0)
