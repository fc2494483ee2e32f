"""Faults of a simulated world: what can go wrong, when, and for how long; drawn from a seed or given.

Each kind is drawn from its own stream of chance, so that removing one leaves the others where they are.
"""

from collections.abc import Sequence
from random import Random

import msgspec

from nightdesk.lab.settings import KNOWN_SYMBOLS
from nightdesk.lab.usdm.settings import KNOWN_PERPS
from nightdesk.model.errors import BadInput
from nightdesk.simulation.trap import How, Moment


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that goes wrong `at_s` into the world and, where it lasts, for `for_s` seconds."""

    kind: str
    at_s: float
    for_s: float = 0.0
    args: dict[str, object] = {}

    def told(self) -> str:
        """For a line of a report."""
        more = "".join(f" {name}={value}" for name, value in sorted(self.args.items()))
        lasts = f" for {self.for_s:.2f} s" if self.for_s else ""
        return f"{self.at_s:8.3f} s {self.kind}{lasts}{more}"


Ranges = dict[str, tuple[int, int] | tuple[str, ...]]  # whole numbers from and to, or choices


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """How often a kind strikes in a bad minute, how long it lasts, and what is drawn with it.

    `always` is given with every one.
    """

    per_minute: float
    lasts_s: tuple[float, float] = (0.0, 0.0)
    args: Ranges = {}
    always: dict[str, object] = {}


# Single orders and lists of them, of spot and of perpetuals, and not the lists of what is open.
_PATH = "/api/v3/order*|/fapi/v1/order*|/fapi/v1/algoOrder*"
_ORDER: dict[str, object] = {"match": {"path": _PATH}}
_PLACE: dict[str, object] = {"match": {"method": "POST", "path": _PATH}}
_HELD: dict[str, object] = {"match": {"method": "GET", "path": "/api/v3/account|/fapi/v3/account"}}
_QUERY: dict[str, object] = {"match": {"method": "GET", "path": _PATH}}
_HERE: dict[str, object] = {"account": "practice"}


def _venue(percent: tuple[int, int], where: dict[str, object], **args: tuple[int, int]) -> Kind:
    return Kind(
        per_minute=0.7, lasts_s=(1.0, 15.0), args={"percent": percent, **args}, always=where
    )


def _market(**args: tuple[int, int]) -> Kind:
    return Kind(per_minute=0.4, lasts_s=(0.5, 10.0), args={"percent": (20, 100), **args})


KINDS: dict[str, Kind] = {
    "venue.lost_request": _venue((10, 60), _ORDER),
    "venue.lost_response": _venue((10, 60), _ORDER),
    "venue.delay": _venue((10, 80), _ORDER, ms=(50, 3_000)),
    "venue.late_response": _venue((10, 60), _ORDER, ms=(500, 8_000)),
    "venue.error_500": _venue((10, 60), _ORDER),
    "venue.error_502": _venue((10, 60), _ORDER),
    "venue.error_503": _venue((10, 60), _ORDER),
    "venue.error_504": _venue((10, 60), _ORDER),
    "venue.-1007": _venue((10, 60), _PLACE),
    "venue.-1008": _venue((10, 60), _PLACE),
    "venue.rate_limit_429": _venue((5, 40), {}, retry_after_s=(1, 5)),
    "venue.ban_418": _venue((1, 5), {}, retry_after_s=(2, 10)),
    "venue.truncated_body": _venue((10, 60), _ORDER),
    "venue.empty_body": _venue((10, 60), _ORDER),
    "venue.html_body": _venue((10, 60), _ORDER),
    "venue.unmapped_code": _venue((10, 60), _ORDER),
    "venue.slow_body": _venue((10, 60), _ORDER, ms=(100, 6_000)),
    "venue.new_enum": Kind(
        per_minute=0.3,
        lasts_s=(1.0, 10.0),
        args={"percent": (10, 60), "field": ("status", "type", "timeInForce", "side")},
    ),
    "venue.forbidden_403": _venue((10, 60), _ORDER),
    "venue.region_451": _venue((10, 60), _ORDER),
    "venue.unauthorized": Kind(per_minute=0.2, lasts_s=(1.0, 10.0), args={"percent": (10, 60)}),
    "venue.insufficient_balance": _venue((10, 60), _PLACE),
    "venue.cancel_only": Kind(per_minute=0.3, lasts_s=(1.0, 15.0)),
    "venue.unknown_order_on_cancel": _venue((10, 60), _ORDER),  # whatever cancels
    "venue.stp_expire": _venue((10, 60), {}),
    "venue.duplicate_report": _venue((20, 100), {}),
    "venue.late_report": _venue((20, 100), {}, ms=(200, 8_000)),
    "venue.reordered_reports": _venue((20, 100), {}),
    "venue.fill_after_cancel_ack": _venue((20, 100), {}, ms=(50, 1_500)),
    "venue.read_lag": Kind(per_minute=0.7, lasts_s=(2.0, 15.0), args={"ms": (200, 4_500)}),
    "venue.query_lag": Kind(
        per_minute=0.5, lasts_s=(5.0, 20.0), args={"ms": (200, 60_000)}, always=_QUERY
    ),
    "venue.stale_account": Kind(
        per_minute=0.5, lasts_s=(2.0, 20.0), args={"ms": (200, 4_500)}, always=_HELD
    ),
    "venue.order_vanishes": Kind(per_minute=0.4, lasts_s=(0.5, 4.5), args={"percent": (10, 60)}),
    "venue.stop_dropped": Kind(per_minute=0.5),
    "venue.manual_order": Kind(
        per_minute=0.15,
        args={"side": ("BUY", "SELL"), "share_percent": (1, 3), "bps": (0, 20)},
    ),
    "venue.manual_cancel": Kind(per_minute=0.3),
    "venue.transfer": Kind(
        per_minute=0.15,
        args={"asset": ("USDT", "BTC", "ETH"), "amount": ("-0.5", "0.002", "0.5")},
    ),
    "venue.fill_taken_back": Kind(
        per_minute=0.15,
        args={
            "symbol": tuple({**KNOWN_SYMBOLS, **KNOWN_PERPS}),
            "venue": ("spot", "usdm"),
        },
        always=_HERE,
    ),
    "venue.wallet_transfer": Kind(
        per_minute=0.2,
        args={"amount": ("-50", "5", "50")},
        always={**_HERE, "venue": "usdm", "asset": "USDT"},
    ),
    "venue.liquidate": Kind(per_minute=0.2, args={"symbol": tuple(KNOWN_PERPS)}, always=_HERE),
    "venue.adl": Kind(
        per_minute=0.2,
        args={"symbol": tuple(KNOWN_PERPS), "share_percent": (10, 100)},
        always=_HERE,
    ),
    "venue.funding_shock": Kind(
        per_minute=0.5, args={"symbol": tuple(KNOWN_PERPS), "bps": (-75, 75)}
    ),
    "venue.rules_changed": Kind(
        per_minute=0.15,
        args={
            "symbol": tuple({**KNOWN_SYMBOLS, **KNOWN_PERPS}),
            "venue": ("spot", "usdm"),
            "rule": ("tick", "step", "notional_min"),
            "times": (2, 10),
        },
    ),
    "venue.maintenance": Kind(per_minute=0.2, lasts_s=(1.0, 15.0)),
    "venue.clock_offset": Kind(per_minute=0.3, lasts_s=(2.0, 30.0), args={"ms": (-3_000, 3_000)}),
    "market.duplicate_market": _market(times=(2, 100)),
    "market.reordered_market": _market(),
    "market.frozen_market": _market(),
    "market.crossed_book": _market(),
    "market.price_spike": _market(bps=(-2_000, 2_000)),
    "market.silence": Kind(
        per_minute=0.4,
        lasts_s=(2.0, 20.0),
        args={"symbol": tuple(KNOWN_SYMBOLS)},
        always={"which": "market"},
    ),
    "stream.drop": Kind(per_minute=1.0, args={"which": ("user", "market", "all")}),
    "stream.silence": Kind(
        per_minute=0.5, lasts_s=(2.0, 20.0), args={"which": ("user", "market", "all")}
    ),
    "stream.mute": Kind(per_minute=0.5, args={"which": ("user", "market", "all")}),
    "stream.ending": Kind(
        per_minute=0.4, args={"which": ("user", "market", "all"), "ms": (0, 12_000)}
    ),
    "stream.garbled": Kind(
        per_minute=0.4,
        lasts_s=(0.5, 15.0),
        args={"which": ("user", "market", "all"), "percent": (5, 100)},
    ),
    "net.up_cut": Kind(per_minute=0.4, lasts_s=(0.2, 12.0)),
    "net.down_cut": Kind(per_minute=0.4, lasts_s=(0.2, 12.0)),
    "net.cut": Kind(per_minute=0.4, lasts_s=(0.2, 12.0)),
    # Where one of these is among the faults, the venue has three endpoints, and else one: what `net` does is
    # done to the first, on which the streams are too.
    "lane.cut": Kind(per_minute=1.0, lasts_s=(0.5, 20.0), args={"lane": (0, 2)}),
    "lane.latency": Kind(
        per_minute=1.0, lasts_s=(0.5, 20.0), args={"lane": (0, 2), "ms": (100, 4_000)}
    ),
    "lane.refuses": Kind(per_minute=0.5, lasts_s=(0.5, 20.0), args={"lane": (0, 2)}),
    "net.latency": Kind(per_minute=0.5, lasts_s=(1.0, 20.0), args={"ms": (20, 900)}),
    "net.reset": Kind(per_minute=0.8),
    "net.loss": Kind(per_minute=0.4, lasts_s=(1.0, 20.0), args={"percent": (1, 60)}),
    "net.slow": Kind(per_minute=0.3, lasts_s=(1.0, 20.0), args={"bytes_per_s": (200, 20_000)}),
    "net.clog": Kind(
        per_minute=0.6, lasts_s=(0.5, 30.0), args={"which": ("rest", "market", "user")}
    ),
    "net.half_open": Kind(per_minute=0.3),
    "net.refuses": Kind(
        per_minute=0.3,
        lasts_s=(1.0, 20.0),
        args={"why": ("the name is not known", "the certificate has expired", "refused")},
    ),
    "disk.stall": Kind(per_minute=0.5, lasts_s=(0.1, 8.0)),
    "disk.full": Kind(per_minute=0.3, lasts_s=(0.5, 8.0)),
    "disk.sync_fails": Kind(per_minute=0.2, lasts_s=(0.1, 1.0)),
    # A way out that cannot wait: an operator wants out just as the journal's disk begins to stall.
    "disk.stalls_a_flatten": Kind(per_minute=0.4, lasts_s=(0.4, 8.0)),
    "spool.fails": Kind(per_minute=0.3, lasts_s=(0.5, 8.0)),
    "spool.away": Kind(per_minute=0.3, lasts_s=(0.2, 10.0)),
    "process.kill": Kind(per_minute=0.8),
    "process.freeze": Kind(per_minute=0.5, lasts_s=(0.05, 600.0)),
    "process.block": Kind(per_minute=0.4, lasts_s=(0.1, 30.0)),
    "process.memory": Kind(per_minute=0.2, lasts_s=(0.5, 30.0), args={"messages": (20, 400)}),
    "process.lock": Kind(per_minute=0.3, lasts_s=(0.5, 60.0)),
    "process.crash_loop": Kind(per_minute=0.1, lasts_s=(1.0, 10.0)),
    "process.task_ends": Kind(
        per_minute=0.2,
        args={"which": ("lease", "stop", "journal", "market", "private", "clock", "tick")},
    ),
    "process.trap": Kind(
        per_minute=1.0,
        lasts_s=(10.0, 120.0),
        args={"at": tuple(Moment), "how": tuple(How), "s": ("1", "2", "3", "10", "40")},
    ),
    # Of a desk of several nodes, one that does not lead.
    "standby.kill": Kind(per_minute=0.5),
    "standby.freeze": Kind(per_minute=0.4, lasts_s=(0.05, 60.0)),
    "strategy.raises": Kind(per_minute=0.1),
    "machine.power": Kind(per_minute=0.4),
    "clock.step": Kind(per_minute=0.4, args={"ms": (-10_000, 10_000)}),
    "clock.drift": Kind(per_minute=0.3, lasts_s=(10.0, 120.0), args={"ppm": (-300, 300)}),
    "node.second": Kind(per_minute=0.4, lasts_s=(0.5, 40.0), args={"host": ("home", "away")}),
    "operator.pause": Kind(per_minute=0.2),
    "operator.resume": Kind(per_minute=0.3),
    "operator.cancel-all": Kind(per_minute=0.2),
    "operator.flatten": Kind(per_minute=0.3),
    "operator.switchover": Kind(per_minute=0.5),
    "operator.limit": Kind(
        per_minute=0.4,
        args={
            "limit": ("gross_max", "order_notional_max", "notional_max", "net_max"),
            "value": ("600", "1500", "3000", "6000", "off", "file"),
            "reason": ("", "an operator of the world"),
        },
    ),
}

# What may stay broken when the core is healed (a desk, its journal and disk, the venue's orders and answers):
# progress is demanded all the same. Faults that always end hide what only works once everything does.
LEFT: dict[str, Ranges] = {
    "venue.duplicate_report": {"percent": (20, 100)},
    "venue.reordered_reports": {"percent": (20, 100)},
    "venue.late_report": {"percent": (20, 100), "ms": (50, 1_000)},
    "venue.late_response": {"percent": (5, 30), "ms": (50, 1_000)},
    "venue.lost_response": {"percent": (2, 15)},
    "venue.stale_account": {"ms": (50, 1_500)},
    "market.duplicate_market": {"percent": (20, 100), "times": (2, 10)},
    "market.silence": {"symbol": tuple(KNOWN_SYMBOLS)},
    "stream.silence": {"which": ("user", "market", "all")},
    "net.latency": {"ms": (5, 200)},
    "net.loss": {"percent": (1, 10)},
    "node.second": {"host": ("home",)},
}
LANES = 3
LEFT_AFTER_S = 0.001  # the heal comes first
LEFT_FOR_S = 600.0  # longer than any rest

PROFILES: dict[str, tuple[str, ...]] = {
    "swarm": tuple(KINDS),
    "outage": tuple(
        k
        for k in KINDS
        if k.startswith(("venue.error", "venue.m", "net.", "lane.", "stream.", "process."))
    ),
    "flash-crash": tuple(
        k
        for k in KINDS
        if k.startswith(("venue.late", "venue.delay", "stream.", "market.", "venue.fill"))
    ),
    "slow-disk": tuple(
        k
        for k in KINDS
        if k.startswith(("disk.", "spool.", "machine.", "process.kill"))
        or k in ("operator.flatten", "operator.resume")
    ),
    "rate-limit": ("venue.rate_limit_429", "venue.ban_418", "venue.-1008", "stream.drop"),
    "clock": tuple(k for k in KINDS if "clock" in k or k in ("process.freeze", "net.latency")),
    "stops": (
        "venue.stop_dropped",
        "venue.manual_cancel",
        "venue.order_vanishes",
        "stream.drop",
        "process.kill",
    ),
    "leaders": tuple(
        k
        for k in KINDS
        if k.startswith(("process.", "standby.", "clock.", "node.", "machine."))
        or k in ("disk.stall", "operator.switchover")
        or k in ("venue.lost_response", "venue.delay", "venue.read_lag")
    ),
    "quiet": (),
}


def draw_faults(seed: int, profile: str, seconds: float) -> list[Fault]:
    """What goes wrong in the world of `seed`: a drawn few of the profile's kinds, each at drawn times.

    Raises `BadInput` for a profile there is not.
    """
    if profile not in PROFILES:
        raise BadInput(f"no profile {profile!r}; there are {', '.join(PROFILES)}")
    swarm = Random(f"{seed}/faults")
    share = swarm.uniform(0.05, 0.5)
    faults: list[Fault] = []
    for name in PROFILES[profile]:
        if Random(f"{seed}/faults/{name}/chosen").random() < share:
            faults += _of_kind(name, Random(f"{seed}/faults/{name}"), seconds)
        if name in LEFT and Random(f"{seed}/faults/{name}/left").random() < share / 2:
            drawn = _args(KINDS[name], LEFT[name], Random(f"{seed}/faults/{name}/left/args"))
            at_s = seconds + LEFT_AFTER_S
            faults.append(Fault(kind=name, at_s=at_s, for_s=LEFT_FOR_S, args=drawn))
    return sorted(faults, key=lambda fault: (fault.at_s, fault.kind))


def lanes_of(faults: Sequence[Fault]) -> int:
    """How many endpoints the venue of a world has."""
    return LANES if any(fault.kind.startswith("lane.") for fault in faults) else 1


def check_faults(faults: Sequence[Fault]) -> None:
    """Raises `BadInput` for a kind there is not, or one that lacks what it needs."""
    for number, fault in enumerate(faults, 1):
        kind = KINDS.get(fault.kind)
        if kind is None:
            raise BadInput(f"fault {number}: no kind {fault.kind!r}; there are {', '.join(KINDS)}")
        missing = [name for name in kind.args if name not in fault.args]
        if missing:
            raise BadInput(f"fault {number}, {fault.kind}: args lack {', '.join(missing)}")


def _of_kind(name: str, draw: Random, seconds: float) -> list[Fault]:
    kind = KINDS[name]
    faults: list[Fault] = []
    at = draw.expovariate(kind.per_minute / 60.0)
    while at < seconds or not faults:
        at = at if at < seconds else draw.uniform(0.0, seconds)
        args = _args(kind, kind.args, draw)
        low_s, high_s = kind.lasts_s
        # Short ones are common, the longest rare: most trouble is over before anybody notices.
        lasts = low_s * (high_s / low_s) ** draw.random() if low_s else 0.0
        lasts = min(lasts, seconds - at)
        faults.append(Fault(kind=name, at_s=round(at, 6), for_s=round(lasts, 6), args=args))
        at += lasts + draw.expovariate(kind.per_minute / 60.0)
    return faults


def _args(kind: Kind, ranges: Ranges, draw: Random) -> dict[str, object]:
    args: dict[str, object] = dict(kind.always)
    for arg, values in sorted(ranges.items()):
        low, high = values[0], values[-1]
        if isinstance(low, int) and isinstance(high, int):
            drawn = draw.randint(low, high)
            args[arg] = high if drawn == 0 and low < 0 else drawn  # either way, but never nothing
        else:
            args[arg] = draw.choice(values)
    return args
