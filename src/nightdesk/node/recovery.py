"""The one way up: newest snapshot that can be believed, then every record behind it."""

from collections.abc import Callable, Container

import msgspec

from nightdesk.desk.image import decode_state
from nightdesk.desk.state import DeskState
from nightdesk.journal.chain import Chain, Head, TornTail
from nightdesk.journal.frame import GENESIS, record_of
from nightdesk.journal.snapshot import fault_of
from nightdesk.model.ids import Epoch, InstrumentId, Seq
from nightdesk.model.time import Wall
from nightdesk.ports.journal import JournalEngine, Stored

PAGE = 5_000  # rows per statement: the writer thread is free again between pages


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """The state as the journal has it."""

    state: DeskState
    head: Head
    torn: TornTail | None
    snapshot_seq: Seq
    replayed: int
    last_at: Wall  # of the last record; 0 where none was replayed
    unusable: list[str]  # snapshots that were passed over, and why


class Fold:
    """The state as far as the journal was read: by a start up to its head, by a standby ever on."""

    def __init__(self, state: DeskState, head: Head, unusable: list[str]) -> None:
        self.state = state
        self.snapshot_seq = head.seq
        self.replayed = 0
        self.last_at = Wall(0)  # when the last of these was written
        self._chain = Chain(head)
        self._unusable = unusable

    @property
    def head(self) -> Head:
        """The last slot that was folded."""
        return self._chain.head

    async def follow(
        self,
        engine: JournalEngine,
        told: Callable[[int], None] = lambda _: None,
        *,
        upto: Seq | None = None,
    ) -> None:
        """Fold what is behind the head, all of it or `upto` a slot; `told` is called with the slot reached,
        page by page.

        Raises `CorruptionError` where the journal cannot be believed, and for a record of a later release.
        """
        self._chain.torn = None  # what was torn may have been cut, and written anew
        after = self.head.seq
        while rows := await engine.rows(after, PAGE if upto is None else min(PAGE, upto - after)):
            for frame in self._chain.read(rows):
                self.state.apply(record_of(frame), frame.seq, frame.at)
                self.replayed, self.last_at = self.replayed + 1, frame.at
            after = rows[-1].seq
            told(after)

    def recovered(self) -> Recovered:
        """What a desk begins with."""
        return Recovered(
            state=self.state,
            head=self.head,
            torn=self._chain.torn,
            snapshot_seq=self.snapshot_seq,
            replayed=self.replayed,
            last_at=self.last_at,
            unusable=self._unusable,
        )


def fold_of(stored: Stored, now: Wall) -> Fold:
    """From the newest snapshot that can be believed, else from the journal's beginning."""
    unusable: list[str] = []
    for snapshot, frame_digest in stored.snapshots:
        fault = fault_of(snapshot, frame_digest)
        if fault is None:
            try:
                state = decode_state(snapshot.body, now)
            except msgspec.MsgspecError as error:
                fault = f"does not decode: {error}"
            else:
                head = Head(seq=snapshot.seq, digest=snapshot.chain, epoch=snapshot.epoch)
                return Fold(state, head, unusable)
        unusable.append(f"snapshot at slot {snapshot.seq}: {fault}")
    return Fold(DeskState(), Head(seq=Seq(0), digest=GENESIS, epoch=Epoch(0)), unusable)


async def recover(
    engine: JournalEngine,
    now: Wall,
    *,
    use_snapshots: bool = True,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Recovered:
    """Load and replay; raises `CorruptionError` where the journal cannot be believed."""
    stored = await engine.stored()
    if not use_snapshots:
        stored = Stored(snapshots=[], head=stored.head)
    fold = fold_of(stored, now)
    start = fold.head.seq
    await fold.follow(engine, lambda reached: progress(reached - start, stored.head - start))
    return fold.recovered()


def left_behind(state: DeskState, instruments: Container[InstrumentId]) -> str:
    """Why a desk of these instruments cannot go on from this state, or nothing: an order or a position in one
    that left the config could be neither asked for nor valued."""
    orders = state.orders
    owed = (orders.get(client_id) for client_id in (*state.settling, *state.untraded))
    for order in (*orders.live.values(), *owed):
        if order is not None and order.intent.instrument not in instruments:
            return (
                f"{order.intent.instrument} left the config while its order {order.intent.client_id} is "
                f"{order.state}: put it back until the order is resolved"
            )
    for (strategy, instrument), position in state.positions.items():
        rules = state.instruments.get(instrument)
        if instrument in instruments or rules is None or abs(position.qty) < rules.qty_min:
            continue
        return (
            f"{instrument} left the config while {strategy} holds {position.qty} of it: put it back until "
            "that is closed"
        )
    return ""
