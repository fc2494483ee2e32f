"""From config to plan: limits, strategies loaded from packages or files, codecs with their keys."""

import importlib
import importlib.util
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from nightdesk.config.presets import PRODUCTION
from nightdesk.config.schema import Config
from nightdesk.config.schema import Instrument as InstrumentConfig
from nightdesk.config.schema import Strategy as StrategyConfig
from nightdesk.config.secrets import read_secret
from nightdesk.config.venue import Account
from nightdesk.config.venue import Venue as VenueConfig
from nightdesk.model.account import Margin, Terms
from nightdesk.model.errors import BadInput
from nightdesk.model.ids import InstrumentId, StrategyId, VenueId, instrument_key, venue_of
from nightdesk.model.instrument import Instrument, Kind
from nightdesk.model.mode import Mode
from nightdesk.model.time import MS_NS
from nightdesk.node.plan import Plan, StrategyPlan
from nightdesk.node.purity import reaches_of
from nightdesk.node.refused import NodeAlone, NoStrategyFile
from nightdesk.resilience.budget import Limit
from nightdesk.risk.limits import Limits, StrategyLimits
from nightdesk.risk.losses import LossLimits
from nightdesk.strategy.api import Strategy
from nightdesk.strategy.prepare import declared, prepare
from nightdesk.venues.binance_facts import BinanceFacts
from nightdesk.venues.binance_key import BinanceKey
from nightdesk.venues.binance_sign import Signer, Unsigned, signer_for
from nightdesk.venues.binance_spot import BinanceSpot
from nightdesk.venues.binance_usdm import BinanceUsdm
from nightdesk.venues.protocol import VenueCodec

_EXTRAS = {"numpy": "indicators"}  # optional dependencies of the examples, by the module they bring
# The codecs by the `kind` of a config's venue; a practice venue speaks the protocol of the one that it stands
# for.
KINDS: Mapping[str, type[BinanceSpot] | type[BinanceUsdm]] = {
    "binance-spot": BinanceSpot,
    "binance-usdm": BinanceUsdm,
}


def plan_of(config: Config, base: Path, live: str = "") -> Plan:
    """The plan of a desk; raises `BadInput` naming the strategy that cannot be loaded. `live` is the
    fingerprint that was typed; it counts where orders cost real money."""
    real = {VenueId(name): venue.kind for name, venue in config.venue.items() if venue.real}
    return Plan(
        name=config.desk.name,
        limits={InstrumentId(i.id): _limits(config, i) for i in config.instrument},
        baseline=config.baseline,
        strategies=tuple(_strategy(s, base) for s in config.strategy),
        read_lag_ns=max(venue.read_lag_ms for venue in config.venue.values()) * MS_NS,
        order_ttl_ns=config.desk.order_ttl_ms * MS_NS,
        losses=LossLimits(**config.losses.model_dump()),
        real=real,
        live=live,
        asset_max=config.limits.asset_max,
        terms=terms_of(config),
        uncovered=Mode[config.desk.uncovered.upper()],
        hot=config.desk.standby == "hot",
        digest=_digest(config),
    )


def _digest(config: Config) -> str:
    """Of what was written into the file, but for what concerns one process: a release that knows more settings
    has the same for the same file."""
    written = config.model_dump(
        mode="json", exclude_unset=True, exclude={"desk": {"control", "log", "boards", "standby"}}
    )
    told = json.dumps(written, sort_keys=True)
    return blake2b(told.encode(), digest_size=16).hexdigest()


def terms_of(config: Config) -> dict[InstrumentId, Terms]:
    """On which terms contracts are held."""
    return {
        InstrumentId(i.id): Terms(leverage=i.leverage, margin=Margin(i.margin or "cross"))
        for i in config.instrument
        if i.leverage is not None
    }


def codecs_of(config: Config, base: Path) -> dict[VenueId, VenueCodec]:
    """The codec of each venue, with its account's key, in the config's order."""
    return {
        VenueId(name): _codec(config, name, _signer(name, venue.account, base))
        for name, venue in config.venue.items()
    }


def signed_codecs(
    config: Config, signer: Signer, allowed: Callable[[Sequence[Limit]], Sequence[Limit]] = tuple
) -> dict[VenueId, VenueCodec]:
    """The same where one account is held at all of them, which allow so much of their limits."""
    return {VenueId(name): _codec(config, name, signer, allowed) for name in config.venue}


def keys_of(config: Config, base: Path) -> dict[VenueId, BinanceKey]:
    """The questions about each account's key."""
    return {
        VenueId(name): BinanceKey(_signer(name, venue.account, base))
        for name, venue in config.venue.items()
    }


class Endpoints(NamedTuple):
    """Every address of a venue, the first one first; see `Addresses`."""

    rest: tuple[str, ...]
    stream: tuple[str, ...]
    private: tuple[str, ...]


def endpoints_of(name: str, venue: VenueConfig) -> Endpoints:
    """Those of its config, or where it names none those that the venue's documents name. Raises `BadInput`
    where a signature would not hold at all of them."""
    can, first = KINDS[venue.kind].capabilities, venue.addresses
    real = venue.preset == PRODUCTION
    hosts = Endpoints(
        rest=venue.rest or (first.rest, *(can.alternates if real else ())),
        stream=venue.stream or (first.stream, *(can.stream_alternates if real else ())),
        private=venue.private or (first.private, *(can.private_alternates if real else ())),
    )
    if can.host_signed and len(hosts.rest) > 1:
        raise BadInput(f"[venue.{name}]: its signatures hold for one host; list one under rest")
    return hosts


def facts_of(kind: str, account: Account | None, base: Path) -> BinanceFacts:
    """What a person asks a venue of that kind; without an account only what needs no key."""
    signer = Unsigned() if account is None else _signer(kind, account, base)
    return BinanceFacts(signer, contracts=KINDS[kind].capabilities.market is Kind.PERPETUAL)


def _codec(
    config: Config,
    name: str,
    signer: Signer,
    allowed: Callable[[Sequence[Limit]], Sequence[Limit]] = tuple,
) -> VenueCodec:
    traded = [InstrumentId(i.id) for i in config.instrument]
    symbols = {instrument_key(i): i for i in traded if venue_of(i) == name}
    kind = _kind(contracts=config.venue[name].contracts)
    return kind(VenueId(name), signer, symbols, allowed(kind.limits))


def _kind(*, contracts: bool) -> type[BinanceSpot] | type[BinanceUsdm]:
    return KINDS["binance-usdm" if contracts else "binance-spot"]


def _signer(venue: str, account: Account | None, base: Path) -> Signer:
    if account is None:
        raise NodeAlone(venue)
    return signer_for(read_secret(account.key, base), read_secret(account.secret, base))


def telling_codec(instrument: Instrument) -> VenueCodec:
    """A codec that can tell again what was sent of an instrument, without any key."""
    symbols = {instrument.symbol: instrument.id}
    return _kind(contracts=instrument.contract)(instrument.venue, Unsigned(), symbols)


def control_path(config: Config, base: Path) -> Path:
    """Where the node listens for commands."""
    return base / (config.desk.control or f"{config.desk.name}.sock")


def journal_path(config: Config, base: Path) -> Path:
    """Where the journal lies."""
    return base / config.desk.journal


def spool_path(config: Config) -> Path | None:
    """Where ways out are kept that cannot wait for the journal."""
    return None if config.desk.spool is None else Path(config.desk.spool)


def _limits(config: Config, instrument: InstrumentConfig) -> Limits:
    merged = config.limits.model_dump() | instrument.limits.model_dump(exclude_none=True)
    del merged["asset_max"]  # by asset; see `Plan.settled`
    stale_ms, window_ms = merged.pop("stale_after_ms"), merged.pop("duplicate_window_ms")
    return Limits(**merged, stale_after_ns=stale_ms * MS_NS, duplicate_window_ns=window_ms * MS_NS)


def _strategy(config: StrategyConfig, base: Path) -> StrategyPlan:
    kind = load_strategy(config.kind, base)
    params = dict(config.params)
    try:
        declared(prepare(kind, params, None), [InstrumentId(i) for i in config.instruments])
    except BadInput as error:
        raise BadInput(f"strategy {config.name!r}: {error}") from error
    return StrategyPlan(
        name=StrategyId(config.name),
        kind=kind,
        params=params,
        instruments=tuple(InstrumentId(i) for i in config.instruments),
        losses=LossLimits(**config.losses.model_dump()),
        limits=StrategyLimits(**config.limits.model_dump()),
        capital=config.capital,
    )


def load_strategy(where: str, base: Path) -> type[Strategy]:
    """The class at "package.module:Class" or "file.py:Class"."""
    source, _, name = where.partition(":")
    try:
        if source.endswith(".py"):
            path = base / source
            if not path.exists():
                raise NoStrategyFile(where, str(path))
            _refuse_impure(path, where)  # before any of it runs
            spec = importlib.util.spec_from_file_location(path.stem, path)
            if spec is None or spec.loader is None:
                raise BadInput(f"{path} is no Python file")
            module = importlib.util.module_from_spec(spec)
            sys.modules[path.stem] = module
            spec.loader.exec_module(module)
        else:
            found = importlib.util.find_spec(source)
            _refuse_impure(Path((found and found.origin) or ""), where)
            module = importlib.import_module(source)
    except BadInput:
        raise
    except ModuleNotFoundError as error:
        raise BadInput(f"strategy class {where!r}: {error}; {_mending(error, source)}") from error
    except Exception as error:  # a user's file may raise anything while it is loaded
        raise BadInput(
            f"strategy class {where!r}: {type(error).__name__}: {error}; mend it"
        ) from error
    kind = getattr(module, name, None)
    if not (isinstance(kind, type) and issubclass(kind, Strategy)):
        raise BadInput(
            f"strategy class {where!r}: {source} has no subclass {name} of nightdesk.strategy.api.Strategy; "
            f"{_there_is(module)}"
        )
    return kind


def _mending(error: ModuleNotFoundError, source: str) -> str:
    """What to type or edit where a module is missing: the strategy's own, or one that it imports."""
    missing = (error.name or "").partition(".")[0]
    if missing in _EXTRAS:
        return f"it comes with: pip install 'nightdesk[{_EXTRAS[missing]}]'"
    if f"{source}.".startswith(f"{error.name}."):
        return "write class as package.module:Class or path/to/file.py:Class"
    return "install it where nightdesk is installed, or mend the import"


def _refuse_impure(file: Path, where: str) -> None:
    """What a replay could not repeat is named before it trades, wherever the strategy is to run."""
    try:
        reaches = reaches_of(file)
    except (OSError, SyntaxError, UnicodeDecodeError):
        return  # not written in Python that can be read: what it does shows when it runs
    if reaches:
        listed = "\n  ".join(str(reach) for reach in reaches)
        raise BadInput(f"strategy class {where!r}: no replay could repeat it:\n  {listed}")


def _there_is(module: ModuleType) -> str:
    """The strategies that a module defines itself."""
    found = [
        name
        for name, kind in vars(module).items()
        if isinstance(kind, type)
        and issubclass(kind, Strategy)
        and kind.__module__ == module.__name__
    ]
    return f"there is {', '.join(found)}" if found else "write one: class Mine(Strategy)"
