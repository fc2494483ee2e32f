"""The two clocks of a desk, as types that do not mix.

`Mono` is CLOCK_BOOTTIME of this host: leases, ages and local deadlines; it counts a suspended machine.
`Wall` is UTC: stamps, bars and what venues see, corrected by the venue's measured offset at the edge.
Both are whole nanoseconds.
"""

from collections.abc import Mapping
from typing import NewType

import msgspec

Mono = NewType("Mono", int)
Wall = NewType("Wall", int)

MS_NS = 1_000_000
SECOND_NS = 1_000_000_000
LONG_AGO = Mono(-(1 << 62))  # before anything that happened since the host was started


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """When a decision is made, and until when this node may act on it.

    `lease_until` is on the `mono` clock and already shortened by the allowed clock error. `wall` is the desk's:
    the clock of the first of its venues. `ahead_ns` is how far each other venue's is ahead of it.
    """

    mono: Mono
    wall: Wall
    lease_until: Mono
    ahead_ns: Mapping[str, int] = {}

    def wall_at(self, mono: Mono) -> Wall:
        """The UTC time at which `mono` comes, by the two clocks read together here."""
        return Wall(self.wall + (mono - self.mono))

    def mono_at(self, wall: Wall) -> Mono:
        """When UTC will be `wall`, by the two clocks read together here."""
        return Mono(self.mono + (wall - self.wall))
