"""What is told to people and to programs: tables and JSON to standard output, talk to standard error."""

import sys
from collections.abc import Sequence

import msgspec

from nightdesk.emergency.decide import Task, is_ours
from nightdesk.emergency.errand import Errand, Ordered, Standing
from nightdesk.model.money import plain, subtract
from nightdesk.venues.way_out import Account, OpenOrder

Json = dict[str, object]


def say(text: str) -> None:
    """One line of talk."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def out(text: str) -> None:
    """What was asked for."""
    sys.stdout.write(f"{text}\n")


def out_json(told: object) -> None:
    """The same for programs."""
    sys.stdout.write(msgspec.json.encode(told).decode() + "\n")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows below a head, in columns as wide as they have to be."""
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    ]
    return "\n".join(f"  {line}" for line in lines)


def orders_json(orders: Sequence[OpenOrder], task: Task) -> list[Json]:
    """Open orders; `ours` says that a desk or this tool placed it."""
    return [
        {
            "symbol": order.symbol,
            "id": order.client_id,
            "venue_order_id": order.venue_order_id,
            "side": order.side,
            "kind": order.kind,
            "qty": plain(order.qty),
            "price": plain(order.price),
            "trigger": plain(order.trigger),
            "ours": is_ours(order.client_id, task.code),
            "protective": order.protective,
        }
        for order in orders
    ]


def orders_table(orders: Sequence[OpenOrder], task: Task) -> str:
    """The same for people."""
    rows = [
        (
            order.symbol,
            "the desk's" if is_ours(order.client_id, task.code) else "another's",
            order.side,
            order.kind,
            plain(order.qty) if order.qty else "all",
            plain(order.price) if order.price else "-",
            plain(order.trigger) if order.trigger else "-",
            order.client_id,
        )
        for order in orders
    ]
    return table(("symbol", "whose", "side", "kind", "quantity", "price", "trigger", "id"), rows)


def held_json(account: Account, task: Task) -> list[Json]:
    """What is held; `beyond` is what lies above the baseline, null where that is not known."""
    found: list[Json] = []
    for held in account.held:
        base = None if held.mode_side else task.baseline.get(held.name)
        beyond = held.qty if held.mode_side else None if base is None else subtract(held.qty, base)
        found.append(
            {
                "name": held.name,
                "mode_side": held.mode_side,
                "qty": plain(held.qty),
                "free": plain(held.free),
                "baseline": None if base is None else plain(base),
                "beyond": None if beyond is None else plain(beyond),
            }
        )
    return found


def held_table(account: Account, task: Task) -> str:
    """The same for people."""
    rows = [
        [
            str(row[name] if row[name] is not None else "not known")
            for name in ("name", "qty", "free")
        ]
        + [
            str(row["mode_side"] or "-"),
            "-" if row["mode_side"] else str(row["baseline"] or "not known"),
            str(row["beyond"] or "not known"),
        ]
        for row in held_json(account, task)
    ]
    return table(("what", "held", "free", "side", "baseline", "beyond it"), rows)


def plan_lines(standing: Standing) -> list[str]:
    """What a round would do."""
    lines = [
        f"cancel {o.symbol} {o.side} {plain(o.qty)} {o.kind} ({o.client_id})"
        for o in standing.going
    ]
    for each in standing.left:
        what = f"{each.name}{f' {each.mode_side}' if each.mode_side else ''}: {plain(each.beyond)}"
        if each.dust:
            lines.append(f"leave {what}, too little for any order there")
        elif each.why:
            lines.append(f"not yet {what}: {each.why}")
        else:
            lines.append(f"{each.side} {plain(each.qty)} {each.symbol} at the market, of {what}")
    lines += [
        f"keep {k.order.symbol} {k.order.side} {k.order.kind} ({k.order.client_id}): {k.why}"
        for k in standing.kept
    ]
    return lines or ["nothing to do"]


def errand_json(errand: Errand) -> Json:
    """How it ended at one place."""
    standing = errand.standing
    return {
        "venue": errand.name,
        "done": errand.done,
        "failed": errand.failed,
        "unlisted": list(errand.unlisted),
        "open": None if standing is None else orders_json(standing.going, errand.task),
        "kept": []
        if standing is None
        else [
            {**orders_json([kept.order], errand.task)[0], "why": kept.why} for kept in standing.kept
        ],
        "left": None
        if standing is None
        else [
            {
                "name": each.name,
                "symbol": each.symbol,
                "mode_side": each.mode_side,
                "beyond": plain(each.beyond),
                "dust": each.dust,
                "why": each.why,
            }
            for each in standing.left
        ],
        "waits_for": [] if standing is None else list(standing.why),
        "orders": [_ordered_json(each) for each in errand.ordered],
    }


def _ordered_json(each: Ordered) -> Json:
    return {
        "id": each.close.client_id,
        "symbol": each.close.symbol,
        "side": each.close.side,
        "qty": plain(each.close.qty),
        "filled": None if each.traded is None else plain(each.traded.filled),
        "void": each.void,
    }


def errand_lines(errand: Errand) -> list[str]:
    """The same for people."""
    standing, traded = errand.standing, len([o for o in errand.ordered if o.traded is not None])
    if errand.failed:
        head = f"{errand.name}: given up: {errand.failed}"
    elif errand.done:
        head = f"{errand.name}: done, and it stayed so; {traded} orders of ours"
    else:
        head = f"{errand.name}: NOT done; {traded} orders of ours"
    lines = [head]
    if errand.unlisted:
        lines.append(f"  the venue lists no {', '.join(errand.unlisted)}: nothing was done there")
    if standing is None:
        return [*lines, "  it never answered as a whole"]
    return lines + [f"  {line}" for line in plan_lines(standing) if line != "nothing to do"]
