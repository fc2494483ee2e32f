"""Strategies as a world wants them, whoever wrote them: they raise when they are to, and miss no print."""

import msgspec

from nightdesk.model.ids import InstrumentId
from nightdesk.model.market import Quote, Trade
from nightdesk.node.plan import Plan
from nightdesk.simulation.incarnation import RUNNING
from nightdesk.simulation.watching import Watch
from nightdesk.strategy.api import Context, Strategy


class Mood:
    """`raises` is set by a fault, and spent by the next quote that any strategy hears. Who watches
    the world is told of prints that a strategy missed."""

    def __init__(self, watch: Watch) -> None:
        self.raises = False
        self._watch = watch

    def missed(self, instrument: InstrumentId, first: int) -> None:
        """A strategy of the process that runs missed prints from that id on."""
        process = RUNNING.get()
        assert process is not None, "strategies live in processes"
        self._watch.missed(process.name, instrument, first)


def moody(plan: Plan, mood: Mood) -> Plan:
    """The same plan, whose strategies heed `mood`."""
    strategies = tuple(
        msgspec.structs.replace(s, kind=_heeding(s.kind, mood)) for s in plan.strategies
    )
    return msgspec.structs.replace(plan, strategies=strategies)


def _heeding(kind: type[Strategy], mood: Mood) -> type[Strategy]:
    class Heeding(kind):  # type: ignore[misc,valid-type]  # the class is the user's, known at run time only
        """See the base."""

        def on_quote(self, ctx: Context, quote: Quote) -> None:
            """See the base."""
            if mood.raises:
                mood.raises = False
                raise RuntimeError("a strategy's bug, as the world wants it")
            super().on_quote(ctx, quote)

        def on_trade(self, ctx: Context, trade: Trade) -> None:
            """See the base."""
            last: dict[InstrumentId, int] = self.__dict__.setdefault("_printed", {})
            before = last.get(trade.instrument, trade.trade_id)
            if trade.trade_id > before + 1:
                mood.missed(trade.instrument, before + 1)
            last[trade.instrument] = max(before, trade.trade_id)
            super().on_trade(ctx, trade)

    return Heeding
