"""Whether a desk hears its markets again once the faults are over: a stream may be silent, but not for good."""

from collections.abc import Iterator

from nightdesk.model.time import SECOND_NS
from nightdesk.simulation.processes import Running
from nightdesk.simulation.setting import WorldOptions

QUIET_S = 35.0  # twice a quote's patience and the change of connections; a world's market tells twice a second
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
