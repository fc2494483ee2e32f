"""Perpetuals beside spot in the config of a world's desk."""

VENUE, LEVERAGE = "usdm", 20
_VENUE = """
[venue.usdm]
kind = "binance-usdm"
rest = "http://lab"
stream = "ws://lab"
private = "ws://lab"
private_copies = 1
dead_man_s = 60

[venue.usdm.account]
key = "file:key"
secret = "file:secret"

"""


def with_contracts(practice: str) -> str:
    """The practice desk's config with a second venue; its limits and what stands behind them are another's."""
    head, limits, rest = practice.partition("[limits]")
    return head + _VENUE + limits + rest


def table_of(instrument: str) -> str:
    """The table of one instrument, by its id."""
    text = f'\n[[instrument]]\nid = "{instrument}"\n'
    return text + (f"leverage = {LEVERAGE}\n" if instrument.startswith(f"{VENUE}:") else "")
