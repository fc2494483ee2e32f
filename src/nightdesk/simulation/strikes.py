"""What a fault does to a world when it strikes, and how it is undone."""

from collections.abc import Callable
from contextvars import Context
from typing import Protocol

import msgspec

from nightdesk.model.errors import BadInput
from nightdesk.model.time import MS_NS
from nightdesk.simulation.clocks import TrueTime
from nightdesk.simulation.crew import Crew
from nightdesk.simulation.faults import KINDS, Fault, check_faults
from nightdesk.simulation.incarnation import Incarnation
from nightdesk.simulation.link import Trouble
from nightdesk.simulation.machine import Machine
from nightdesk.simulation.mood import Mood
from nightdesk.simulation.processes import Running
from nightdesk.simulation.trap import How, Moment, Trap


class World(Protocol):
    """What faults reach for."""

    machine: Machine
    time: TrueTime
    mood: Mood
    names: frozenset[str]  # symbols and assets that there are
    contracts: bool  # whether perpetuals are among them
    spooled: bool  # whether its desk has a spool
    crew: Crew

    def lab_door(self, method: str, path: str, body: str = "", query: str = "") -> bytes: ...
    def trapped(self, process: Incarnation, moment: Moment, how: How) -> None: ...
    def soon(self, do: Callable[[], None], seconds: float = 0.0) -> None: ...
    def command(self, verb: str, **asked: str) -> bool: ...


LOOKS_S = 3.0  # between two looks of a person at what the desk shows
Undo = Callable[[], None] | None


class Missed(Exception):
    """There was nothing for a fault to strike at that moment."""


# The same fault of the lab, with another place to strike.
_LAB_NAMES = {
    "query_lag": "read_lag",
    "stale_account": "read_lag",
    "silence": "stream_silence",
    "wallet_transfer": "transfer",
    "garbled": "garbled_frame",
}
_OF_CONTRACTS = frozenset({"wallet_transfer", "liquidate", "adl", "funding_shock"})
_LET_BE = (
    *("the venue refuses", "nobody else has a price", "no open order to cancel", " free"),
    *(
        "no order waits for its price",
        "holds no position",
        "can withdraw",
        "no symbol",
        "no trade to take back",
    ),
)
_DRAWN = {
    name
    for kind in KINDS.values()
    for arg in ("symbol", "asset")
    for name in kind.args.get(arg, ())
}
_AT_ONCE = _OF_CONTRACTS | {
    "manual_order",
    "manual_cancel",
    "transfer",
    "stop_dropped",
    "rules_changed",
    "fill_taken_back",
}


def _venue(world: World, what: str, fault: Fault) -> Undo:
    name = fault.args.get("symbol", fault.args.get("asset"))
    if (what in _OF_CONTRACTS or fault.args.get("venue") == "usdm") and not world.contracts:
        raise Missed
    if name in _DRAWN and name not in world.names:
        # A market that this world does not have; one that nobody has, the lab refuses by name.
        raise Missed
    try:
        _ask_lab(world, _LAB_NAMES.get(what, what), fault)
    except BadInput as error:
        # What cannot be done at the venue is not done: too little to send, nothing to cancel or to lose.
        if what not in _AT_ONCE or not any(words in str(error) for words in _LET_BE):
            raise
        raise Missed from error
    if what == "fill_taken_back" and fault.args.get("venue") == "usdm":
        _look(world)
    return None


def _look(world: World) -> None:
    """From now on a person looks: what the venue holds of a contract beyond the books only they can adopt, and
    until then nobody gets out of it."""
    running = world.crew.living()
    if running is not None and running.up and _holds_more(running):
        world.command("resume")
    world.soon(lambda: _look(world), LOOKS_S)


def _holds_more(running: Running) -> bool:
    """Whether the desk shows such a difference."""
    desk = running.node.shell.desk
    held_as = {i.held_as for i in desk.settings.instruments.values() if i.contract}
    books = desk.views.books.values()
    return any(each.confirmed and held_as & each.difference.keys() for each in books)


def _ask_lab(world: World, kind: str, fault: Fault) -> None:
    """Set one of the lab's own faults."""
    args = dict(fault.args)
    for name, theirs in (("percent", "probability"), ("share_percent", "fraction")):
        if name in args:
            args[theirs] = _number(fault, name) / 100
            del args[name]
    if fault.for_s:
        args["duration_ms"] = max(1, int(fault.for_s * 1000))
    else:
        args["count"] = 1
    world.lab_door("POST", "/lab/faults", msgspec.json.encode({"kind": kind, **args}).decode())


def _stream(world: World, what: str, fault: Fault) -> Undo:
    _ask_lab(world, _LAB_NAMES.get(what, f"stream_{what}"), fault)
    return None


def _net(world: World, what: str, fault: Fault) -> Undo:
    link = world.machine.link
    match what:
        case "reset":
            link.reset()
            return None
        case "half_open":
            link.forget_streams()
            return None
        case "refuses":
            link.reset()
            return link.begin(Trouble(refuses=str(fault.args["why"])))
        case "clog":
            return link.begin(Trouble(clogged=str(fault.args["which"])))
        case "latency":
            return link.begin(Trouble(extra_ns=_number(fault, "ms") * MS_NS))
        case "loss":
            return link.begin(Trouble(loss=_number(fault, "percent") / 100))
        case "slow":
            return link.begin(Trouble(bytes_per_s=_number(fault, "bytes_per_s")))
        case _:
            up, down = what in ("up_cut", "cut"), what in ("down_cut", "cut")
            return link.begin(Trouble(up_cut=up, down_cut=down))


def _lane(world: World, what: str, fault: Fault) -> Undo:
    link = world.machine.lanes[_number(fault, "lane")]
    match what:
        case "refuses":
            link.reset()
            return link.begin(Trouble(refuses="connection refused"))
        case "latency":
            return link.begin(Trouble(extra_ns=_number(fault, "ms") * MS_NS))
        case _:
            return link.begin(Trouble(up_cut=True, down_cut=True))


def _disk(world: World, what: str, fault: Fault) -> Undo:
    disk = world.machine.disk
    match what:
        case "stall":
            _stall(world, fault)
            return None
        case "stalls_a_flatten":
            if not world.command("flatten"):
                raise Missed
            _stall(world, fault)
            return None
        case "full":
            disk.full = True
            return lambda: setattr(disk, "full", False)
        case _:
            disk.sync_fails = True
            return lambda: setattr(disk, "sync_fails", False)


def _stall(world: World, fault: Fault) -> None:
    machine = world.machine
    machine.stalled_until = max(machine.stalled_until, world.time.now() + fault.for_s)


def _spool(world: World, what: str, fault: Fault) -> Undo:
    if not world.spooled:
        raise Missed
    machine = world.machine
    if what == "away":
        machine.spool_away_until = max(machine.spool_away_until, world.time.now() + fault.for_s)
        return None
    machine.spool_fails = True
    return lambda: setattr(machine, "spool_fails", False)


def _process(world: World, what: str, fault: Fault) -> Undo:
    if what == "crash_loop":
        return world.crew.crash_loop()
    if what == "trap":
        return _trap(world, fault)
    running = _living(world)
    process = running.incarnation
    match what:
        case "kill":
            world.crew.die(running, "kill")
            return None
        case "task_ends":
            _end_task(running, str(fault.args["which"]))
            world.crew.tasks_ended.add(running.name)
            return None
        case "memory":
            process.parked_max = _number(fault, "messages")
            process.burst = lambda: world.soon(lambda: world.crew.die(running, "memory"))
            process.block()
        case "block":
            process.block()
        case "lock":
            world.machine.lock(process)
        case _:
            process.freeze()

    def go_on() -> None:
        process.parked_max = None
        world.machine.thaw(process)

    return go_on


def _standby(world: World, what: str, fault: Fault) -> Undo:
    running = world.crew.standing_by()
    if running is None:
        raise Missed
    if what == "kill":
        world.crew.die(running, "kill")
        return None
    running.incarnation.freeze()
    return lambda: world.machine.thaw(running.incarnation)


def _living(world: World) -> Running:
    running = world.crew.living()
    if running is None:
        raise Missed
    return running


def _end_task(running: Running, name: str) -> None:
    """What it waits for is cancelled under it, as a library's bug would; nobody asked the task to end."""
    for task in running.incarnation.tasks:
        waits_for = getattr(
            task, "_fut_waiter", None
        )  # the same on every Python: `uncancel` is not
        if task.get_name() == name and waits_for is not None:
            waits_for.cancel()
            return
    raise Missed


def _trap(world: World, fault: Fault) -> Undo:
    how, seconds = How(str(fault.args["how"])), _number(fault, "s")

    def spring(process: Incarnation) -> None:
        world.trapped(process, Moment(str(fault.args["at"])), how)
        if how is not How.FREEZE:
            # In nobody's context: the process that walked in is dead from here on.
            Context().run(world.crew.die, world.crew.running(process), how)
            return
        process.freeze()
        world.soon(lambda: world.machine.thaw(process), seconds)

    trap = Trap(moment=Moment(str(fault.args["at"])), how=how, spring=spring)
    return world.machine.traps.set(trap)


def _strategy(world: World, what: str, fault: Fault) -> Undo:
    world.mood.raises = True
    return None


def _machine(world: World, what: str, fault: Fault) -> Undo:
    world.crew.die(_living(world), what)
    return None


def _clock(world: World, what: str, fault: Fault) -> Undo:
    clock = world.machine.clock
    if what == "step":
        clock.step(_number(fault, "ms") * MS_NS)
        return None
    clock.drift(float(_number(fault, "ppm")))
    return lambda: clock.drift(0.0)


def _node(world: World, what: str, fault: Fault) -> Undo:
    return world.crew.second(str(fault.args["host"]))


def _operator(world: World, what: str, fault: Fault) -> Undo:
    if what == "switchover" and world.crew.standing_by() is None:
        raise Missed
    if not world.command(what, **{name: str(value) for name, value in fault.args.items()}):
        raise Missed
    return None


_STRIKES: dict[str, Callable[[World, str, Fault], Undo]] = {
    "venue": _venue,
    "market": _venue,
    "stream": _stream,
    "net": _net,
    "lane": _lane,
    "disk": _disk,
    "spool": _spool,
    "process": _process,
    "standby": _standby,
    "strategy": _strategy,
    "machine": _machine,
    "clock": _clock,
    "node": _node,
    "operator": _operator,
}


def strike(world: World, fault: Fault) -> Undo:
    """Let it happen; returns what ends it, where it lasts and does not end by itself.

    Raises `Missed` when there is nobody to strike, `BadInput` for what no world has or the lab refuses.
    """
    check_faults([fault])
    family, _, what = fault.kind.partition(".")
    return _STRIKES[family](world, what, fault)


def _number(fault: Fault, name: str) -> int:
    return int(str(fault.args[name]))
