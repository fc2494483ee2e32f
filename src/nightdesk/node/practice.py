"""The practice desk: a config nobody has to write, keys nobody has to give, a folder of its own."""

import secrets
import shutil
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from string import Template
from typing import Any

from nightdesk.config.load import load
from nightdesk.config.schema import Config
from nightdesk.config.venue import Account
from nightdesk.model.account import Margin, Terms
from nightdesk.model.errors import BadInput
from nightdesk.model.ids import InstrumentId, VenueId, instrument_key, venue_of
from nightdesk.model.instrument import instrument_id, wallet_of
from nightdesk.node.compose import terms_of
from nightdesk.node.refused import NotListed

BALANCES = {"BTC": "1", "ETH": "10", "USDT": "100000"}
WALLETS = {"USDT": "100000"}  # what stands behind contracts
PAUSE_MS = 250  # the maker's own
MAKER_ORDERS_MAX = (
    80  # of the 100 that Binance spot takes in ten seconds; from 86 on a desk is CAUTIOUS
)
TEN_SECONDS_MS = 10_000
NO_TERMS: Mapping[str, Terms] = {}
JOURNAL, SOCKET, CONFIG_FILE = "desk.journal", "desk.sock", "desk.toml"
VENUE_LOG = "venue.jsonl"  # what the lab did, as `nightdesk audit` reads it; written when the desk has stopped

_CONFIG = Template("""\
# The practice desk: a lab exchange on this machine, two example strategies, tight limits.
[desk]
name = "practice"
journal = "desk.journal"
control = "desk.sock"

[venue.binance]
kind = "binance-spot"
rest = "$rest"
stream = "$stream"
private = "$stream"
private_copies = 1

[venue.binance.account]
key = "file:key"
secret = "file:secret"

[limits]
order_qty_max = "0.1"
order_notional_max = "10000"
position_max = "0.25"
gross_max = "40000"
open_orders_max = 20
orders_per_second_max = 20
collar_bps = "50"
""")
_INSTRUMENT = Template("""
[[instrument]]
id = "binance:$symbol"
""")
_ETH_LIMITS = """[instrument.limits]
order_qty_max = "2"
position_max = "4"
"""
_STRATEGIES = Template("""
[[strategy]]
name = "trend"
class = "nightdesk.strategy.examples.trend:Trend"
instruments = [$instruments]
params = { size = "0.02", fast = 40, slow = 200, band_bps = 0.15, both_ways = true }

[[strategy]]
name = "maker"
class = "nightdesk.strategy.examples.maker:Maker"
instruments = [$instruments]
params = { size = "0.01", follow_ticks = 50, inventory_max = "0.06", pause_ms = $pause_ms }
""")


def practice_text(rest_url: str, symbols: Sequence[str], pause_ms: int = PAUSE_MS) -> str:
    """The practice desk's config against a lab at `rest_url`; its maker waits `pause_ms` after each quote."""
    stream = rest_url.replace("http", "ws", 1)
    text = _CONFIG.substitute(rest=rest_url, stream=stream)
    for symbol in symbols:
        text += _INSTRUMENT.substitute(symbol=symbol)
        if symbol.startswith("ETH"):
            text += _ETH_LIMITS
    listed = ", ".join(f'"binance:{symbol}"' for symbol in symbols)
    return text + _STRATEGIES.substitute(instruments=listed, pause_ms=pause_ms)


def calm_pause_ms(symbols: Sequence[str]) -> int:
    """With this pause the maker's two sides of each symbol never come to more orders than a desk may send that
    is to stay in NORMAL, however lively the market is."""
    return len(symbols) * 2 * TEN_SECONDS_MS // MAKER_ORDERS_MAX


def practice_config(rest_url: str, symbols: Sequence[str]) -> Config:
    """The same, read."""
    return load(practice_text(rest_url, symbols), "the practice config")


def against_lab(config: Config, rest_url: str, folder: Path) -> Config:
    """`config` with its venues replaced by a lab and its files by those in `folder`: for recorded data."""
    stream = rest_url.replace("http", "ws", 1)
    account = Account(key=f"file:{folder / 'key'}", secret=f"file:{folder / 'secret'}")
    update = {
        "rest": (rest_url,),
        "links": (),
        "stream": (stream,),
        "private": (stream,),
        "rights": rest_url,
        "account": account,
    }
    venues = {
        name: venue.model_copy(
            update={"kind": "binance-usdm" if venue.contracts else "binance-spot", **update}
        )
        for name, venue in config.venue.items()
    }
    desk = config.desk.model_copy(
        update={"journal": str(folder / JOURNAL), "control": str(folder / SOCKET)}
    )
    return config.model_copy(update={"venue": venues, "desk": desk})


def refuse_unlisted(config: Config, spot: Sequence[str], perpetuals: Sequence[str]) -> None:
    """Raises `NotListed` for an instrument that a lab does not list: a desk would wait for it for ever; and
    `BadInput` for more accounts than the one that a desk has there."""
    held = [name for name, venue in config.venue.items() if venue.contracts]
    if len(held) > 1:
        raise BadInput(
            f"[venue.{held[0]}] and [venue.{held[1]}] are two accounts of perpetuals, and a desk has one at a "
            "lab: play them one at a time, each with a config of its own"
        )
    for name, venue in config.venue.items():
        listed = perpetuals if venue.contracts else spot
        traded = [InstrumentId(i.id) for i in config.instrument]
        symbols = [instrument_key(i) for i in traded if venue_of(i) == name]
        missing = [symbol for symbol in symbols if symbol not in listed]
        if missing:
            raise NotListed(missing, listed)


def refuse_unplayed(perpetuals: Sequence[str], config: Config | None) -> None:
    """Raises `BadInput` for recorded perpetuals that no desk of `config` would trade."""
    if not perpetuals or (config and any(venue.contracts for venue in config.venue.values())):
        return
    if config is None:
        raise BadInput("perpetuals are traded by a config that says so: name one with --config")
    raise BadInput(
        f"--usdm-replay {perpetuals[0]}: the config has no venue of contracts to trade it at; give it a "
        '[venue] of kind = "binance-usdm", or leave the recording out'
    )


def booked(account: Any, config: Config) -> dict[str, Decimal]:
    """What a lab says of its account (`GET /lab/account`), by the names in the books of a desk of `config`."""
    held = {a: Decimal(b["free"]) + Decimal(b["locked"]) for a, b in account["balances"].items()}
    for name, venue in config.venue.items():
        if not venue.contracts:
            continue
        for asset, purse in account["usdm"]["balances"].items():
            held[wallet_of(VenueId(name), asset)] = Decimal(purse["wallet"])
        for symbol, position in account["usdm"]["positions"].items():
            held[instrument_id(VenueId(name), symbol)] = Decimal(position["amount"])
    return held


def markets(status: Any) -> dict[str, object]:
    """Where a lab's markets stand (`GET /lab/status`): spot's, and that of contracts where it has one."""
    told = {"market": status["market"]}
    return told | {"usdm": status["usdm"]["market"]} if status["usdm"] else told


def write_keys(folder: Path) -> tuple[str, str]:
    """A key and a secret that only this lab knows, drawn anew."""
    key, secret = secrets.token_hex(32), secrets.token_hex(32)
    write_private(folder / "key", key)
    write_private(folder / "secret", secret)
    return key, secret


def held_by(config: Config) -> dict[str, Terms]:
    """How a lab's account holds the contracts that `config` trades: as it says, which no venue would do."""
    return {instrument_key(instrument): terms for instrument, terms in terms_of(config).items()}


def accounts_text(
    key: str,
    secret: str,
    balances: Mapping[str, str] = BALANCES,
    wallets: Mapping[str, str] = WALLETS,
    contracts: Mapping[str, Terms] = NO_TERMS,
) -> str:
    """The lab's accounts file."""
    lines = ["[[account]]", 'name = "practice"', f'api_key = "{key}"', f'secret = "{secret}"']
    lines += ["[account.balances]", *(f'{asset} = "{held}"' for asset, held in balances.items())]
    lines += ["[account.usdm]", *(f'{asset} = "{held}"' for asset, held in wallets.items())]
    for symbol, terms in contracts.items():
        isolated = str(terms.margin is Margin.ISOLATED).lower()
        lines += [
            f"[account.contracts.{symbol}]",
            f"leverage = {terms.leverage}",
            f"isolated = {isolated}",
        ]
    return "\n".join(lines) + "\n"


def write_private(path: Path, text: str) -> None:
    """A file that only its owner may read."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text)


def fresh_folder(folder: Path) -> None:
    """An empty folder for one practice run: the lab forgets everything, so must the desk."""
    folder.mkdir(parents=True, exist_ok=True)
    for suffix in ("", "-wal", "-shm", ".ballast", ".latch"):
        (folder / f"{JOURNAL}{suffix}").unlink(missing_ok=True)
    shutil.rmtree(folder / f"{JOURNAL}.nodes", ignore_errors=True)
    for name in (CONFIG_FILE, VENUE_LOG):
        (folder / name).unlink(missing_ok=True)
