"""Days on which markets fell, recorded as bars: a levered position is gone where its margin was."""

import gzip
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from builders import shared
from nightdesk.adapters.journal_file import history_of
from nightdesk.model.account import Forced
from nightdesk.model.records import ForceTraded, ModeSet, Record
from nightdesk.node.result import Result
from nightdesk.simulation.replay import ReplayOptions, run_replay

pytestmark = pytest.mark.recorded

HOLD = '''
"""One position."""
from decimal import Decimal
import msgspec
from nightdesk.strategy.api import Context, Strategy

class Hold(Strategy):
    """Opens `quote` worth of its instrument as soon as there is a price, and holds it."""

    class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        """`side` is 1 or -1."""
        quote: Decimal = Decimal(2000)
        side: int = 1

    class State(msgspec.Struct):
        """Whether it was asked for."""
        asked: bool = False

    def on_quote(self, ctx: Context, quote) -> None:
        """Once."""
        if not self.state.asked:
            self.state.asked = True
            ctx.target(quote.instrument, self.params.side * ctx.size(quote.instrument, quote=self.params.quote))
'''
CONFIG = """
[desk]
name = "levered"
journal = "desk.journal"
[venue.usdm]
kind = "binance-usdm"
[venue.usdm.account]
key = "env:KEY"
secret = "env:SECRET"
[limits]
order_qty_max = "1000000"
order_notional_max = "10000"
position_max = "1000000"
gross_max = "10000"
collar_bps = "200"
[[instrument]]
id = "usdm:FILUSDT"
leverage = {leverage}
margin = "isolated"
[[strategy]]
name = "hold"
class = "hold.py:Hold"
instruments = ["usdm:FILUSDT"]
params = {{ side = {side} }}
"""
# FIL on 2024-04-12: 7.75 at 17:01, 6.08 at its lowest before 18:35, 5.1 within the next two minutes.
FALL = "2024-04", datetime(2024, 4, 12, 17, 0, tzinfo=UTC)
# On 2025-04-04 it rose from 2.7 to 3.46 within one minute, 07:04, and came back.
SPIKE = "2025-04", datetime(2025, 4, 4, 6, 30, tzinfo=UTC)
LASTS = timedelta(hours=2)


def cut(folder: Path, month: str, begins: datetime) -> Path:
    """Two hours of a month."""
    source = shared(f"data/klines/crash/binance_usdm_FILUSDT-1m-{month}.csv.gz")
    lines = gzip.decompress(source.read_bytes()).splitlines(keepends=True)
    first, last = (int(at.timestamp() * 1000) for at in (begins, begins + LASTS))
    path = folder / f"FILUSDT-1m-{month}.csv"
    path.write_bytes(b"".join(row for row in lines[1:] if first <= int(row[:13]) < last))
    return path


def played(
    folder: Path, recorded: tuple[str, datetime], *, leverage: int, side: int
) -> tuple[Result, list[Record]]:
    (folder / "hold.py").write_text(HOLD)
    config, journal = folder / "desk.toml", folder / "desk.journal"
    config.write_text(CONFIG.format(leverage=leverage, side=side))
    options = ReplayOptions(
        replay=[],
        usdm=[str(cut(folder, *recorded))],
        seed=1,
        duration_s=None,
        config=config,
        journal=journal,
    )
    return run_replay(options), [record for *_, record in history_of(journal)]


@pytest.mark.parametrize(
    ("recorded", "leverage", "side", "least", "most"),
    [
        # A tenth below 7.75, the open at 17:01, is 6.98; a bar is judged by its low.
        (FALL, 10, 1, "6.9", "7.0"),
        (FALL, 5, 1, "5.0", "6.0"),
        (SPIKE, 10, -1, "2.9", "3.5"),
    ],
)
def test_a_levered_position_is_liquidated_where_its_margin_is_gone(
    tmp_path: Path, recorded: tuple[str, datetime], leverage: int, side: int, least: str, most: str
) -> None:
    result, records = played(tmp_path, recorded, leverage=leverage, side=side)
    (forced,) = [record for record in records if isinstance(record, ForceTraded)]
    assert forced.fill.kind is Forced.LIQUIDATION
    assert Decimal(least) <= forced.fill.price <= Decimal(most)
    assert sum(forced.shares.values()) == forced.fill.qty
    assert [r.mode for r in records if isinstance(r, ModeSet) and r.cause == "forced"]
    assert result.clean, result.findings
    assert not any(result.position_diff.values())


@pytest.mark.parametrize(
    ("recorded", "leverage", "side"), [(FALL, 2, 1), (FALL, 10, -1), (SPIKE, 10, 1), (SPIKE, 2, -1)]
)
def test_who_has_margin_or_is_on_the_other_side_keeps_the_position(
    tmp_path: Path, recorded: tuple[str, datetime], leverage: int, side: int
) -> None:
    result, records = played(tmp_path, recorded, leverage=leverage, side=side)
    assert not [record for record in records if isinstance(record, ForceTraded)]
    assert result.clean, result.findings
    assert any(qty for name, qty in result.positions.items() if "FIL" in name)
