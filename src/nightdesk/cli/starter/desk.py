"""The text of a commented desk.toml."""

from collections.abc import Sequence
from decimal import Decimal
from string import Template

import msgspec

PRACTICE, BINANCE = "practice", "binance-spot"
PRACTICE_USDM, USDM = "practice-usdm", "binance-usdm"
REAL = {PRACTICE: BINANCE, PRACTICE_USDM: USDM}  # what each practice venue stands for
PLAY = tuple(REAL)
NAMES = {PRACTICE: "binance", BINANCE: "binance", PRACTICE_USDM: "usdm", USDM: "usdm"}


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What a new desk is made of; `order_max` and `gross_max` are in the quote asset, `size` in the base."""

    venues: Sequence[str]
    symbols: Sequence[str]
    size: Decimal
    order_max: Decimal
    gross_max: Decimal
    strategy: str
    kind: str


_HEAD = """\
# A desk: where it trades, what it may trade, how much of it, and the strategies that decide.
# Amounts are strings, because a float is not an exact amount. After an edit: nightdesk doctor -c desk.toml

[desk]
name = "desk"
"""
_HEAD_END = {
    True: """\
journal = "desk.journal"    # every decision, before it is sent; in practice/, anew with each start
# order_ttl_ms = 2000       # an order that reaches the venue later than this is refused there
""",
    False: """\
journal = "desk.journal"    # every decision, before it is sent; a restart goes on from it: keep it
# control = "desk.sock"     # where `nightdesk status`, `pause` and `flatten` find the desk
# log = "console"           # or "json"
# order_ttl_ms = 2000       # an order that reaches the venue later than this is refused there
""",
}
_VENUE = {
    PRACTICE: """
# The practice exchange: `nightdesk up` starts it beside the desk, on this machine, with play money, no keys.
# It forgets everything when it stops, and so does the desk. For real money: kind = "binance-spot" and an
# account, as `nightdesk init other-folder --venue binance-spot` writes it.
[venue.binance]
kind = "practice"
""",
    BINANCE: """
# Binance spot, real money. First in play: nightdesk up --config desk.toml --speed max --duration 600
# Then on today's market, still in play: nightdesk up --config desk.toml --paper
[venue.binance]
kind = "binance-spot"
# preset = "testnet"        # or "demo": the venue's own places for play; without it, production
read_lag_ms = 5000          # how long the venue's answers may lag behind what it did; what a cancelled order
                            # may have filled stays held that much longer

# References to secrets, never the secrets: env:NAME, or file:PATH of a file that only you may read (chmod 600).
# The key may read and trade spot, and nothing else; withdrawals stay off.
[venue.binance.account]
key = "env:BINANCE_KEY"
secret = "env:BINANCE_SECRET"
""",
    PRACTICE_USDM: """
# Perpetuals on the practice exchange: `nightdesk up` starts it beside the desk, with play money, no keys, and
# with leverage and margin as they stand below. For real money: kind = "binance-usdm" and an account, as
# `nightdesk init other-folder --venue binance-usdm` writes it.
[venue.usdm]
kind = "practice-usdm"
""",
    USDM: """
# Binance USD-M perpetuals, real money. In play: nightdesk up --config desk.toml --speed max --duration 600
# Then on today's market, still in play: nightdesk up --config desk.toml --paper
[venue.usdm]
kind = "binance-usdm"
# preset = "testnet"        # the venue's own place for play; without it, production
read_lag_ms = 5000          # how long the venue's answers may lag behind what it did
# dead_man_s = 60           # entries are cancelled by the venue once it has not heard of the desk for so long

# The key may read and trade futures, and nothing else; it may be spot's, if that may do both.
[venue.usdm.account]
key = "env:USDM_KEY"
secret = "env:USDM_SECRET"
""",
}
_LIMITS = Template("""
# No order leaves that could break one of these, everything open, unknown and late counted at its worst.
# Quantities are in the base asset (BTC of BTCUSDT), money in the quote asset (USDT). CAUTIOUS halves sizes.
[limits]
$amounts
open_orders_max = 20        # resting and under way, of the whole desk
orders_per_second_max = 10
collar_bps = "50"           # how far an order's price may be from the market: 50 bps is 0.5 %
# stale_after_ms = 2000     # quotes older than this are no market: nothing new is risked on them; of recorded
#                           # bars, 2000 behind the bar's end, unless it is set here
duplicate_window_ms = 250   # the same order again within this time is taken for a mistake
# There are more, off until they are set (docs/reference/limits.md); tighter at once: nightdesk limits set
""")
_LOSSES = Template("""
# After losses like these nothing new is risked until a person has looked: nightdesk resume --reason "..."
[losses]
$day_max
# drawdown_max = "1000"     # lost since the profit was highest
# losing_exits_max = 20     # closing orders in a row that lost
""")
_INSTRUMENT = Template("""
[[instrument]]
id = "$venue:$symbol"      # the venue's name above, and its symbol
""")
_TERMS = """\
leverage = 20               # as it is set at the venue: the desk changes nothing there, and refuses another
margin = "cross"            # or "isolated"
"""
_OVERRIDE = """\
# [instrument.limits]       # what differs from [limits] for the instrument above
# order_qty_max = "2"
# position_max = "4"
"""
_BASELINE = """
# What the account holds that is not this desk's: never sold by it, and left alone by `nightdesk flatten`.
# [baseline]
# BTC = "0.5"
"""
_STRATEGY = Template("""
[[strategy]]
name = "$strategy"
class = "$strategy.py:$kind"   # a file beside this one, or package.module:Class
instruments = [$instruments]
params = { size = "$size" }   # fields of $kind.Params; what is not here keeps its default
""")


def desk_text(answers: Answers) -> str:
    """A config that holds what was answered; limits are some times the size of an order."""
    play = answers.venues[0] in PLAY
    text = _HEAD + _HEAD_END[play] + "".join(_VENUE[venue] for venue in answers.venues)
    amounts = (
        ("order_qty_max", answers.size * 2, "of one order"),
        ("order_notional_max", answers.order_max, "money in one order"),
        ("position_max", answers.size * 4, "of one instrument, long or short"),
        ("gross_max", answers.gross_max, "money in all instruments together"),
    )
    text += _LIMITS.substitute(amounts="\n".join(_line(*each) for each in amounts))
    day_max = _line("day_max", answers.gross_max / 10, "lost since 00:00 UTC, after fees")
    text += _LOSSES.substitute(day_max=day_max)
    for kind in answers.venues:
        for symbol in answers.symbols:
            text += _INSTRUMENT.substitute(venue=NAMES[kind], symbol=symbol)
            text += _TERMS if NAMES[kind] == "usdm" else ""
    text += _OVERRIDE
    if BINANCE in answers.venues:
        text += _BASELINE
    listed = ", ".join(
        f'"{NAMES[kind]}:{symbol}"' for kind in answers.venues for symbol in answers.symbols
    )
    return text + _STRATEGY.substitute(
        strategy=answers.strategy, kind=answers.kind, instruments=listed, size=f"{answers.size:f}"
    )


def _line(name: str, amount: Decimal, what: str) -> str:
    return f'{name} = "{amount:f}"'.ljust(28) + f"# {what}"
