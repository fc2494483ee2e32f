"""Reading the file: TOML, shape, and what the shape cannot say; all problems together, each with its line."""

import re
import tomllib
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from nightdesk.config.schema import Config, Instrument, Limits, StrategyLimits
from nightdesk.config.venue import Venue
from nightdesk.model.errors import BadInput

_TABLE = re.compile(r"^\s*\[{1,2}\s*([^\]]+?)\s*\]{1,2}")
_KEY = re.compile(r"^\s*([A-Za-z0-9_\-\"']+)\s*=")


class ConfigError(BadInput):
    """Every problem of one file, a line each."""

    def __init__(self, name: str, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        count = len(self.problems)
        head = f"{name}: {count} problem{'s' if count != 1 else ''}"
        super().__init__("\n".join((head, *(f"  {problem}" for problem in self.problems))))


def load(text: str, name: str) -> Config:
    """The config in `text`; raises `ConfigError` with everything that is wrong with it."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(name, [f"not TOML: {error}"]) from error
    places = Places(text)
    try:
        config = Config.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(name, [_problem(e, places, tree) for e in error.errors()]) from error
    problems = list(_between(config, places))
    if problems:
        raise ConfigError(name, problems)
    return config


class Places:
    """Lines of tables and keys, so that an error can be found without searching."""

    def __init__(self, text: str) -> None:
        self._lines: dict[tuple[str | int, ...], int] = {}
        counts: dict[str, int] = {}
        at: tuple[str | int, ...] = ()
        for number, line in enumerate(text.splitlines(), 1):
            table = _TABLE.match(line)
            if table:
                path = tuple(part.strip().strip("\"'") for part in table.group(1).split("."))
                if line.lstrip().startswith("[["):
                    index = counts[path[0]] = counts.get(path[0], -1) + 1
                    at = (*path, index)
                elif path[0] in counts:
                    at = (path[0], counts[path[0]], *path[1:])
                else:
                    at = path
                self._lines.setdefault(at, number)
                continue
            key = _KEY.match(line)
            if key:
                self._lines.setdefault((*at, key.group(1).strip("\"'")), number)

    def told(self, path: tuple[str | int, ...]) -> str:
        """ "line 7: venue.binance.rest", or without a line where the key is missing."""
        dotted = ""
        for part in path:
            dotted += f"[{part}]" if isinstance(part, int) else f".{part}" if dotted else part
        for length in range(len(path), 0, -1):
            line = self._lines.get(path[:length])
            if line is not None:
                return f"line {line}: {dotted}"
        return dotted


def _problem(error: Any, places: Places, tree: dict[str, Any]) -> str:
    path = tuple(part for part in error["loc"] if part != "kind" or "class" not in error["loc"])
    where = places.told(path)
    kind = error["type"]
    if kind == "extra_forbidden":
        return f"{where}: unknown key{_did_you_mean(path)}"
    if kind == "missing":
        return f"{where}: missing"
    message = error["msg"].removeprefix("Value error, ")
    got = error.get("input")
    said = (
        f", got {got!r}" if isinstance(got, (str, int, float)) and "write it" not in message else ""
    )
    return f"{where}: {message}{said}"


def _did_you_mean(path: Sequence[str | int]) -> str:
    known = _fields_at(path[:-1])
    close = get_close_matches(str(path[-1]), known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known here: {', '.join(sorted(known))}" if known else ""


def _fields_at(path: Sequence[str | int]) -> list[str]:
    """The keys that the table at `path` may have."""
    model: Any = Config
    for part in path:
        if isinstance(part, int):
            continue
        if isinstance(model, type) and issubclass(model, BaseModel):
            field = model.model_fields.get(part)
            model = None if field is None else field.annotation
        model = next((m for m in _models_in(model)), model)
    if isinstance(model, type) and issubclass(model, BaseModel):
        return [field.alias or name for name, field in model.model_fields.items()]
    return []


def _models_in(annotation: Any) -> Iterable[type[BaseModel]]:
    """The pydantic models a type names, through list[], dict[] and unions."""
    todo = [annotation]
    while todo:
        item = todo.pop()
        if isinstance(item, type) and issubclass(item, BaseModel):
            yield item
        todo.extend(get_args(item))


def _terms(instrument: Instrument, venue: Venue, where: str) -> Iterable[str]:
    """Contracts are held on terms, and nothing else is."""
    if venue.contracts:
        if instrument.leverage is None:
            yield f"{where}: {instrument.id} is a contract: give it the leverage that it has at the venue"
    elif instrument.leverage is not None or instrument.margin is not None:
        yield f"{where}: {instrument.id} is no contract: it has neither leverage nor margin"


def _beside(config: Config, places: Places) -> Iterable[str]:
    """Venues that do not go together in one desk."""
    spot = ""
    for name, venue in config.venue.items():
        where = places.told(("venue", name))
        others = [other for other in config.venue.values() if other is not venue]
        if venue.practises and not all(other.practises for other in others):
            yield (
                f'{where}: kind = "{venue.kind}" stands alone: the desk brings that exchange with it, and '
                "others would be real"
            )
        elif venue.practises and any(other.kind == venue.kind for other in others):
            yield f'{where}: kind = "{venue.kind}" twice would be one account; leave one of them out'
        elif spot and not venue.contracts:
            yield (
                f"{where}: [venue.{spot}] is a spot account as well, and what the two hold of one asset cannot "
                "be told apart; use a desk for each"
            )
        elif not venue.contracts:
            spot = name
        if not any(i.id.partition(":")[0] == name for i in config.instrument):
            yield f"{where}: no [[instrument]] is traded there; remove it, or list one as {name}:SYMBOL"


def _between(config: Config, places: Places) -> Iterable[str]:
    """What only the parts together can get wrong."""
    yield from _beside(config, places)
    venues = set(config.venue)
    known = [instrument.id for instrument in config.instrument]
    for index, instrument in enumerate(config.instrument):
        where = places.told(("instrument", index, "id"))
        venue = instrument.id.partition(":")[0]
        if venue not in venues:
            yield f"{where}: no venue {venue!r}; there is {', '.join(sorted(venues))}"
        else:
            yield from _terms(instrument, config.venue[venue], where)
        if instrument.id in known[:index]:
            yield f"{where}: {instrument.id} is listed twice"
    yield from _assets(config, places)
    yield from _of_contracts(config, places)
    yield from _guarded(config, places)
    names = [strategy.name for strategy in config.strategy]
    for index, strategy in enumerate(config.strategy):
        if strategy.name in names[:index] or strategy.name == "operator":
            yield f"{places.told(('strategy', index, 'name'))}: {strategy.name!r} is taken"
        for wanted in strategy.instruments:
            if wanted not in known:
                close = get_close_matches(wanted, known, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
                where = places.told(("strategy", index, "instruments"))
                yield f"{where}: {wanted!r} is no [[instrument]]; {hint}"


def _of_contracts(config: Config, places: Places) -> Iterable[str]:
    """Limits on contracts where none is traded: whoever set them believes in something."""
    if any(venue.contracts for venue in config.venue.values()):
        return
    tables: list[tuple[tuple[str | int, ...], Limits | StrategyLimits]] = [
        (("limits",), config.limits)
    ]
    tables += [
        (("strategy", index, "limits"), each.limits) for index, each in enumerate(config.strategy)
    ]
    for path, limits in tables:
        for limit in ("margin_use_max", "leverage_max"):
            if getattr(limits, limit) is not None:
                where = places.told((*path, limit))
                yield f"{where}: bounds contracts, and no [venue] has any; remove it"


def _guarded(config: Config, places: Places) -> Iterable[str]:
    """A guardian that acts has a key of its own at every venue."""
    keys = config.guardian.account
    for name in keys:
        if name not in config.venue:
            where = places.told(("guardian", "account", name))
            yield f"{where}: no venue {name!r}; there is {', '.join(sorted(config.venue))}"
    if config.guardian.policy == "tell":
        return
    for name in config.venue:
        if name not in keys:
            where = places.told(("guardian", "policy"))
            yield (
                f'{where}: "{config.guardian.policy}" needs a key at each venue: write '
                f"[guardian.account.{name}] with key and secret"
            )


def _assets(config: Config, places: Places) -> Iterable[str]:
    """Names of assets that nothing here trades."""
    symbols = [instrument.id.partition(":")[2] for instrument in config.instrument]
    for asset in config.baseline:
        if not any(symbol.startswith(asset) or symbol.endswith(asset) for symbol in symbols):
            where = places.told(("baseline", asset))
            yield f"{where}: no [[instrument]] trades {asset}; there are {', '.join(symbols)}"
    for asset in config.limits.asset_max:
        if not any(symbol.startswith(asset) for symbol in symbols):
            where = places.told(("limits", "asset_max"))
            yield f"{where}: {asset} is the base asset of no [[instrument]]; there are {', '.join(symbols)}"
