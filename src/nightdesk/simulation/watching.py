"""What a world tells whoever looks: checkers, counters, reports. The default hears nothing."""

from nightdesk.lab.truth import Entry as LabEntry
from nightdesk.model.ids import Epoch, Seq
from nightdesk.model.records import Record
from nightdesk.model.time import Wall
from nightdesk.simulation.clocks import TrueTime
from nightdesk.simulation.faults import Fault
from nightdesk.simulation.processes import Running
from nightdesk.simulation.trap import How, Moment
from nightdesk.venues.http import HttpRequest


class Watch:
    """Hears everything, at the moment it becomes true."""

    def begin(self, time: TrueTime) -> None:
        """The world is made; this is its time."""

    def venue(self, entry: LabEntry) -> None:
        """The venue wrote a line into its log."""

    def written(self, node: str, seq: Seq, epoch: Epoch, at: Wall, record: Record) -> None:
        """A record became durable; `at` is the frame's own time."""

    def kept(self, node: str, client_id: str) -> None:
        """An order is durable in a spool."""

    def leased(self, node: str, epoch: Epoch, until_ns: int) -> None:
        """The lease was taken or renewed until then; `node` "" when it was given back."""

    def sent(self, node: str, request: HttpRequest, epoch: Epoch) -> None:
        """A request left a host."""

    def told_to_wait(self, node: str, request: HttpRequest, seconds: int) -> None:
        """A node heard a 429 or 418 to a request, and for how long it has to wait."""

    def published(self, running: Running) -> None:
        """Once a second: what a status request would be told."""

    def commanded(self, command: str) -> None:
        """An operator's command was taken."""

    def healed(self) -> None:
        """The faults are over."""

    def begins(self, fault: Fault) -> None:
        """A fault is about to strike."""

    def struck(self, fault: Fault, *, in_flight: int) -> None:
        """It found what it strikes, while so many sends had no answer yet."""

    def died(self, running: Running, how: str) -> None:
        """A process was killed, or its machine lost power."""

    def torn(self) -> None:
        """A power loss left a part of a write: the next start has to read past it."""

    def trapped(self, node: str, moment: Moment, how: How) -> None:
        """A process walked into a trap."""

    def say(self, who: str, event: str, fields: dict[str, object]) -> None:
        """A desk's own log line."""

    def missed(self, node: str, instrument: str, first: int) -> None:
        """A strategy heard a print after one that it never heard."""

    def deaf(self, node: str, what: str) -> None:
        """At the end, long after the faults, a desk does not hear a market, or a node could not lead."""

    def flat(self) -> bool:
        """Whether the desk holds nothing that the venue would let it sell, and has nothing open."""
        return True

    def stop(self) -> bool:
        """Whether the world need not go on: something is already wrong."""
        return False
