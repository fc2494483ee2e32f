"""`nightdesk venues`: what each kind of venue can do, as its codec says."""

from nightdesk.cli.tables import OUT, print_json, table
from nightdesk.config.presets import PRESETS
from nightdesk.control.messages import ExitCode
from nightdesk.model.order import OrderType
from nightdesk.node.compose import KINDS
from nightdesk.venues.capabilities import Capabilities


def show_venues(*, as_json: bool) -> int:
    """One column a venue; as JSON one object each, with its addresses."""
    if as_json:
        print_json([_told(kind, codec.capabilities) for kind, codec in KINDS.items()])
        return ExitCode.OK
    columns = {kind: _cells(kind, codec.capabilities) for kind, codec in KINDS.items()}
    names = list(next(iter(columns.values())))
    rows = [{"what": name, **{kind: columns[kind][name] for kind in columns}} for name in names]
    OUT.print(table("venues", rows, ("what", *columns)))
    OUT.print(
        "practice and practice-usdm are the same two on the practice exchange. Look at one: "
        "nightdesk doctor --venue KIND",
        soft_wrap=True,
    )
    return ExitCode.OK


def _cells(kind: str, can: Capabilities) -> dict[str, object]:
    return {
        "market": can.market,
        "orders": "\n".join(t for t in OrderType if t in can.order_types),
        "replaces in one request": can.replacing,
        "amends what rests": can.amending,
        "pairs": can.pairs,
        "reduce-only": can.reduce_only,
        "tells an order by our id": can.query_by_id,
        "dead man's switch": can.dead_man or "no",
        "deadline": f"{can.deadlines.parameters}\nat most {can.deadlines.ms_max // 1000} s",
        "looked at again": "before matching" if can.deadlines.at_engine else "no",
        "our ids": f"{can.ids.pattern}\nunique among {can.ids.unique_among}",
        "private stream's key": f"{can.private_key_min} min" if can.private_key_min else "none",
        "other hosts": str(len(can.alternates)),
        "addresses": ", ".join(PRESETS[kind]),
        "documents": can.documents,
    }


def _told(kind: str, can: Capabilities) -> dict[str, object]:
    """For programs."""
    presets = {name: addresses._asdict() for name, addresses in PRESETS[kind].items()}
    types = [t for t in OrderType if t in can.order_types]
    return {
        "kind": kind,
        **{name: getattr(can, name) for name in can.__struct_fields__},
        "order_types": types,
        "presets": presets,
    }
