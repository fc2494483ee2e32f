"""Parameters of a request: text in, values out, in the venue's words when they are wrong.

Owns reading single parameters and the rules about which may be sent. Refuses to know what
they are for.
"""

import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar
from urllib.parse import unquote_plus

import msgspec

from nightdesk.lab.refusals import Refused, illegal_characters, mandatory

_DECIMAL = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
_LONG = r"^[0-9]{1,20}$"
_SYMBOL = r"^[A-Z0-9-_.]{1,20}$"
_CLIENT_ID = r"^[a-zA-Z0-9-_]{1,36}$"
_DECIMAL_RE = re.compile(_DECIMAL)
_LONG_RE = re.compile(_LONG)
_SYMBOL_RE = re.compile(_SYMBOL)
_CLIENT_ID_RE = re.compile(_CLIENT_ID)
_PLACES_MAX = 8

# What every signed request may carry besides its own parameters.
SIGNED_NAMES = frozenset({"timestamp", "recvWindow", "signature"})

_E = TypeVar("_E", bound=StrEnum)


def form(query: str, body: str) -> dict[str, str]:
    """Parameters of query and body; the query wins where both name one."""
    values = _pairs(body)
    values.update(_pairs(query))
    return values


def _pairs(text: str) -> dict[str, str]:
    values: dict[str, str] = {}
    quoted = "%" in text or "+" in text
    for part in text.split("&"):
        if not part:
            continue
        name, _, value = part.partition("=")
        if quoted:
            name, value = unquote_plus(name), unquote_plus(value)
        if name in values:
            raise Refused(-1101, "Duplicate values for a parameter detected.")
        values[name] = value
    return values


def check_names(params: Mapping[str, str], known: Collection[str], *, signed: bool) -> None:
    """Refuse parameters the endpoint does not read, and empty ones."""
    unread = [name for name in params if name not in known]
    if unread:
        read, sent = len(params) - len(unread), len(params)
        if signed:
            raise Refused(
                -1104,
                f"Not all sent parameters were read; read '{read}' parameter(s) "
                f"but was sent '{sent}'.",
            )
        raise Refused(-1101, f"Too many parameters; expected '{read}' and received '{sent}'.")
    for name, value in params.items():
        if not value:
            raise Refused(-1105, f"Parameter '{name}' was empty.")


def required(params: Mapping[str, str], name: str) -> str:
    """A parameter that must be there."""
    value = params.get(name)
    if not value:
        raise mandatory(name)
    return value


def decimal(params: Mapping[str, str], name: str) -> Decimal | None:
    """An amount with at most eight decimals."""
    value = params.get(name)
    if value is None:
        return None
    if not _DECIMAL_RE.match(value):
        raise illegal_characters(name, _DECIMAL)
    if len(value.partition(".")[2].rstrip("0")) > _PLACES_MAX:
        raise Refused(-1111, f"Parameter '{name}' has too much precision.")
    return Decimal(value)


def long(params: Mapping[str, str], name: str) -> int | None:
    """A whole number."""
    value = params.get(name)
    if value is None:
        return None
    if not _LONG_RE.match(value):
        raise illegal_characters(name, _LONG)
    return int(value)


def limit(params: Mapping[str, str], *, default: int, most: int) -> int:
    """How many rows are asked for."""
    count = long(params, "limit")
    if count is None:
        return default
    if count == 0:
        raise Refused(-1130, "Data sent for parameter 'limit' is not valid.")
    return min(count, most)


def flag(params: Mapping[str, str], name: str, *, default: bool) -> bool:
    """A boolean, in any letter case."""
    value = params.get(name)
    if value is None:
        return default
    if value.lower() not in ("true", "false"):
        raise illegal_characters(name, "(true|false)")
    return value.lower() == "true"


def symbol(params: Mapping[str, str], known: Collection[str]) -> str:
    """The symbol a request is about."""
    return checked_symbol(required(params, "symbol"), known)


def checked_symbol(value: str, known: Collection[str]) -> str:
    """A symbol the venue lists."""
    if not _SYMBOL_RE.match(value):
        raise illegal_characters("symbol", _SYMBOL)
    if value not in known:
        raise Refused(-1121, "Invalid symbol.")
    return value


def symbols(params: Mapping[str, str], known: Collection[str]) -> list[str] | None:
    """The symbols a request is about, from `symbol` or `symbols`; None when it names none."""
    if "symbol" in params and "symbols" in params:
        raise Refused(-1128, "Combination of optional parameters invalid.")
    if "symbol" in params:
        return [symbol(params, known)]
    if "symbols" not in params:
        return None
    try:
        names = msgspec.json.decode(params["symbols"], type=list[str])
    except msgspec.DecodeError as e:
        raise illegal_characters("symbols", r'^\["[A-Z0-9-_.]{1,20}"(,"...")*\]$') from e
    if len(set(names)) != len(names):
        raise Refused(-1151, "Symbol is present multiple times in the list.")
    return [checked_symbol(name, known) for name in names]


def client_id(params: Mapping[str, str], name: str) -> str | None:
    """A client order id."""
    value = params.get(name)
    if value is not None and not _CLIENT_ID_RE.match(value):
        raise illegal_characters(name, _CLIENT_ID)
    return value


def choice(
    params: Mapping[str, str], name: str, kind: type[_E], wrong: tuple[int, str]
) -> _E | None:
    """One of the words of `kind`; `wrong` is the code and text for any other."""
    value = params.get(name)
    if value is None:
        return None
    try:
        return kind(value)
    except ValueError:
        raise Refused(*wrong) from None


def amount_or_none(value: str | None) -> Decimal | None:
    """An amount if it is one; for records, which take requests as they come."""
    return Decimal(value) if value is not None and _DECIMAL_RE.match(value) else None


def whole_or_none(value: str | None) -> int | None:
    """A whole number if it is one; for what is looked at before it is checked."""
    return int(value) if value is not None and _LONG_RE.match(value) else None
