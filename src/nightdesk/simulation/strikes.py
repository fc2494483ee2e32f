"""What a fault does to a world when it strikes, and how it is undone."""

from collections.abc import Callable
from typing import Protocol

from nightdesk.model.time import MS_NS
from nightdesk.simulation.clocks import TrueTime
from nightdesk.simulation.faults import Fault
from nightdesk.simulation.machine import Machine
from nightdesk.simulation.processes import Running


class World(Protocol):
    """What faults reach for."""

    machine: Machine
    time: TrueTime

    def lab_fault(self, kind: str, fault: Fault) -> None: ...
    def living(self) -> Running | None: ...
    def die(self, running: Running, how: str) -> None: ...
    def second(self) -> Callable[[], None]: ...
    def command(self, verb: str) -> None: ...


Undo = Callable[[], None] | None


def _venue(world: World, what: str, fault: Fault) -> Undo:
    world.lab_fault("read_lag" if what == "query_lag" else what, fault)
    return None


def _stream(world: World, what: str, fault: Fault) -> Undo:
    world.lab_fault(f"stream_{what}", fault)
    return None


def _net(world: World, what: str, fault: Fault) -> Undo:
    link = world.machine.link
    if what == "reset":
        link.reset()
        return None
    if what == "latency":
        link.extra_ns = int(str(fault.args["ms"])) * MS_NS
        return lambda: setattr(link, "extra_ns", 0)
    names = {"up_cut": ["up_cut"], "down_cut": ["down_cut"], "cut": ["up_cut", "down_cut"]}[what]
    for name in names:
        link.begin(name)

    def mend() -> None:
        for name in names:
            link.end(name)

    return mend


def _disk(world: World, what: str, fault: Fault) -> Undo:
    machine = world.machine
    if what == "stall":
        machine.stalled_until = max(machine.stalled_until, world.time.now() + fault.for_s)
        return None
    setattr(machine.disk, what, True)
    return lambda: setattr(machine.disk, what, False)


def _process(world: World, what: str, fault: Fault) -> Undo:
    running = world.living()
    if running is None:
        return None
    if what == "kill":
        world.die(running, "kill")
        return None
    running.incarnation.freeze()
    return lambda: world.machine.thaw(running.incarnation)


def _machine(world: World, what: str, fault: Fault) -> Undo:
    running = world.living()
    if running is not None:
        world.die(running, what)
    return None


def _clock(world: World, what: str, fault: Fault) -> Undo:
    clock = world.machine.clock
    if what == "step":
        clock.step(int(str(fault.args["ms"])) * MS_NS)
        return None
    clock.drift(float(str(fault.args["ppm"])))
    return lambda: clock.drift(0.0)


def _node(world: World, what: str, fault: Fault) -> Undo:
    return world.second()


def _operator(world: World, what: str, fault: Fault) -> Undo:
    world.command(what)
    return None


_STRIKES: dict[str, Callable[[World, str, Fault], Undo]] = {
    "venue": _venue,
    "stream": _stream,
    "net": _net,
    "disk": _disk,
    "process": _process,
    "machine": _machine,
    "clock": _clock,
    "node": _node,
    "operator": _operator,
}


def strike(world: World, fault: Fault) -> Undo:
    """Let it happen; returns what ends it, where it lasts and does not end by itself."""
    family, _, what = fault.kind.partition(".")
    return _STRIKES[family](world, what, fault)
