"""What the venues hold and have open, and what a running desk says of itself."""

import argparse
from collections.abc import Callable

from nightdesk.control.messages import ExitCode, Request
from nightdesk.emergency import desk, telling
from nightdesk.emergency.asking import Asking, Silent, refused_key, said
from nightdesk.emergency.decide import Task
from nightdesk.emergency.http import Line
from nightdesk.emergency.options import BY, task_of
from nightdesk.emergency.settings import Desk, Place, Settings
from nightdesk.emergency.telling import Json, out, out_json
from nightdesk.model.ids import VenueId
from nightdesk.model.money import plain
from nightdesk.venues.binance_way_out import KINDS
from nightdesk.venues.protocol import NoAnswer


def status(typed: argparse.Namespace, settings: Settings) -> int:
    """Tell it; the exit code."""
    venues, codes = [], [ExitCode.OK]
    for place in settings.places:
        told, text, code = _venue_status(place, task_of(typed, settings, place))
        venues.append(told)
        codes.append(code)
        if not typed.json:
            out(text)
    word = _desk_status(settings.desk)
    if typed.json:
        out_json({"venues": venues, "desk": word})
    else:
        out(f"the desk: {word['said']}")
        if word["latch"]:
            out(f"a latch lies there: {word['latch']}")
    return max(codes)


def _venue_status(place: Place, task: Task) -> tuple[Json, str, ExitCode]:
    asking = asking_of(place)
    codec, head = asking.codec, f"{place.name} ({place.kind}, {asking.line.host})"
    told: Json = {
        "venue": place.name,
        "kind": place.kind,
        "contracts": codec.contracts,
        "host": asking.line.host,
        "error": None,
        "held": [],
        "wallets": {},
        "orders": [],
    }
    try:
        account = codec.told_account(asking.ask(codec.account))
        opened = codec.opened([asking.ask(sign) for sign in codec.open_orders()])
        for answer in (account, opened):
            if isinstance(answer, NoAnswer):
                raise Silent(answer.outcome)
    except Silent as silent:
        why = said(silent.outcome)
        code = ExitCode.AUTH if refused_key(silent.outcome) else ExitCode.UNKNOWN
        return told | {"error": why}, f"{head}: did not answer: {why}", code
    assert not isinstance(account, NoAnswer), "raised above"
    assert not isinstance(opened, NoAnswer), "raised above"
    wallets = {asset: plain(held) for asset, held in account.wallets.items()}
    told |= {
        "held": telling.held_json(account, task),
        "wallets": wallets,
        "orders": telling.orders_json(opened, task),
    }
    lines = [head, telling.held_table(account, task) if account.held else "  nothing is held"]
    lines += [f"  wallet: {held} {asset}" for asset, held in wallets.items()]
    lines.append(telling.orders_table(opened, task) if opened else "  no open orders")
    return told, "\n".join(lines), ExitCode.OK


def _desk_status(of: Desk) -> Json:
    latch = None if of.latch is None else desk.found(of.latch)
    word: Json = {
        "answers": False,
        "said": "no config says where it listens",
        "mode": None,
        "latch": None if latch is None else latch.why,
    }
    if of.control is None:
        return word
    answer = desk.ask(of.control, Request(verb="status", by=BY))
    if isinstance(answer, str):
        return word | {"said": answer}
    data = answer.data if isinstance(answer.data, dict) else {}
    mode = data.get("mode")
    return word | {"answers": True, "mode": mode, "said": f"it answers, in mode {mode}"}


def asking_of(place: Place, may_not: Callable[[], str] = lambda: "") -> Asking:
    """The way to one place; `may_not` as `Line` asks it."""
    line = Line(place.hosts, may_not)
    return Asking(KINDS[place.kind](VenueId(place.name), place.signer), line)
