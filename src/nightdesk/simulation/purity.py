"""What a strategy may not reach for: found in its source, with file, line and what to use instead."""

import ast
from pathlib import Path

import msgspec

_MODULES = {
    "time": "ctx.now, or ctx.every for a timer",
    "datetime": "ctx.now (UTC ns); convert it where you need a calendar",
    "random": "ctx.random",
    "secrets": "ctx.random",
    "uuid": "the ref that ctx.place returns",
    "threading": "handlers: the desk calls them in turn",
    "multiprocessing": "handlers: the desk calls them in turn",
    "concurrent": "handlers: the desk calls them in turn",
    "asyncio": "handlers: the desk calls them in turn; nothing in them may wait",
    "socket": "what the desk tells; a strategy has no network",
    "ssl": "what the desk tells; a strategy has no network",
    "urllib": "what the desk tells; a strategy has no network",
    "http": "what the desk tells; a strategy has no network",
    "requests": "what the desk tells; a strategy has no network",
    "aiohttp": "what the desk tells; a strategy has no network",
    "httpx": "what the desk tells; a strategy has no network",
    "ccxt": "what the desk tells; a strategy has no network",
    "subprocess": "handlers: the desk calls them in turn",
}
# Pure parts of those modules: types and arithmetic that ask nobody for the time.
_PURE = {"datetime": {"datetime", "timedelta", "date", "UTC", "timezone"}}
_IMPURE_CALLS = {"now", "utcnow", "today"}
_OS = {"urandom", "getrandom", "environ", "getenv", "system", "popen", "fork"}


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """One place where a strategy reaches outside."""

    file: str
    line: int
    what: str
    instead: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}: use {self.instead}"


def reaches_of(path: Path) -> list[Reach]:
    """Every place in a strategy's file that a world could not repeat; raises `SyntaxError` for no Python."""
    return reaches_in(path.read_text(), str(path))


def reaches_in(source: str, file: str) -> list[Reach]:
    """The same for source text."""
    found: list[Reach] = []
    for node in ast.walk(ast.parse(source, file)):
        match node:
            case ast.Import(names=names):
                for name in names:
                    module = name.name.partition(".")[0]
                    if module in _MODULES and module not in _PURE:
                        found.append(_reach(file, node, f"import {name.name}", _MODULES[module]))
            case ast.ImportFrom(module=str(module), names=names):
                top = module.partition(".")[0]
                bad = [n.name for n in names if n.name not in _PURE.get(top, set())]
                if top in _MODULES and bad:
                    what = f"from {module} import {', '.join(bad)}"
                    found.append(_reach(file, node, what, _MODULES[top]))
            case ast.Call(func=ast.Attribute(attr=attr)) if attr in _IMPURE_CALLS:
                found.append(_reach(file, node, f"{ast.unparse(node.func)}()", "ctx.now"))
            case ast.Attribute(value=ast.Name(id="os"), attr=attr) if attr in _OS:
                found.append(_reach(file, node, f"os.{attr}", "params, or ctx.random"))
            case _:
                pass
    return sorted(found, key=lambda reach: (reach.file, reach.line))


def _reach(file: str, node: ast.stmt | ast.expr, what: str, instead: str) -> Reach:
    return Reach(file=file, line=node.lineno, what=what, instead=instead)
