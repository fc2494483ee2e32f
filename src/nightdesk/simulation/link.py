"""One machine's way to the venue, and everything that can be wrong with it."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

import msgspec

from nightdesk.model.time import MS_NS
from nightdesk.simulation.chance import between
from nightdesk.venues.http import HttpFailure, HttpResult

if TYPE_CHECKING:
    from nightdesk.simulation.network import SimConnection

ONE_WAY_NS = (300_000, 2_000_000)  # a desk in the venue's region
RESEND_NS = (
    200 * MS_NS
)  # after which TCP sends a lost segment again; each further time takes twice as long
RESENDS_MAX = 7


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a link while it lasts.

    `up_cut` and `down_cut` lose what goes to the venue and what comes from it; `extra_ns` delays each way;
    `loss` is the share of segments that TCP has to send again; `bytes_per_s` caps what comes (0 is no cap);
    `refuses` says why no connection can be made; `clogged` names the channel ("rest", "market" or "user") on
    which everything waits until it is over.
    """

    up_cut: bool = False
    down_cut: bool = False
    extra_ns: int = 0
    loss: float = 0.0
    bytes_per_s: int = 0
    refuses: str = ""
    clogged: str = ""


class Link:
    """What is under way on it belongs to the network; the worst of every trouble in force counts."""

    def __init__(self, address: str, draw: Random) -> None:
        self.address = address
        self.up_cut = False
        self.down_cut = False
        self.extra_ns = 0
        self.loss = 0.0
        self.bytes_per_s = 0
        self.refuses = ""
        self.clogged: frozenset[str] = frozenset()  # channels on which nothing passes
        self.connected = True  # whether the pool holds connections
        self.calls: dict[int, asyncio.Future[HttpResult]] = {}
        self.streams: dict[int, SimConnection] = {}
        self._draw = draw
        self._troubles: list[Trouble] = []
        self._held: dict[
            str, list[Callable[[], object]]
        ] = {}  # by channel, in the order of sending

    @property
    def cut(self) -> bool:
        """Whether no connection can be made: a handshake needs both ways."""
        return self.up_cut or self.down_cut

    def begin(self, trouble: Trouble) -> Callable[[], None]:
        """Trouble begins; returns what ends it, which may come after `mend`."""
        self._troubles.append(trouble)
        self._sum()

        def end() -> None:
            # By identity: two troubles may be alike.
            left = [other for other in self._troubles if other is not trouble]
            if len(left) < len(self._troubles):
                self._troubles = left
                self._sum()

        return end

    def mend(self) -> None:
        """All of it is over."""
        self._troubles.clear()
        self._sum()

    def holds(self, channel: str, deliver: Callable[[], object]) -> bool:
        """Whether the channel is clogged; `deliver` is called when it no longer is."""
        if channel not in self.clogged:
            return False
        self._held.setdefault(channel, []).append(deliver)
        return True

    def one_way_ns(self, size: int = 0) -> int:
        """How long the next message of `size` bytes takes."""
        took = between(self._draw, *ONE_WAY_NS) + self.extra_ns
        if self.loss:
            again = RESEND_NS
            for _ in range(RESENDS_MAX):
                if self._draw.random() >= self.loss:
                    break
                took += again
                again *= 2
        if self.bytes_per_s:
            took += size * 1_000_000_000 // self.bytes_per_s
        return took

    def reset(self) -> None:
        """Every connection breaks; what was written may have arrived."""
        self.connected = False
        failure = HttpFailure(written=True, timed_out=False, cause="connection reset")
        for future in list(self.calls.values()):
            if not future.done():
                future.set_result(failure)
        self.calls.clear()
        for stream in list(self.streams.values()):
            stream.broken("connection reset")

    def forget_streams(self) -> None:
        """A middlebox forgets the open streams: nothing comes any more, and nobody is told."""
        for stream in self.streams.values():
            stream.deaf = True

    def _sum(self) -> None:
        now = self._troubles
        self.up_cut = any(t.up_cut for t in now)
        self.down_cut = any(t.down_cut for t in now)
        self.extra_ns = max((t.extra_ns for t in now), default=0)
        self.loss = max((t.loss for t in now), default=0.0)
        self.bytes_per_s = min((t.bytes_per_s for t in now if t.bytes_per_s), default=0)
        self.refuses = next((t.refuses for t in now if t.refuses), "")
        self.clogged = frozenset(t.clogged for t in now if t.clogged)
        for channel in [c for c in self._held if c not in self.clogged]:
            for deliver in self._held.pop(channel):
                deliver()
