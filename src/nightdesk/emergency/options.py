"""What is typed, and what it asks for."""

import argparse
from pathlib import Path

from nightdesk.emergency.decide import Task, Verb
from nightdesk.emergency.errand import no_baseline
from nightdesk.emergency.settings import ENV, Asked, Place, Settings
from nightdesk.model.errors import BadInput
from nightdesk.venues.binance_way_out import KINDS

BY = "the emergency tool"


class Confused(BadInput):
    """What was typed does not say enough."""


def parser() -> argparse.ArgumentParser:
    """Everything that may be typed."""
    made = argparse.ArgumentParser(
        prog="python -m nightdesk.emergency",
        description="Get out by hand: needs no running desk and no journal, only the key.",
    )
    verbs = made.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    told = {
        Verb.STATUS: "what the venue holds and has open, and what a running desk says",
        Verb.PAUSE: "no new risk: told to a running desk, or left for its next start",
        Verb.CANCEL_ALL: "cancel the desk's open orders, and watch that none comes back",
        Verb.FLATTEN: "the same, and close what is held, until nothing is left",
    }
    for verb, what in told.items():
        _options(verbs.add_parser(verb, help=what, description=what), verb)
    return made


def _options(parser: argparse.ArgumentParser, verb: Verb) -> None:
    add = parser.add_argument
    add(
        "--config",
        type=Path,
        help="the desk's config; what of it is broken and not needed does not matter",
    )
    add("--json", action="store_true", help="for programs")
    if verb is not Verb.STATUS:
        add("--reason", default="", help="written down wherever this is")
    if verb is Verb.PAUSE:
        return
    add("--venue", default="", help="one of the config's venues; else all of them")
    add("--kind", default="", help=f"{' or '.join(KINDS)}, without a config (or {ENV}KIND)")
    add(
        "--rest",
        action="append",
        default=[],
        help=f"another host than the kind's own (or {ENV}REST)",
    )
    add("--key", default="", help=f"env:NAME or file:PATH (else the config's, or {ENV}KEY)")
    add("--secret", default="", help=f"the same (else the config's, or {ENV}SECRET)")
    add("--symbol", action="append", default=[], help=f"else the config's (or {ENV}SYMBOLS)")
    add(
        "--baseline",
        action="append",
        default=[],
        metavar="ASSET=QUANTITY",
        help="not the desk's, on spot",
    )
    add(
        "--baseline-from", type=Path, metavar="FILE", help="the same, as status --json told it once"
    )
    if verb is Verb.STATUS:
        return
    add(
        "--all",
        action="store_true",
        help="other people's orders too, and every symbol unless some are named",
    )
    add("--yes", action="store_true", help="do not ask")
    add("--dry-run", action="store_true", help="say what would be done, and do nothing")
    add("--within", type=float, default=0.0, metavar="SECONDS", help="give up then; else never")
    if verb is Verb.CANCEL_ALL:
        add("--protective", action="store_true", help="also what protects a position")


def asked_of(typed: argparse.Namespace) -> Asked:
    """Where, as far as it was typed."""
    return Asked(
        config=typed.config,
        venue=typed.venue,
        kind=typed.kind,
        rest=tuple(typed.rest),
        key=typed.key,
        secret=typed.secret,
        symbols=tuple(typed.symbol),
        baseline=tuple(typed.baseline),
        baseline_from=typed.baseline_from,
    )


def task_of(typed: argparse.Namespace, settings: Settings, place: Place) -> Task:
    """What to do at one place; raises `Confused` where nobody said of what."""
    verb, everything = Verb(typed.verb), getattr(typed, "all", False)
    spot = place.kind == "binance-spot"
    # Which asset a symbol sells only the symbol says: on spot a whole account cannot be named.
    narrow = bool(typed.symbol) or not everything or (spot and verb is Verb.FLATTEN)
    symbols = place.symbols if narrow and verb is not Verb.STATUS else ()
    if verb is Verb.FLATTEN and not symbols and (spot or not everything):
        more = "" if spot else ", or --all for every position of the account"
        raise Confused(f"{place.name}: what is to be closed? name it: --symbol BTCUSDT{more}")
    if verb is Verb.FLATTEN and spot:
        unknown = [s for s in symbols if not any(s.startswith(a) for a in place.baseline)]
        if unknown:
            raise Confused(f"{place.name}: {', '.join(unknown)}: {no_baseline(['ASSET'])}")
    return Task(
        verb=verb,
        symbols=symbols,
        code=settings.desk.code,
        baseline=place.baseline,
        others=everything,
        protective=everything or getattr(typed, "protective", False),
    )
