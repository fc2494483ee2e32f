"""The lease: keeping it, and knowing when it may no longer be trusted.

Expiry counts on this host's CLOCK_BOOTTIME from *before* a renewal was asked for, and is given up early by the
error we allow our clocks. The engine's compare-and-append is the fence; the lease only says who should write.
"""

import asyncio

import msgspec

from nightdesk.model.ids import Epoch
from nightdesk.model.time import LONG_AGO, MS_NS, SECOND_NS, Mono
from nightdesk.ports.clock import Clock
from nightdesk.ports.journal import Holder, JournalEngine

TTL_NS = 3 * SECOND_NS
RENEW_EVERY_NS = 500 * MS_NS
MARGIN_NS = SECOND_NS


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """How long a lease lasts without a renewal, and how often it is renewed."""

    ttl_ns: int = TTL_NS
    renew_every_ns: int = RENEW_EVERY_NS

    def __post_init__(self) -> None:
        # Two renewals may be lost in a row and the lease still covers the margin.
        if 3 * self.renew_every_ns + MARGIN_NS >= self.ttl_ns:
            raise ValueError(
                f"a lease of {self.ttl_ns} ns is renewed more often than it is by {self}"
            )


class Lease:
    """This node's grant. `until` is the only thing the last step before the wire reads."""

    def __init__(
        self,
        engine: JournalEngine,
        clock: Clock,
        epoch: Epoch,
        taken_at: Mono,
        term: Term = Term(),  # noqa: B008 it is frozen
    ) -> None:
        self.before: Holder | None = None  # who led before, and did not give it back
        self.why = ""  # it could be taken
        self.epoch = epoch
        self.until = Mono(taken_at + term.ttl_ns - MARGIN_NS)
        self._term = term
        self._engine = engine
        self._clock = clock
        self._renewals = 0
        self._renewed_at = taken_at
        self._void_before = Mono(0)
        self._given_back = False
        self._asked: Mono | None = None

    def held(self, now: Mono, since: Mono = LONG_AGO) -> bool:
        """Whether this node may still act at `now`, by a renewal that was not asked for before `since`."""
        return now < self.until and self._renewed_at >= since

    def void(self) -> None:
        """Trust nothing until a renewal that starts later has committed: this host's clock has stepped."""
        self.until = Mono(0)
        self._void_before = self._clock.mono()

    async def renew(self) -> None:
        """One renewal; raises `Fenced` when another leads. What was given back is not renewed."""
        if self._given_back:
            return
        started = self._asked = self._clock.mono()
        self._renewals += 1
        try:
            await self._engine.renew(self.epoch, self._renewals)
        finally:
            self._asked = None
        if started < self._void_before:
            return
        self._renewed_at = started
        self.until = Mono(started + self._term.ttl_ns - MARGIN_NS)

    def waits_ns(self) -> int:
        """How long the renewal under way has taken so far; 0 when none is."""
        return 0 if self._asked is None else self._clock.mono() - self._asked

    async def keep(self) -> None:
        """Renew for ever."""
        while True:
            await asyncio.sleep(self._term.renew_every_ns / SECOND_NS)
            await self.renew()

    async def release(self) -> None:
        """Give it back, so that the next start need not wait."""
        if self._given_back:
            return
        self.until, self._given_back = Mono(0), True
        await self._engine.release(self.epoch)
