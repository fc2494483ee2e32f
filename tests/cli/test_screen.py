"""The view of a desk."""

import io
from decimal import Decimal

import msgspec
import pytest
from rich.console import Console

from nightdesk.cli.screen import render
from nightdesk.control.messages import (
    InstrumentRow,
    LaneRow,
    LimitRow,
    Sample,
    StandbyRow,
    SwitchRow,
)
from node.test_result import a_sample

SAMPLE = msgspec.structs.replace(a_sample([]), journal={"durable": 1})

STANDBY = StandbyRow(node="n", pid=8, rank=1, lag_ns=1_600_000, heard_ns=0)


def lines(share: float | None, sample: Sample = SAMPLE) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=120).print(render(sample, share))
    return out.getvalue().splitlines()


def test_how_far_a_recording_is_stands_above_what_a_low_window_cuts_off() -> None:
    first, second, *rest = lines(0.42)
    assert "NORMAL" in first
    assert (second.split()[0], second.split()[-1]) == ("replaying", "42%")
    assert lines(None) == [first, *rest]


@pytest.mark.parametrize("width", [70, 80, 120, 200])
def test_every_number_is_whole_at_every_width(width: int) -> None:
    market = InstrumentRow(
        instrument="binance-usdm:FILUSDT",
        mode="NORMAL",
        bid=Decimal("67012.34"),
        ask=Decimal("67012.35"),
        feed_age_ns=12_000_000,
        position=Decimal("0.00999"),
        worst=Decimal("0.04000"),
        position_max=Decimal("0.25"),
    )
    limit = LimitRow(limit="gross", worst=Decimal("12345.6789"), maximum=Decimal("1000000"))
    sample = msgspec.structs.replace(SAMPLE, instruments=[market], limits=[limit])
    out = io.StringIO()
    Console(file=out, width=width).print(render(sample))
    told = out.getvalue()
    words = told.split()
    assert {"67,012.34", "67,012.35", "0.00999", "0.04", "0.25"} <= set(words)
    assert "12,345.6789 of 1,000,000" in told
    assert all(len(line.rstrip()) <= width for line in told.splitlines())


@pytest.mark.parametrize(
    ("standbys", "told"),
    [
        ([], "no node stands by"),
        (
            [StandbyRow(node="n", pid=8, rank=1, lag_ns=1_600_000, heard_ns=0)],
            "stands by: pid 8 (lag 2 ms)",
        ),
        (
            [StandbyRow(node="n", pid=8, rank=1, lag_ns=0, heard_ns=0, unfit="another config")],
            "stands by: pid 8: another config",
        ),
    ],
)
def test_who_leads_since_when_and_why_stands_at_the_head_and_who_would_be_next(
    standbys: list[StandbyRow], told: str
) -> None:
    sample = msgspec.structs.replace(
        SAMPLE,
        pid=7,
        uptime_ns=90 * 10**9,
        led_because="desk on vm (pid 6) has ended",
        lease_left_ns=2_100_000_000,
        standbys=standbys,
    )
    said = " ".join(" ".join(lines(None, sample)).split())
    assert (
        "leads: pid 7 for 90.0 s, because desk on vm (pid 6) has ended; lease: 2.1 s left; " + told
    ) in said


def test_codes_that_no_table_has_stand_at_the_head_by_venue_and_how_often() -> None:
    counters = {"unmapped.binance.-9417": 3, "unmapped.usdm.other": 1, "auth.usdm.-2015": 1}
    sample = msgspec.structs.replace(SAMPLE, counters=counters)
    told = "codes that no table has: binance -9417 (3x), usdm other (1x)"
    assert [line.strip() for line in lines(None, sample)[1:2]] == [told]


def test_a_lane_that_is_not_in_use_stands_at_the_head_with_why() -> None:
    lane = LaneRow(
        venue="binance",
        lane="api1.binance.com from 192.0.2.10",
        use="in_use",
        latency_ns=3_000_000,
        errors_percent=0.0,
        under_way=1,
        why="",
    )
    gone = msgspec.structs.replace(lane, lane="api2", use="ejected", why="2 failed in a row")
    sample = msgspec.structs.replace(SAMPLE, lanes=[lane, gone])
    told = "lane api2 of binance: ejected (2 failed in a row)"
    assert [line.strip() for line in lines(None, sample)[1:2]] == [told]


def test_a_dead_mans_switch_is_told_where_it_runs_or_is_held_off() -> None:
    def switch(name: str, left_ns: int | None = None, off: str = "") -> SwitchRow:
        return SwitchRow(instrument=name, length_ns=60 * 10**9, left_ns=left_ns, off=off)

    runs, off = switch("usdm:BTCUSDT", 42 * 10**9), switch("usdm:ETHUSDT", off="a stop rests")
    sample = msgspec.structs.replace(SAMPLE, switches=[runs, off, switch("usdm:XRPUSDT")])
    told = "dead man's switch: usdm:BTCUSDT 42.0 s, usdm:ETHUSDT off (a stop rests)"
    assert [line.strip() for line in lines(None, sample)[1:2]] == [told]
    assert lines(None, msgspec.structs.replace(SAMPLE, switches=[switch("x")])) == lines(None)
