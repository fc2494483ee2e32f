"""`nightdesk doctor`: what a desk needs, checked; each thing not well says how to mend it."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import apsw

from nightdesk.adapters.control_socket import NoNode
from nightdesk.adapters.journal_file import JournalFile
from nightdesk.adapters.sqlite_journal import check_library
from nightdesk.cli.errors import worded
from nightdesk.cli.places import config_file, desk_of, journal_file, load_config
from nightdesk.cli.tables import OUT, line, print_json, table
from nightdesk.config.schema import Config
from nightdesk.control.messages import ExitCode, Request, sample_of
from nightdesk.model.errors import NightdeskError
from nightdesk.model.ids import VenueId
from nightdesk.node.compose import codecs_of, plan_of
from nightdesk.node.refused import MayWithdraw, NobodyToAsk, Untold
from nightdesk.node.venue_link import VenueDown
from nightdesk.node.vetting import fingerprint
from nightdesk.wiring.asking import ask_key, ask_rules, ask_terms
from nightdesk.wiring.probing import SKEW_MAX_NS

T = TypeVar("T")
FREE_MIN_BYTES = 1 << 30


class _Skipped(NightdeskError):
    """The check does not apply."""


def examine(config: Path | None, folder: Path | None, *, as_json: bool) -> int:
    """Run every check; exit 1 when one failed."""
    checks: tuple[tuple[str, Callable[[], str]], ...] = (
        ("python", _python),
        ("sqlite", _sqlite),
        ("config", lambda: _config(config, folder)),
        ("secrets and strategies", lambda: _composed(config, folder)),
        ("venue", lambda: _venue(config, folder)),
        ("terms", lambda: _terms(config, folder)),
        ("key", lambda: _key(config, folder)),
        ("fingerprint", lambda: _fingerprint(config, folder)),
        ("disk", lambda: _disk(config, folder)),
        ("journal", lambda: _journal(config, folder)),
        ("desk", lambda: _desk(config, folder)),
    )
    rows = _once([_run(name, check) for name, check in checks])
    if as_json:
        print_json(rows)
    else:
        _print(rows)
    return ExitCode.FAILED if any(row["result"] == "failed" for row in rows) else ExitCode.OK


def _once(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """What is not well is told once, by the first that met it, and not by everything that needs it."""
    met: dict[object, object] = {}
    told = []
    for row in rows:
        if (
            row["result"] == "failed"
            and (first := met.setdefault(row["what"], row["check"])) != row["check"]
        ):
            row = row | {"result": "skipped", "what": f"needs: {first}"}
        told.append(row)
    return told


def _print(rows: list[dict[str, object]]) -> None:
    """The table; the fingerprint below it, on a line of its own, since it is there to be copied."""
    named = next(row for row in rows if row["check"] == "fingerprint")
    shown = [
        row | {"what": "below"} if row is named and row["result"] == "ok" else row for row in rows
    ]
    OUT.print(table("doctor", shown, ("check", "result", "what")))
    if named["result"] == "ok":
        line(str(named["what"]))


def _run(name: str, check: Callable[[], str]) -> dict[str, object]:
    try:
        return {"check": name, "result": "ok", "what": check()}
    except _Skipped as skipped:
        return {"check": name, "result": "skipped", "what": str(skipped)}
    except NightdeskError as error:
        return {"check": name, "result": "failed", "what": worded(error)}


def _python() -> str:
    if not __debug__:
        raise NightdeskError("python runs with -O; a desk does not: its assertions are part of it")
    return sys.version.split()[0]


def _sqlite() -> str:
    check_library()
    return f"{apsw.sqlite_lib_version()} through apsw"


def _config(config: Path | None, folder: Path | None) -> str:
    path = config_file(config, folder)
    load_config(path)
    return str(path)


def _composed(config: Path | None, folder: Path | None) -> str:
    path = config_file(config, folder)
    loaded = load_config(path)
    plan = plan_of(loaded, path.parent)
    told = f"{len(plan.strategies)} strategies load"
    if loaded.practises:
        return f"{told}; the practice exchange needs no secrets"
    codecs_of(loaded, path.parent)
    return f"{told}; the secrets of every account are readable"


def _venue(config: Path | None, folder: Path | None) -> str:
    loaded, base = _outside(config, folder)
    told = []
    for name, venue in loaded.venue.items():
        try:
            count = ask_rules(loaded, base, VenueId(name))
        except VenueDown as error:
            raise NightdeskError(
                f"{venue.addresses.rest} does not answer: {error}; look at the network and at rest or "
                f"preset in [venue.{name}]; a lab is started with: nightdesk lab serve"
            ) from error
        told.append(f"{venue.addresses.rest} answers and lists {count} of {count} instruments")
    return "; ".join(told)


def _terms(config: Path | None, folder: Path | None) -> str:
    loaded, base = _outside(config, folder)
    held = {name: _asked(ask_terms, loaded, base, VenueId(name)) for name in loaded.venue}
    if not any(held.values()):
        raise _Skipped(
            "no contracts are traded: an account of spot has neither leverage nor margin"
        )
    return "; ".join(
        f"{name} holds {n} of {n} contracts on the config's terms" for name, n in held.items() if n
    )


def _key(config: Path | None, folder: Path | None) -> str:
    loaded, base = _outside(config, folder)
    said, untold = [], []
    for name, venue in loaded.venue.items():
        if venue.real and not venue.rights_at:
            raise NobodyToAsk(name)
        facts = _asked(ask_key, loaded, base, VenueId(name))
        if facts.may_withdraw:
            raise MayWithdraw(facts.tail)
        if facts.may_withdraw is not None:
            said.append(f"the key ending in {facts.tail} may not withdraw")
            continue
        untold.append(f"{name} does not say whether the key may withdraw: {facts.why}")
        if venue.real:
            raise Untold(f"{untold[-1]}; a desk with real money does not start on a guess")
    if untold:
        raise _Skipped("; ".join(said + untold))
    return "; ".join(said)


def _fingerprint(config: Path | None, folder: Path | None) -> str:
    loaded, base = _outside(config, folder)
    plan = plan_of(loaded, base)
    if not plan.real:
        raise _Skipped("no order costs real money here: nightdesk up needs no --live")
    return fingerprint({venue: _asked(ask_key, loaded, base, venue) for venue in plan.real}, plan)


def _outside(config: Path | None, folder: Path | None) -> tuple[Config, Path]:
    """The config of a desk whose venues stand there without it, and the folder of the config."""
    path = config_file(config, folder)
    loaded = load_config(path)
    if config is None or loaded.practises:
        raise _Skipped("the practice exchange is started with its desk")
    return loaded, path.parent


def _asked(
    ask: Callable[[Config, Path, VenueId], T], loaded: Config, base: Path, venue: VenueId
) -> T:
    try:
        return ask(loaded, base, venue)
    except VenueDown as error:
        raise _Skipped(f"{venue} does not answer: {error}") from error


def _disk(config: Path | None, folder: Path | None) -> str:
    place = journal_file(config, folder).parent
    made = next(each for each in (place, *place.parents) if each.exists())  # by the first start
    free = shutil.disk_usage(made).free
    if free < FREE_MIN_BYTES:
        raise NightdeskError(f"{free >> 20} MiB free in {place}; free at least 1 GiB")
    return f"{free >> 30} GiB free in {place}"


def _journal(config: Path | None, folder: Path | None) -> str:
    path = journal_file(config, folder)
    if not path.exists():
        raise _Skipped(f"{path} does not exist yet; the first start makes it")
    journal = JournalFile(path)
    found = journal.verify()
    journal.close()
    return f"{found.frames} records whole; led by {found.lease}"


def _desk(config: Path | None, folder: Path | None) -> str:
    try:
        client = desk_of(config, folder)
    except NoNode as error:
        raise _Skipped(str(error)) from error
    sample = sample_of(client.ask(Request(verb="status")))
    client.close()
    if abs(sample.clock_offset_ns) > SKEW_MAX_NS:
        skew_ms = sample.clock_offset_ns / 1e6
        raise NightdeskError(f"this machine's clock is {skew_ms:+.0f} ms off the venue's; fix NTP")
    clock = "the venue's clock in doubt"
    if sample.clock_error_ns is not None:
        offset_ms, error_ms = sample.clock_offset_ns / 1e6, sample.clock_error_ns / 1e6
        clock = f"clock {offset_ms:+.1f} ms off the venue's, give or take {error_ms:.1f} ms"
    return f"{sample.mode}, epoch {sample.epoch}, {sample.orders_unknown} orders unknown, {clock}"
