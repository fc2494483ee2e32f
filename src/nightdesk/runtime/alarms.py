"""What a person should hear of one venue's answers, whatever was asked: the first of a kind at once, the next
ones seldom, all of them counted.
"""

from collections.abc import Callable

from nightdesk.model.ids import VenueId
from nightdesk.model.outcome import Outcome, Reason
from nightdesk.model.severity import BEARINGS
from nightdesk.model.time import SECOND_NS, Mono
from nightdesk.runtime.telemetry import Telemetry
from nightdesk.venues.protocol import NoAnswer

AGAIN_NS = 600 * SECOND_NS  # often enough to be found in any log, too seldom to fill one
KINDS_MAX = 100  # codes told apart; a venue that made them up would fill the memory otherwise
OTHER = "other"

Say = Callable[[str, str, dict[str, str]], None]  # level, event, fields


class Alarms:
    """Hears every outcome of one venue; `say` writes a line to the log.

    Counters are named REASON.VENUE.CODE (`unmapped.binance.-9417`): `status` shows those that are unmapped.
    """

    def __init__(
        self, venue: VenueId, telemetry: Telemetry, mono: Callable[[], Mono], say: Say
    ) -> None:
        self._venue = venue
        self._telemetry = telemetry
        self._mono = mono
        self._say = say
        self._told: dict[str, Mono] = {}  # when each kind was told last

    def unanswered(self, silence: NoAnswer) -> None:
        """A question was not answered."""
        self._telemetry.count(f"no_answer.{silence.outcome.reason}")
        self.heard(silence.outcome)

    def heard(self, outcome: Outcome) -> None:
        """Count and tell what a person has to know."""
        level = BEARINGS[outcome.reason].alert
        if not level:
            return
        kind = f"{outcome.reason}.{self._venue}.{outcome.code}"
        if kind not in self._told and len(self._told) >= KINDS_MAX:
            kind = f"{outcome.reason}.{self._venue}.{OTHER}"
        self._telemetry.count(kind)
        now, last = self._mono(), self._told.get(kind)
        if last is not None and now - last < AGAIN_NS:
            return
        self._told[kind] = now
        unmapped = outcome.reason is Reason.UNMAPPED
        event = "venue.code_unmapped" if unmapped else "venue.not_well"
        fields = {
            "venue": self._venue,
            "reason": "" if unmapped else outcome.reason,
            "code": str(outcome.code or ""),
            "why": outcome.text,
            "seen": str(self._telemetry.counters[kind]),
        }
        self._say(level, event, {name: value for name, value in fields.items() if value})
