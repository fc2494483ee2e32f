"""The journal under a running node: still ours, with its reserve, and folded into a snapshot now and then."""

import asyncio

from nightdesk.desk.events import Health
from nightdesk.desk.image import encode_state
from nightdesk.journal.snapshot import seal
from nightdesk.model.errors import AppendUnknown
from nightdesk.model.ids import Epoch
from nightdesk.model.mode import Mode
from nightdesk.modes.ladder import DESK
from nightdesk.ports.journal import EngineHealth, JournalEngine
from nightdesk.runtime.shell import Shell

LOST = (
    "the journal's file was moved or deleted under the running desk; "
    "what was written since is lost: find the file, then start again"
)
# Below it is no room: the journal's own files may have some that they can still fill, and then have none.
SCARCE_BYTES = 8 << 20
ENOUGH_BYTES = 16 << 20  # from which on there is room again


class JournalWatch:
    """One node's. `snapshot_seq` is the slot of the newest snapshot, `snapshot_every` how many slots pass until
    the next."""

    def __init__(
        self,
        journal: JournalEngine,
        shell: Shell,
        epoch: Epoch,
        snapshot_seq: int,
        snapshot_every: int,
    ) -> None:
        self._journal = journal
        self._shell = shell
        self._epoch = epoch
        self._snapshot_seq = snapshot_seq
        self._snapshot_every = snapshot_every
        self._scarce = False

    async def keep(self, broken: "asyncio.Future[None]", every_s: float) -> None:
        """Raises what ended the writer or came into `broken`; checks every `every_s` that the file is ours."""
        fatal = (self._shell.writer.failed, broken)
        while True:
            await asyncio.wait(fatal, timeout=every_s, return_when=asyncio.FIRST_COMPLETED)
            for future in fatal:
                if future.done():
                    future.result()
            health = await self._journal.health()
            if not health.file_is_ours:
                raise AppendUnknown(LOST)
            await self._look_for_room(health)
            await self._snapshot_if_due()

    def told(self, *, room: bool, why: str = "no room for the journal's reserve") -> None:
        """Without the journal's reserve nothing new is risked: the next full disk could not be written down."""
        mode = Mode.NORMAL if room else Mode.REDUCE_ONLY
        why = "the journal's reserve is in place" if room else why
        self._shell.handle(Health(scope=DESK, cause="disk", mode=mode, why=why))

    async def _look_for_room(self, health: EngineHealth) -> None:
        """Before an append is refused: one of an order that has filled may be the first that is."""
        was = self._scarce
        self._scarce = health.free_bytes < (ENOUGH_BYTES if was else SCARCE_BYTES)
        if self._scarce:
            self.told(room=False, why=f"{health.free_bytes >> 20} MiB free on the journal's disk")
        elif was or not health.ballast:
            self.told(room=await self._journal.restore_ballast())

    async def _snapshot_if_due(self) -> None:
        """Fold durable entries only: a snapshot waits for a moment in which everything is."""
        writer = self._shell.writer
        if writer.durable - self._snapshot_seq < self._snapshot_every or writer.depth:
            return
        head, state = writer.head(), self._shell.desk.state
        assert head.seq == state.seq, "a snapshot folds durable entries only"
        snapshot = seal(
            seq=head.seq, epoch=self._epoch, chain=head.digest, body=encode_state(state)
        )
        self._snapshot_seq = head.seq
        await self._journal.save_snapshot(self._epoch, snapshot)
