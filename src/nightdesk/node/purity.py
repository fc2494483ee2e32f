"""What a strategy may not reach for: found in its source, with file, line and what to use instead."""

import ast
from collections.abc import Iterator
from pathlib import Path

import msgspec

_MODULES = {
    "time": "ctx.now, or ctx.every for a timer",
    "datetime": "ctx.now (UTC ns); convert it where you need a calendar",
    "random": "ctx.random",
    "secrets": "ctx.random",
    "uuid": "the ref that ctx.place returns",
    "_thread": "handlers: the desk calls them in turn",
    "threading": "handlers: the desk calls them in turn",
    "multiprocessing": "handlers: the desk calls them in turn",
    "concurrent": "handlers: the desk calls them in turn",
    "asyncio": "handlers: the desk calls them in turn; nothing in them may wait",
    "posix": "params, or ctx.random",
    "signal": "handlers: the desk calls them in turn",
    "socket": "what the desk tells; a strategy has no network",
    "ssl": "what the desk tells; a strategy has no network",
    "urllib": "what the desk tells; a strategy has no network",
    "http": "what the desk tells; a strategy has no network",
    "requests": "what the desk tells; a strategy has no network",
    "websockets": "what the desk tells; a strategy has no network",
    "aiohttp": "what the desk tells; a strategy has no network",
    "httpx": "what the desk tells; a strategy has no network",
    "ccxt": "what the desk tells; a strategy has no network",
    "subprocess": "handlers: the desk calls them in turn",
}
# Pure parts of those modules: types and arithmetic that ask nobody for the time.
_PURE = {"datetime": {"datetime", "timedelta", "date", "UTC", "timezone"}}
_IMPURE_CALLS = {"now", "utcnow", "today"}
_OS = "params, or ctx.random"
_WAITS = "params: no handler may wait for a file or a person, and no replay has either"
_HIDDEN = "an import that can be read: what a string names cannot be judged"
# By their whole names, whatever they are called where they are used.
_IMPURE = {
    **dict.fromkeys(("datetime.datetime.now", "datetime.datetime.utcnow"), "ctx.now"),
    **dict.fromkeys(("datetime.datetime.today", "datetime.date.today"), "ctx.now"),
    **{
        f"os.{name}": _OS
        for name in ("urandom", "getrandom", "environ", "environb", "getenv", "getenvb")
    },
    **{f"os.{name}": _OS for name in ("system", "popen", "fork", "times", "getpid")},
    **dict.fromkeys(("importlib.import_module", "importlib.__import__", "sys.modules"), _HIDDEN),
    **{
        f"{module}{name}": _HIDDEN
        for module in ("", "builtins.")
        for name in ("__import__", "eval", "exec", "compile")
    },
    **{f"{module}{name}": _WAITS for module in ("", "builtins.") for name in ("open", "input")},
    **dict.fromkeys(("io.open", "os.open"), _WAITS),
}
_COMMON = {"open", "input"}  # also names of prices and the like, where a file gives them a value
_STARS = {"os": _OS, "importlib": _HIDDEN, "builtins": _HIDDEN}


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
    tree = ast.parse(source, file)
    names = _Names(tree)
    found = [
        Reach(file=file, line=node.lineno, what=what, instead=instead)
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt | ast.expr)
        for what, instead in _reached(node, names)
    ]
    return sorted(found, key=lambda reach: (reach.file, reach.line))


class _Names:
    """What names stand for: modules and parts of them, under whatever name; and what is called."""

    def __init__(self, tree: ast.Module) -> None:
        self._origins: dict[str, str] = {}
        nodes = list(ast.walk(tree))
        self.called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
        for node in nodes:
            match node:
                case ast.Import(names=names):
                    for name in names:
                        top = name.name.partition(".")[0]
                        self._origins[name.asname or top] = name.name if name.asname else top
                case ast.ImportFrom(module=str(module), names=names):
                    for name in names:
                        self._origins[name.asname or name.name] = f"{module}.{name.name}"
                case _:
                    pass
        self._own = {
            n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        self._own |= {node.arg for node in nodes if isinstance(node, ast.arg)}
        self._own &= _COMMON
        assigned = [node for node in nodes if isinstance(node, ast.Assign)]
        for _ in assigned:  # one may build on another
            for node in assigned:
                origin = self.origin(node.value)
                if origin is not None and isinstance(node.targets[0], ast.Name):
                    self._origins.setdefault(node.targets[0].id, origin)

    def origin(self, node: ast.expr) -> str | None:
        """The whole name of what an expression stands for, where that can be told."""
        match node:
            case ast.Name(id=name):
                known = name in _IMPURE and name not in self._own
                return self._origins.get(name, name if known else None)
            case ast.Attribute(value=value, attr=attr):
                of = self.origin(value)
                return None if of is None else f"{of}.{attr}"
            case ast.Call(
                func=ast.Name(id="getattr"), args=[of_what, ast.Constant(value=str(attr)), *_]
            ):
                of = self.origin(of_what)
                return None if of is None else f"{of}.{attr}"
            case _:
                return None


def _reached(node: ast.stmt | ast.expr, names: _Names) -> Iterator[tuple[str, str]]:
    match node:
        case ast.Import(names=imported):
            for name in imported:
                module = name.name.partition(".")[0]
                if module in _MODULES and module not in _PURE:
                    yield f"import {name.name}", _MODULES[module]
        case ast.ImportFrom(module=str(module), names=imported):
            yield from _imported(module, [name.name for name in imported])
        case ast.Attribute(attr=attr) | ast.Name(id=attr) | ast.Call(func=ast.Name(id=attr)):
            if isinstance(node, ast.Call) and attr != "getattr":
                return
            asks = isinstance(node, ast.Attribute) and attr in _IMPURE_CALLS
            called = asks and id(node) in names.called
            origin = names.origin(node)
            if called or (origin in _IMPURE and not _repeats(node)):
                instead = "ctx.now" if called else _IMPURE[origin or ""]
                yield f"{ast.unparse(node)}{'()' if called else ''}", instead
        case _:
            pass


def _imported(module: str, imported: list[str]) -> Iterator[tuple[str, str]]:
    top = module.partition(".")[0]
    bad = [name for name in imported if name not in _PURE.get(top, set())]
    if top in _MODULES and bad:
        yield f"from {module} import {', '.join(bad)}", _MODULES[top]
        return
    for name in imported:
        instead = _STARS.get(module) if name == "*" else _IMPURE.get(f"{module}.{name}")
        if instead is not None:
            yield f"from {module} import {name}", instead


def _repeats(node: ast.expr) -> bool:
    """Whether a name only repeats what was found where it was given."""
    return isinstance(node, ast.Name) and node.id not in _IMPURE
