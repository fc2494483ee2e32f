"""What to get out of, and how it is reached: from options, the environment and what of a config can be read."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NamedTuple

import msgspec

from nightdesk.config.presets import PRESETS, PRODUCTION
from nightdesk.config.secrets import read_secret
from nightdesk.control.latch import latch_path
from nightdesk.emergency import reading
from nightdesk.model import money
from nightdesk.model.errors import BadInput
from nightdesk.model.ids import desk_code
from nightdesk.model.time import MS_NS
from nightdesk.venues.binance_capabilities import SPOT, USDM
from nightdesk.venues.binance_sign import Signer, signer_for

ENV = "NIGHTDESK_EMERGENCY_"
ALONE = "venue"  # what a place is called that no config names
CAPABILITIES = {"binance-spot": SPOT, "binance-usdm": USDM}
READ_LAG_MS, TTL_MS, LAG_MS_MAX = 5_000, 2_000, 600_000


class Asked(NamedTuple):
    """What was typed, as far as it says where; empty where it says nothing."""

    config: Path | None = None
    venue: str = ""
    kind: str = ""
    rest: tuple[str, ...] = ()
    key: str = ""
    secret: str = ""
    symbols: tuple[str, ...] = ()
    baseline: tuple[str, ...] = ()
    baseline_from: Path | None = None


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One account of one venue. `hosts` are tried in turn; `symbols` are what a desk trades there, none where
    nobody said. `baseline` is what of each asset is not the desk's, by those assets of which it is known. An
    order of a desk may reach the venue `ttl_ns` late, and its answers lag by `read_lag_ns`."""

    name: str
    kind: str
    hosts: tuple[str, ...]
    signer: Signer
    symbols: tuple[str, ...]
    baseline: Mapping[str, Decimal]
    read_lag_ns: int
    ttl_ns: int


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """The desk whose way out this is, as far as it is known: `code` is its place in its ids, None where no
    config names it; `control` and `latch` are where it listens, and where its next start looks."""

    code: int | None
    control: Path | None
    latch: Path | None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was said; `left_out` is what could not be read, and was not needed."""

    desk: Desk
    places: tuple[Place, ...]
    left_out: tuple[str, ...]


def desk_of(config: Path | None) -> tuple[Desk, reading.Tree, list[str]]:
    """The desk of a config, and what can be read of the file; raises `BadInput` where none can."""
    if config is None:
        return Desk(code=None, control=None, latch=None), {}, []
    try:
        text = config.read_text(errors="replace")
    except OSError as error:
        raise BadInput(
            f"config {config}: {error.strerror}; name the file, or go without: "
            f"--kind, --key and --secret, or {ENV}KIND, {ENV}KEY and {ENV}SECRET"
        ) from error
    tree, left_out = reading.tree_of(text)
    desk, base = reading.table(tree, "desk"), config.resolve().parent
    name, journal = reading.text(desk, "name"), reading.text(desk, "journal")
    control = reading.text(desk, "control") or (f"{name}.sock" if name else "")
    return (
        Desk(
            code=desk_code(name) if name else None,
            control=base / control if control else None,
            latch=latch_path(base / journal) if journal else None,
        ),
        tree,
        [f"{config}: {each}" for each in left_out],
    )


def settings_of(asked: Asked) -> Settings:
    """What was said, by all who say something; raises `BadInput` with what is missing and how to say it."""
    desk, tree, left_out = desk_of(asked.config)
    named = reading.table(tree, "venue")
    baseline = _baseline(asked, tree, left_out)
    if asked.kind or not named:
        return Settings(desk=desk, places=(_alone(asked, baseline),), left_out=tuple(left_out))
    assert asked.config is not None, "only a config names venues"
    if asked.venue and asked.venue not in named:
        raise BadInput(f"{asked.config}: no [venue.{asked.venue}]; there is {', '.join(named)}")
    chosen = [asked.venue] if asked.venue else list(named)
    places = tuple(_place(name, asked, tree, baseline) for name in chosen)
    return Settings(desk=desk, places=places, left_out=tuple(left_out))


def _place(name: str, asked: Asked, tree: reading.Tree, baseline: Mapping[str, Decimal]) -> Place:
    assert asked.config is not None, "only a config names venues"
    venue, base = reading.table(tree, "venue", name), asked.config.resolve().parent
    kind, account = reading.text(venue, "kind"), reading.table(venue, "account")
    where = f"{asked.config}: [venue.{name}]"
    if kind.startswith("practice"):
        raise BadInput(
            f"{where}: a practice exchange ends with its desk; while that runs, the config that it is "
            "reached by is desk.toml in the desk's folder"
        )
    key = asked.key or reading.text(account, "key")
    secret = asked.secret or reading.text(account, "secret")
    if not (key and secret):
        raise BadInput(
            f"{where}: no key and secret can be read under [venue.{name}.account]; give --key and --secret, as "
            "env:NAME or file:PATH"
        )
    preset = reading.text(venue, "preset") or PRODUCTION
    return Place(
        name=name,
        kind=kind,
        hosts=_hosts(kind, preset, asked.rest or reading.texts(venue, "rest"), where),
        signer=_signer(key, secret, base),
        symbols=asked.symbols or tuple(_traded(tree, name)),
        baseline=baseline,
        read_lag_ns=reading.whole(venue, "read_lag_ms", READ_LAG_MS, LAG_MS_MAX) * MS_NS,
        ttl_ns=reading.whole(reading.table(tree, "desk"), "order_ttl_ms", TTL_MS, LAG_MS_MAX)
        * MS_NS,
    )


def _alone(asked: Asked, baseline: Mapping[str, Decimal]) -> Place:
    """A place that no config names."""
    kind = asked.kind or os.environ.get(f"{ENV}KIND", "")
    given = os.environ.get(f"{ENV}REST", "").split()
    return Place(
        name=ALONE,
        kind=kind,
        hosts=_hosts(kind, PRODUCTION, asked.rest or tuple(given), "--kind"),
        signer=_signer(
            asked.key or f"env:{ENV}KEY", asked.secret or f"env:{ENV}SECRET", Path.cwd()
        ),
        symbols=asked.symbols or tuple(os.environ.get(f"{ENV}SYMBOLS", "").split()),
        baseline=baseline,
        read_lag_ns=READ_LAG_MS * MS_NS,
        ttl_ns=TTL_MS * MS_NS,
    )


def _hosts(kind: str, preset: str, given: Sequence[str], where: str) -> tuple[str, ...]:
    known = PRESETS.get(kind)
    if known is None:
        said = f"{kind!r} is none" if kind else "none was named"
        raise BadInput(
            f"{where}: which kind of venue? {said}; there are {', '.join(PRESETS)}. Name a config with "
            f"--config, or the kind with --kind or {ENV}KIND"
        )
    if given:
        return tuple(given)
    if preset not in known:
        raise BadInput(f"{where}: no preset {preset!r}; {kind} has {', '.join(known)}")
    more = CAPABILITIES[kind].alternates if preset == PRODUCTION else ()
    return (known[preset].rest, *more)


def _signer(key: str, secret: str, base: Path) -> Signer:
    for reference in (key, secret):
        if not reference.startswith(("env:", "file:")):
            raise BadInput(
                "--key and --secret are references: env:NAME or file:PATH, never the secret itself"
            )
    return signer_for(read_secret(key, base), read_secret(secret, base))


def _traded(tree: reading.Tree, venue: str) -> Iterable[str]:
    listed = tree.get("instrument")
    for each in listed if isinstance(listed, list) else []:
        if isinstance(each, dict):
            of, _, symbol = reading.text(each, "id").partition(":")
            if of == venue and symbol:
                yield symbol


def _baseline(asked: Asked, tree: reading.Tree, left_out: list[str]) -> dict[str, Decimal]:
    """By asset: what was typed stands over what a file of balances says, and that over the config."""
    found: dict[str, Decimal] = {}
    for asset, told in reading.table(tree, "baseline").items():
        try:
            found[asset] = _amount(asset, told)
        except BadInput as error:
            left_out.append(f"[baseline] {error}")
    if asked.baseline_from is not None:
        found |= _balances_in(asked.baseline_from)
    for each in asked.baseline:
        asset, equals, told = each.partition("=")
        if not (asset and equals):
            raise BadInput(f"--baseline {each}: write it as ASSET=QUANTITY, like BTC=0.5")
        found[asset] = _amount(asset, told)
    return found


def _balances_in(path: Path) -> dict[str, Decimal]:
    """What an account held when `status --json` was written there, or a plain table of assets."""
    try:
        told = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BadInput(f"--baseline-from {path}: {error}; write one with: status --json") from error
    if not isinstance(told, dict):
        raise BadInput(f"--baseline-from {path}: no table of assets; write one with: status --json")
    if isinstance(venues := told.get("venues"), list):
        rows = [row for venue in venues if not venue["contracts"] for row in venue["held"]]
        told = {row["name"]: row["qty"] for row in rows}
    return {asset: _amount(asset, qty) for asset, qty in told.items()}


def _amount(asset: str, told: object) -> Decimal:
    try:
        written = isinstance(told, str | int) and not isinstance(told, bool)
        amount = Decimal(str(told)) if written else None
    except InvalidOperation:
        amount = None
    if amount is None or not money.is_amount(amount) or amount < 0:
        raise BadInput(f"{asset}: {told!r} is no quantity; write it like 0.5")
    return amount
