"""Writes new files beside the user's own and says what to type next. Nothing that exists is overwritten."""

import keyword
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import typer

from nightdesk.cli.starter.desk import NAMES, PLAY, REAL, Answers, desk_text
from nightdesk.cli.tables import say
from nightdesk.config.load import ConfigError, load
from nightdesk.control.messages import ExitCode
from nightdesk.lab.settings import KNOWN_SYMBOLS
from nightdesk.model.errors import BadInput

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}")  # the length a strategy's name has in desk.toml
_SYMBOL = re.compile(r"[A-Z0-9]{2,20}")
_TOP_MODULES = sys.stdlib_module_names | {"nightdesk", "msgspec"}


class Given(NamedTuple):
    """Answers as they were typed."""

    venues: list[str]
    symbols: list[str]
    size: str
    order_max: str
    gross_max: str
    strategy: str


def new_desk(
    folder: Path,
    *,
    venues: Sequence[str],
    symbols: Sequence[str],
    size: str,
    order_max: str,
    gross_max: str,
    strategy: str,
    interactive: bool,
) -> int:
    """desk.toml, a strategy and its test in `folder`."""
    given = Given(list(venues), list(symbols), size, order_max, gross_max, strategy)
    if interactive:
        given = _asked(given)
    play = given.venues[0] in PLAY
    answers = Answers(
        venues=_venues(given.venues),
        symbols=_symbols(given.symbols, given.venues[0]),
        size=_amount("--size", given.size),
        order_max=_amount("--order-max", given.order_max),
        gross_max=_amount("--gross-max", given.gross_max),
        strategy=_module(given.strategy, "--strategy").lower(),
        kind=_class(given.strategy),
    )
    config = folder / "desk.toml"
    text = desk_text(answers)
    try:
        load(text, str(config))  # what is written is good, or is not written
    except ConfigError as error:
        raise BadInput(f"these answers do not make a desk: {'; '.join(error.problems)}") from error
    written = {config: text} | _strategy_texts(folder, answers.strategy)
    _write(written, "choose another folder: nightdesk init OTHER-FOLDER")
    typed = shlex.quote(str(config))
    _next(
        {
            f"nightdesk up --config {typed}": "trade on the practice exchange",
            f"nightdesk simulate --config {typed} --seeds 0..9": "ten worlds in which things fail",
            _test_command(folder, answers.strategy): "test the strategy",
        }
        if play
        else {
            f"nightdesk up --config {typed} {_in_play(answers)}": "in play, without keys",
            _exports(answers.venues): "the account's",
            f"nightdesk doctor --config {typed}": "is everything there?",
            f"nightdesk up --config {typed} --live FINGERPRINT": "trade, with real money; as doctor tells it",
        }
    )
    return ExitCode.OK


def new_strategy(name: str, folder: Path) -> int:
    """NAME.py and test_NAME.py in `folder`."""
    module = _module(name, "NAME")
    _write(_strategy_texts(folder, module), "choose another name: nightdesk new strategy OTHER")
    path = shlex.quote(f"{folder / module}.py:{_class(module)}")
    _next(
        {
            f"nightdesk simulate --strategy {path} --seeds 0..9": "ten worlds in which things fail",
            _test_command(folder, module): "test what it decides",
        }
    )
    say(f'to trade it, a [[strategy]] in desk.toml with class = "{module}.py:{_class(module)}"')
    return ExitCode.OK


def _asked(given: Given) -> Given:
    """The same from a person, who may press Return for what was given, and is asked again where an answer
    cannot be used."""
    if not _on_terminal():
        raise BadInput(
            "--interactive asks questions and there is no terminal: leave it out, every answer is an "
            "option: nightdesk init --help"
        )
    venues = _ask(f"venues: {', '.join(NAMES)}", given.venues, lambda told: _venues(told.split()))
    symbols = _ask(
        "symbols, with spaces between",
        given.symbols,
        lambda told: _symbols(told.upper().split(), venues.split()[0]),
    )
    return Given(
        venues=venues.split(),
        symbols=symbols.upper().split(),
        size=_ask("size of one order, in the base asset", [given.size], partial(_amount, "size")),
        order_max=_ask(
            "at most in one order, in the quote asset",
            [given.order_max],
            partial(_amount, "amount"),
        ),
        gross_max=_ask(
            "at most in all instruments together, in the quote asset",
            [given.gross_max],
            partial(_amount, "amount"),
        ),
        strategy=_ask("name of the strategy", [given.strategy], lambda told: _module(told, "name")),
    )


def _ask(question: str, given: Sequence[str], check: Callable[[str], object]) -> str:
    """An answer that passes `check`."""

    def checked(told: str) -> str:
        try:
            check(told)
        except BadInput as error:
            raise typer.BadParameter(str(error)) from error  # told, and asked again
        return told

    return str(typer.prompt(question, default=" ".join(given), value_proc=checked, err=True))


def _on_terminal() -> bool:
    return sys.stdin.isatty()


def _in_play(answers: Answers) -> str:
    """On a market that a lab makes, if it makes one of each symbol; else on today's."""
    made = all(symbol in KNOWN_SYMBOLS for symbol in answers.symbols)
    return "--speed max --duration 600" if made else "--paper"


def _venues(names: Sequence[str]) -> list[str]:
    for name in names:
        if name not in NAMES:
            raise BadInput(f"--venue {name}: it is {' or '.join(NAMES)}")
    if not names:
        raise BadInput(f"--venue: it is {' or '.join(NAMES)}")
    return list(dict.fromkeys(names))


def _symbols(names: Sequence[str], venue: str) -> list[str]:
    if not names:
        raise BadInput("--symbol: name one, like BTCUSDT")
    play = venue if venue in PLAY else ""
    return [_symbol(name, play=play) for name in dict.fromkeys(names)]


def _symbol(symbol: str, *, play: str) -> str:
    """As the venue writes it, and listed at the practice venue `play`, where one was asked for."""
    if not _SYMBOL.fullmatch(symbol):
        raise BadInput(f"--symbol {symbol!r}: write it as the venue does, like BTCUSDT")
    if play and symbol not in KNOWN_SYMBOLS:
        raise BadInput(
            f"--symbol {symbol}: the practice exchange lists {', '.join(KNOWN_SYMBOLS)}; "
            f"others with --venue {REAL[play]}"
        )
    return symbol


def _amount(option: str, text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not (amount.is_finite() and amount > 0):
        raise BadInput(f"{option} {text!r}: an amount above 0, like 0.01")
    return amount


def _exports(venues: Sequence[str]) -> str:
    """The command that gives every account's key to this shell."""
    names = [NAMES[venue].upper() for venue in venues]
    return f"export {' '.join(f'{name}_KEY=... {name}_SECRET=...' for name in names)}"


def _module(name: str, what: str) -> str:
    """A name that a file and a class can have; raises `BadInput` with one that could."""
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        better = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_0123456789")[:32]
        like = better if _NAME.fullmatch(better) and not keyword.iskeyword(better) else "my_idea"
        raise BadInput(
            f"{what} {name!r}: a file and a class get this name: letters, digits and _, beginning with a "
            f"letter, at most 32, no word of Python's own; like {like}"
        )
    imported = re.compile(rf"^(from|import) .*\b{_class(name)}\b", re.MULTILINE)
    if name in _TOP_MODULES or imported.search(_template("idea.py")):
        raise BadInput(f"{what} {name!r}: Python or Nightdesk uses that name; like my_{name}")
    return name


def _class(module: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in module.split("_"))


def _template(name: str) -> str:
    return files("nightdesk.cli.starter").joinpath(name).read_text()


def _strategy_texts(folder: Path, module: str) -> dict[Path, str]:
    """The strategy and its test are copies of a strategy and a test that run here, under another name."""
    texts = {}
    for template in ("idea.py", "test_idea.py"):
        text = re.sub(r"\bIdea\b", _class(module), _template(template))
        texts[folder / template.replace("idea", module)] = re.sub(r"(?<![a-z])idea\b", module, text)
    return texts


def _write(texts: Mapping[Path, str], instead: str) -> None:
    """All of them or none."""
    there = [str(path) for path in texts if path.exists()]
    if there:
        raise BadInput(
            f"{', '.join(there)}: there already, and left as it is; move it away, or {instead}"
        )
    done: list[Path] = []
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x") as file:
                done.append(path)
                file.write(text)
    except OSError as error:
        for path in done:
            path.unlink(missing_ok=True)
        raise BadInput(f"{error.filename}: {error.strerror}; {instead}") from error
    for path in texts:
        sys.stdout.write(f"{path}\n")
    sys.stdout.flush()


def _test_command(folder: Path, module: str) -> str:
    """Runs where Nightdesk is installed, which need not be the `python` that is found first."""
    found = shutil.which("python")
    python = "python" if found and Path(found) == Path(sys.executable) else sys.executable
    return shlex.join([python, str(folder / f"test_{module}.py")])


def _next(commands: Mapping[str, str]) -> None:
    say("next:")
    for command, why in commands.items():
        say(f"  {command}    # {why}")
