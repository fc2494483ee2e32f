"""The few parts of a desk's config that getting out needs; whatever else is wrong with the file does not
matter.

Where the file is not TOML as a whole, each of its tables is read by itself.
"""

import re
import tomllib
from collections.abc import Mapping
from typing import Any

_TABLE = re.compile(r"^(\[|\s*\[{1,2}[^\[\]]+\]{1,2}\s*(#.*)?$)")  # also one that is broken itself
Tree = Mapping[str, Any]


def tree_of(text: str) -> tuple[Tree, list[str]]:
    """The tables of a config that can be read, and what was left out."""
    try:
        return tomllib.loads(text), []
    except tomllib.TOMLDecodeError as error:
        whole = f"not TOML as a whole ({error}): read table by table"
    tree: dict[str, Any] = {}
    left_out = [whole]
    for number, part in _parts(text):
        try:
            _join(tree, tomllib.loads(part))
        except tomllib.TOMLDecodeError as error:
            left_out.append(f"the table at line {number} cannot be read: {error}")
    return tree, left_out


def _parts(text: str) -> list[tuple[int, str]]:
    """The tables with the lines that they begin at."""
    parts: list[tuple[int, list[str]]] = [(1, [])]
    for number, line in enumerate(text.splitlines(), 1):
        if _TABLE.match(line):
            parts.append((number, []))
        parts[-1][1].append(line)
    return [(number, "\n".join(lines)) for number, lines in parts]


def _join(into: dict[str, Any], part: Mapping[str, Any]) -> None:
    for name, value in part.items():
        old = into.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            _join(old, value)
        elif isinstance(old, list) and isinstance(value, list):
            old += value
        else:
            into[name] = value


def table(tree: Tree, *path: str) -> Tree:
    """The table at `path`; an empty one where there is none."""
    found: Any = tree
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def text(tree: Tree, name: str) -> str:
    """A string; "" where there is none, or something else."""
    found = tree.get(name)
    return found if isinstance(found, str) else ""


def texts(tree: Tree, name: str) -> tuple[str, ...]:
    """One string or several."""
    found = tree.get(name)
    listed = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return tuple(each for each in listed if isinstance(each, str))


def whole(tree: Tree, name: str, otherwise: int, most: int) -> int:
    """A whole number of 0 to `most`."""
    found = tree.get(name)
    good = isinstance(found, int) and not isinstance(found, bool) and 0 <= found <= most
    return found if good and isinstance(found, int) else otherwise
