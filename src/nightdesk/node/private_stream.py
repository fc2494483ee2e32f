"""The private stream of one venue: what became of orders, told by one connection or by several at once.

A gap is filled by asking, never by hoping; so is a frame that nobody could read. While one connection is heard,
no mode changes, and what several tell is told to the desk once.
"""

import asyncio
from collections.abc import Callable
from functools import partial

from nightdesk.desk.emergency import halting
from nightdesk.desk.events import Event, ForcedTold, Health, OrderTold, TermsSeen, WalletsMoved
from nightdesk.model.ids import VenueId, is_emergency, venue_of
from nightdesk.model.mode import Mode
from nightdesk.model.time import SECOND_NS, Mono, Wall
from nightdesk.node.ears import Ears
from nightdesk.node.quarantine import Quarantine
from nightdesk.ports.venue import ConnectFailed, Streams
from nightdesk.runtime.kept_stream import KeptStream, Upkeep
from nightdesk.runtime.once import Once
from nightdesk.runtime.requester import Requester
from nightdesk.runtime.shell import Shell
from nightdesk.venues.http import HttpRequest
from nightdesk.venues.protocol import ContractCodec, NoAnswer, UserUpdate, VenueCodec

KEY_EVERY_S = 30 * 60.0  # half of the time that a key is valid for
KEY_AGAIN_S = 30.0  # after a prolongation that failed
ASK_EVERY_NS = (
    SECOND_NS  # a storm of unreadable frames or of connections must not become one of questions
)


class PrivateStream:
    """All connections of one venue's private stream; each of them reads as `_Copy`."""

    def __init__(
        self,
        venue: VenueId,
        codec: VenueCodec,
        streams: Streams,
        requester: Requester,
        upkeep: Upkeep,
        copies: int,
    ) -> None:
        self.venue = venue
        self.codec = codec
        self.requester = requester
        self.unanswered: Callable[[NoAnswer], None] = lambda _: None  # before anybody hears
        self._contracts = codec if isinstance(codec, ContractCodec) else None
        self._clock = upkeep.clock
        self._key = ""
        self._asked: Mono | None = None
        self._shell: Shell | None = None  # while this node stands by
        self._tell: Callable[[Event], None]
        self._quarantine: Quarantine
        once = Once() if copies > 1 else None
        self.copies = [
            KeptStream(streams, _Copy(self), upkeep=upkeep, name="private", once=once)
            for _ in range(copies)
        ]

    @property
    def subscribed(self) -> bool:
        """Whether anybody is heard."""
        return any(kept.subscribed for kept in self.copies)

    def overheard(self, ears: Ears) -> None:
        """Nobody acts on what it says: who begins to lead asks for all of it."""
        self._quarantine = Quarantine("private", ears)

    def begin(self) -> None:
        """The desk begins with a stream that is heard already: what it told before is asked for."""
        assert self._shell is not None, "attached first"
        self._ask(self._shell)
        self._subscribed(self._shell)

    def attach(self, shell: Shell, tell: Callable[[Event], None]) -> None:
        """From now on what it says is told there."""
        self._shell, self._tell = shell, tell
        self._quarantine = Quarantine("private", shell)

    def owes(self, since: Mono) -> None:
        """The venue acknowledged something that left at `since`: each connection has to tell of it."""
        for kept in self.copies:
            kept.owes(since)

    async def path(self) -> str:
        """Where it is read, by a fresh key where it needs one; raises `ConnectFailed`. Several connections
        share one key, and nobody ends it: others may read by it."""
        ask = self.codec.private_key()
        if ask is None:
            return self.codec.private_path("")
        key = self.codec.keyed(await self.requester.request(partial(_signed_already, ask)))
        if isinstance(key, NoAnswer):
            self.unanswered(key)
            raise ConnectFailed(f"no key to the private stream: {key.outcome.text}")
        self._take_key(key)
        return self.codec.private_path(key)

    async def keep_key(self) -> None:
        """Prolong the key, for ever; where another one is told, every connection is opened anew."""
        wait_s = KEY_EVERY_S
        while True:
            await asyncio.sleep(wait_s)
            wait_s = KEY_EVERY_S
            ask = self.codec.private_key()
            if ask is None or not self._key:
                continue
            key = self.codec.keyed(await self.requester.request(partial(_signed_already, ask)))
            if isinstance(key, NoAnswer):
                self.unanswered(key)
                wait_s = KEY_AGAIN_S
            else:
                self._take_key(key)

    def _take_key(self, key: str) -> None:
        """Where it is another one than before, whatever reads by that one hears nothing any more."""
        lost, self._key = self._key not in ("", key), key
        if lost:
            for kept in self.copies:
                kept.distrust("the private stream's key was lost")

    # --- what its connections bring -----------------------------------------------------------

    def heard(self, *, gap: bool) -> None:
        """One more connection is subscribed; with a `gap`, that one's own. It is asked about even where another
        copy is heard: that one may be deaf, and nobody has found it out yet."""
        if not gap or self._shell is None:
            return
        if sum(kept.subscribed for kept in self.copies) > 1:
            self._ask_soon()
        else:
            self._ask(self._shell)
            self._subscribed(self._shell)

    def _subscribed(self, shell: Shell) -> None:
        scope = shell.desk.settings.scope_of(self.venue)
        self._tell(Health(scope=scope, cause="private", mode=Mode.NORMAL, why="subscribed"))

    def lost(self, why: str) -> None:
        """A copy has no connection left."""
        if not self.subscribed and self._shell is not None:
            scope = self._shell.desk.settings.scope_of(self.venue)
            lost = Health(scope=scope, cause="private", mode=Mode.REDUCE_ONLY, why=why)
            self._shell.handle(lost)

    def note(self, event: str, why: str) -> None:
        """Count it, and tell what is not told otherwise."""
        ears = self._quarantine.ears
        ears.telemetry.count(f"private.{event}")
        if event != "reconnects":
            ears.say("info", f"private.{event}", why=why)

    def poisoned(self, frame: bytes, error: Exception) -> None:
        """What it would have told is asked for."""
        self._quarantine.take(frame, error)
        self._ask_soon()

    def told(self, update: UserUpdate) -> None:
        """One frame that could be read."""
        self._quarantine.readable()
        if self._shell is None:
            return
        tell = self._tell
        if is_emergency(update.foreign):  # before anybody hears what it did
            tell(halting(update.foreign))
        if update.report is not None or update.execution is not None:
            tell(OrderTold(report=update.report, execution=update.execution))
        self._told_beyond_orders(self._shell, update)
        if update.foreign:
            self._shell.telemetry.count("private.foreign")

    def _told_beyond_orders(self, shell: Shell, update: UserUpdate) -> None:
        """What an account of contracts tells; what a trade moved is told by the trade."""
        if update.warning:
            shell.say("warning", "venue.warning", why=update.warning)
        if self._contracts is None:
            return
        venue = self._contracts.venue
        if update.forced is not None:
            self._tell(ForcedTold(fills=[update.forced]))
        if update.moved is not None and update.moved.kind is not None:
            self._tell(WalletsMoved(venue=venue, moved=update.moved))
        if update.terms is not None:
            self._tell(TermsSeen(venue=venue, terms=update.terms))

    def _ask_soon(self) -> None:
        """Now, or once more when a storm of reasons may be over."""
        now, shell = self._clock.mono(), self._shell
        if shell is None:
            return
        if self._asked is None or now - self._asked >= ASK_EVERY_NS:
            self._ask(shell)
        elif now >= self._asked:
            wait_ns = self._asked + ASK_EVERY_NS - now
            self._asked = Mono(now + wait_ns)
            self.copies[0].after(wait_ns, partial(self._ask, shell))

    def _ask(self, shell: Shell) -> None:
        """Everything that may have happened while nobody listened."""
        self._asked = self._clock.mono()
        for order in shell.desk.state.orders.live.values():
            if venue_of(order.intent.instrument) == self.venue:
                shell.routes[self.venue].questions.ask_order(order.intent)
        shell.ask_account(self.venue)
        shell.ask_terms(self.venue)


class _Copy:
    """Reads one connection at a time; see `Reader`."""

    def __init__(self, of: PrivateStream) -> None:
        self._of = of
        self.where = of.path
        self.poisoned = of.poisoned
        self.heard = of.heard
        self.lost = of.lost
        self.note = of.note

    def hello(self) -> str:
        """What subscribes, signed now."""
        return self._of.codec.private_hello(self._of.requester.venue_now())

    def read(self, frame: bytes, received: Mono) -> UserUpdate:
        """What the account says."""
        return self._of.codec.private(frame)

    def confirms(self, told: UserUpdate) -> bool:
        """Whether the hello was answered."""
        return told.note == "subscribed"

    def subscription(self, told: UserUpdate) -> None:
        """It has but one."""

    def named(self, subscription: object) -> str:
        """That one."""
        return "the account"

    def tell(self, told: UserUpdate, received: Mono) -> None:
        """To the desk."""
        self._of.told(told)


def _signed_already(request: HttpRequest, _: Wall) -> HttpRequest:
    """What needs no signature is the same whenever it leaves."""
    return request
