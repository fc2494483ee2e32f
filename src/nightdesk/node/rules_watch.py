"""Whether a venue still has the rules that the desk orders by: ticks, lots and minimums change while it runs.

Asked where an order is refused for good, which an order by the rules is not; a venue lists thousands of markets
in one answer, so it is not asked by the clock. Other rules are for another life, which reads them at its start
like any rules: orders that rest, books and limits are folded by one grid for as long as a life lasts.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from msgspec.structs import replace

from nightdesk.model.errors import BadInput, RulesChanged
from nightdesk.model.ids import VenueId
from nightdesk.model.instrument import Instrument
from nightdesk.model.time import LONG_AGO, SECOND_NS, Mono
from nightdesk.node.venue_link import VenueDown

AGAIN_FIRST_NS, AGAIN_MAX_NS = (
    5 * SECOND_NS,
    600 * SECOND_NS,
)  # doubled while they are what they were

Ask = Callable[[list[str]], Awaitable[Mapping[str, Instrument]]]


class RulesWatch:
    """Holds one venue to the rules that this life began with."""

    def __init__(
        self,
        venue: VenueId,
        assumed: Sequence[Instrument],
        ask: Ask,
        *,
        mono: Callable[[], Mono],
        say: Callable[[str, str], None],
        spawn: Callable[[Awaitable[None], str], None],
    ) -> None:
        self._venue = venue
        self._assumed = assumed
        self._ask = ask
        self._mono = mono
        self._say = say
        self._spawn = spawn
        self._asking = False
        self._not_before = LONG_AGO
        self._again_ns = AGAIN_FIRST_NS

    def doubted(self) -> None:
        """An order was refused for good. Asks, unless it did lately."""
        if not self._asking and self._mono() >= self._not_before:
            self._asking = True
            self._spawn(self._compare(), "rules")

    async def _compare(self) -> None:
        """Raises `RulesChanged` where they are others now."""
        wait_ns, self._again_ns = self._again_ns, min(2 * self._again_ns, AGAIN_MAX_NS)
        try:
            rules = await self._ask([instrument.symbol for instrument in self._assumed])
            hold_to(self._venue, self._assumed, rules.values())
        except VenueDown as error:  # nobody knows more than before
            wait_ns = self._again_ns = AGAIN_FIRST_NS
            self._say("rules.no_answer", str(error))
        except (
            BadInput
        ) as error:  # not listed, or listed as what nobody can trade by: the others go on
            self._say("rules.delisted", str(error))
        finally:
            self._asking = False
            self._not_before = Mono(self._mono() + wait_ns)


def hold_to(venue: VenueId, assumed: Iterable[Instrument], told: Iterable[Instrument]) -> None:
    """Raise `RulesChanged` where a venue tells other rules than were assumed, naming the first that differs."""
    now = {instrument.id: instrument for instrument in told}
    for before in map(_lasting, assumed):
        after = _lasting(now[before.id])
        for name in before.__struct_fields__:
            was, is_now = getattr(before, name), getattr(after, name)
            if was != is_now:
                raise RulesChanged(
                    f"{before.id} has other rules now, {name} {is_now} instead of {was}: "
                    f"the next life orders at {venue} by them"
                )


def _lasting(instrument: Instrument) -> Instrument:
    """Without what a venue tells anew every hour: how much it takes at the market."""
    return replace(instrument, market_qty_max=None)
