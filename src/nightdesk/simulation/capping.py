"""Limits that may be set or not, drawn for two strategies on one desk that lean on all of them."""

from collections.abc import Mapping
from random import Random

CAPS = {  # limits that may be set or not, each to one of these
    "notional_max": ('"1200"', '"2000"'),
    "instrument_open_orders_max": ("1", "3"),
    "cancels_per_second_max": ("1", "2"),
    "cancels_per_minute_max": ("2", "5"),
    "orders_per_fill_max": ('"2"', '"6"'),
    "asset_max": ('{ BTC = "0.02" }', '{ BTC = "0.03", ETH = "0.5" }'),
    "net_max": ('"1500"', '"2500"'),
    "concentration_max": ('"0.6"', '"0.8"'),
    "orders_per_minute_max": ("20", "60"),
    "messages_per_second_max": ("2", "4"),
    "messages_per_minute_max": ("30", "90"),
}
MARGIN_CAPS = {  # of desks that hold contracts
    "margin_use_max": ('"0.05"', '"0.4"'),
    "leverage_max": ('"0.008"', '"0.02"'),
}
OWN_CAPS = {
    "position_max": ('"0.02"', '"0.5"'),
    "gross_max": ('"1200"', '"2200"'),
    "open_orders_max": ("1", "4"),
    "orders_per_second_max": ("1", "3"),
}
OWN_MORE = {
    "net_max": ('"800"', '"1500"'),
    "asset_max": ('"0.015"', '"0.3"'),
    "concentration_max": ('"0.6"', '"0.9"'),
}
OWN_MARGIN_CAPS = {
    "margin_use_max": ('"0.03"', '"0.3"'),
    "leverage_max": ('"0.005"', '"0.01"'),
}
CAP_SHARE = 0.3  # of all caps: one that is tighter hides others
MARGIN_SHARE = 0.4
FLOOR = 'concentration_floor = "1000"\n'


def drawn_caps(draw: Random) -> tuple[str, dict[str, str]]:
    """Lines of the desk's limits, and of each strategy's own."""
    of_desk = _drawn(CAPS, draw) + FLOOR
    own = {name: _drawn(OWN_CAPS, draw) for name in ("hungry", "greedy")}
    return of_desk, {name: lines + _drawn(OWN_MORE, draw) for name, lines in own.items()}


def drawn_margin_caps(draw: Random) -> tuple[str, str]:
    """Lines of the limits of a desk that trades perpetuals, and of its strategy's own."""
    return _drawn(MARGIN_CAPS, draw, MARGIN_SHARE), _drawn(OWN_MARGIN_CAPS, draw, MARGIN_SHARE)


def _drawn(table: Mapping[str, tuple[str, ...]], draw: Random, share: float = CAP_SHARE) -> str:
    """Lines for some of the limits of a table."""
    lines = [(name, draw.random() < share, draw.choice(of)) for name, of in table.items()]
    return "".join(f"{name} = {value}\n" for name, chosen, value in lines if chosen)
