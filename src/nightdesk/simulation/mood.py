"""A strategy that raises when a world wants it to, whoever wrote it."""

import msgspec

from nightdesk.model.market import Quote
from nightdesk.node.plan import Plan
from nightdesk.strategy.api import Context, Strategy


class Mood:
    """`raises` is set by a fault, and spent by the next quote that any strategy hears."""

    def __init__(self) -> None:
        self.raises = False


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

    return Heeding
