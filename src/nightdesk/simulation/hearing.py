"""Whether a desk is whole again once the faults are over: a stream may be silent, but not for good; of several
nodes one leads, and the others could.
"""

from collections.abc import Iterator

from nightdesk.model.time import SECOND_NS
from nightdesk.simulation.crew import Crew
from nightdesk.simulation.machine import Machine
from nightdesk.simulation.processes import Running
from nightdesk.simulation.setting import WorldOptions

QUIET_S = 35.0  # twice a quote's patience and the change of connections; a world's market tells twice a second
TOLD_WITHIN_S = 5.0
_STAY_SILENT = ("market.silence", "stream.silence")


def deaf(running: Running, options: WorldOptions) -> Iterator[str]:
    """Each market that a desk has not heard for too long, where no fault stays that silences it."""
    left = any(f.kind in _STAY_SILENT and f.at_s >= options.seconds for f in options.faults)
    if left or not running.up or not running.node.shell.trading:
        return
    shell = running.node.shell
    for instrument in shell.desk.settings.instruments:
        quote, now = shell.desk.views.quotes.get(instrument), shell.moment().mono
        if quote is not None and now - quote.received > QUIET_S * SECOND_NS:
            age_s = (now - quote.received) / SECOND_NS
            yield f"{instrument}: the last quote is {age_s:.0f} s old, and the venue tells others"


def uncovered(crew: Crew, machine: Machine, options: WorldOptions) -> Iterator[tuple[str, str]]:
    """Of a desk of several nodes: that nobody leads, or who stands by and could not lead."""
    if options.nodes == 1 or crew.stopping:
        return
    alive, leader = crew.alive(), crew.living()
    if leader is None or not leader.up:
        yield "the desk", "nobody leads"
        return
    waiting = [each for each in alive if each is not leader and each.stands_by]
    if len(waiting) < options.nodes - 1:
        yield "the desk", f"{len(waiting)} of {options.nodes - 1} nodes stand by"
    for each in waiting:
        said = machine.present.get(each.incarnation.pid)
        if said is None or machine.clock.mono() - said.at > TOLD_WITHIN_S * SECOND_NS:
            yield each.name, "stands by and says nothing"
        elif said.leads or said.unfit:
            yield each.name, f"stands by and could not lead: {said.unfit or 'it says it does'}"
