"""Commands to a running desk, over its control socket."""

import getpass
import shlex
import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import msgspec

from nightdesk.adapters.control_socket import NoNode
from nightdesk.cli.places import config_file, desk_of
from nightdesk.cli.screen import render
from nightdesk.cli.tables import OUT, digits, duration, names_of, print_json, say, table
from nightdesk.control.messages import ExitCode, OrderRow, PositionRow, Reply, Request, sample_of
from nightdesk.model.errors import BadInput

# What leads out without a desk as well.
_OUT = frozenset({"pause", "cancel-all", "flatten"})


def _ask(config: Path | None, folder: Path | None, request: Request) -> Reply:
    try:
        client = desk_of(config, folder)
    except NoNode as error:
        if request.verb not in _OUT:
            raise
        file = shlex.quote(str(config_file(config, folder)))
        without = f"python -m nightdesk.emergency {request.verb} --config {file}"
        raise NoNode(f"{error}; or get out without it: {without}") from error
    try:
        return client.ask(request)
    finally:
        client.close()


def show_status(config: Path | None, folder: Path | None, *, as_json: bool) -> int:
    """One sample; exit 10 when the desk is halted."""
    reply = _ask(config, folder, Request(verb="status"))
    sample = sample_of(reply)
    if as_json:
        print_json(sample)
    else:
        OUT.print(render(sample))
    return ExitCode.HALTED if sample.mode == "HALTED" else ExitCode.OK


def show_rows(verb: str, config: Path | None, folder: Path | None, *, as_json: bool) -> int:
    """Orders or positions."""
    reply = _ask(config, folder, Request(verb=verb))
    if as_json:
        print_json(reply.data)
        return reply.code
    if verb == "orders":
        orders = msgspec.convert(reply.data, list[OrderRow])
        rows = [
            {
                **msgspec.structs.asdict(o),
                "age": duration(o.age_ns),
                "trigger": f"trails {o.trail_bps} bps" if o.trail_bps else o.trigger,
            }
            for o in orders
        ]
        columns: tuple[str, ...] = (
            "id",
            "strategy",
            "instrument",
            "side",
            "type",
            "qty",
            "price",
            "trigger",
            "filled",
            "state",
            "age",
        )
    else:
        held = msgspec.convert(reply.data, list[PositionRow])
        rows = [
            {
                **msgspec.structs.asdict(p),
                "average_price": p.average_price and digits(p.average_price),
            }
            for p in held
        ]
        columns = (
            "strategy",
            "instrument",
            "qty",
            "average_price",
            "realised",
            "unrealised",
            "fees",
            *(["funding"] if any(p.funding for p in held) else []),
            "target",
            *(["protection", "guarded"] if any(p.protection or p.guarded for p in held) else []),
            *(["suspended"] if any(p.suspended for p in held) else []),
        )
    OUT.print(table(verb, rows, columns))
    return reply.code


def show_limits(config: Path | None, folder: Path | None, *, as_json: bool) -> int:
    """What is used of every limit, most used first."""
    sample = sample_of(_ask(config, folder, Request(verb="status")))
    if as_json:
        print_json(sample.limits)
        return ExitCode.OK
    names = names_of(row.instrument for row in sample.instruments)
    rows = [
        {
            "limit": " ".join(names.get(word, word) for word in row.limit.split()),
            "now": row.now,
            "worst": row.worst,
            "maximum": row.maximum,
            "used": _share(row.now, row.maximum),
        }
        for row in sorted(
            sample.limits, key=lambda row: -max(row.now or 0, row.worst) / row.maximum
        )
    ]
    columns = ("limit", "now", "worst", "maximum", "used")
    OUT.print(table("limits, most used first", rows, columns))
    if sample.limits_set:
        changed = [
            {
                **msgspec.structs.asdict(row),
                "value": "off" if row.value is None else row.value,
                "file": "off" if row.file is None else row.file,
            }
            for row in sample.limits_set
        ]
        headings = ("limit", "scope", "value", "file", "by", "why")
        OUT.print(table("not as in the config file", changed, headings))
    return ExitCode.OK


def change_limit(
    name: str,
    value: str,
    whose: Mapping[str, str],
    config: Path | None,
    folder: Path | None,
    *,
    reason: str,
    as_json: bool,
) -> int:
    """Set one limit; `whose` has at most one name, by its kind. Answered once it is journaled."""
    given = {kind: of for kind, of in whose.items() if of}
    if len(given) > 1:
        options = " and ".join(f"--{kind}" for kind in given)
        raise BadInput(f"{options} together: a limit is one's own; give one of them")
    kind, of = next(iter(given.items()), ("", ""))
    request = Request(
        verb="limit",
        by=getpass.getuser(),
        reason=reason,
        limit=name,
        value=value,
        kind=kind,
        of=of,
    )
    reply = _ask(config, folder, request)
    if as_json:
        print_json(reply)
    else:
        say(reply.text)
    return reply.code


def _share(used: Decimal | None, maximum: Decimal) -> str:
    return "-" if used is None else f"{used / maximum:.0%}"


def command(
    verb: str,
    config: Path | None,
    folder: Path | None,
    *,
    reason: str = "",
    keep: bool = False,
    protective: bool = False,
    as_json: bool,
) -> int:
    """One command; answered once it is journaled."""
    request = Request(
        verb=verb, by=getpass.getuser(), reason=reason, keep=keep, protective=protective
    )
    reply = _ask(config, folder, request)
    if as_json:
        print_json(reply)
    else:
        say(reply.text)
    return reply.code


def flatten_and_wait(
    config: Path | None, folder: Path | None, *, reason: str, wait_s: float, as_json: bool
) -> int:
    """Flatten, and say where it stands until it is done; exit 6 when it is not done in time."""
    code = command("flatten", config, folder, reason=reason, as_json=as_json)
    if code != ExitCode.OK or wait_s <= 0:
        return code
    client = desk_of(config, folder)
    told = ""
    deadline = time.monotonic() + wait_s  # noqa: TID251 a person waits; nothing is traded by it
    try:
        client.watch()
        while time.monotonic() < deadline:  # noqa: TID251 as above
            sample = sample_of(client.next())
            if sample.flatten != told:
                told = sample.flatten
                say(told)
            if not any(c.cause == "flatten" and c.mode == "FLATTENING" for c in sample.causes):
                return ExitCode.OK
    finally:
        client.close()
    say(f"not flat after {wait_s:.0f} s; the desk goes on: nightdesk status")
    return ExitCode.UNKNOWN
