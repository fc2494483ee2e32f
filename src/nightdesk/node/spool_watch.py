"""What earlier lives left in the spool: found before anything is traded, and held against the journal."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

from nightdesk.desk.events import Health, SpoolFound
from nightdesk.desk.spooled import CAUSE
from nightdesk.journal.frame import decode_frame, record_of
from nightdesk.journal.spool import entries_in
from nightdesk.model.errors import CorruptionError
from nightdesk.model.ids import ClientOrderId, Seq, decode_order_id
from nightdesk.model.mode import Mode
from nightdesk.model.records import Intended, Spooled
from nightdesk.modes.ladder import DESK
from nightdesk.ports.journal import JournalEngine
from nightdesk.ports.spool import Left, Spool
from nightdesk.runtime.shell import Shell

WITHIN_S = 1.0  # a disk that does not answer in time is away
PAGE = 5_000


class SpoolWatch:
    """Until it is known what was left, nothing new is risked: a venue may have orders that nobody knows."""

    def __init__(self, spool: Spool | None, journal: JournalEngine, shell: Shell) -> None:
        self._spool = spool
        self._journal = journal
        self._shell = shell
        self._asked: asyncio.Future[list[Left]] | None = None

    async def keep(self, every_s: float) -> None:
        """Look again and again, as long as it could not be read."""
        while True:
            await asyncio.sleep(every_s)
            await self.look()

    async def look(self) -> None:
        """At a start; a disk that does not answer is not waited for long."""
        spool = self._spool
        if spool is None:
            return
        if self._asked is None:
            self._asked = spool.open(self._life())
        await asyncio.wait({self._asked}, timeout=WITHIN_S)
        if not self._asked.done():
            self._tell("its disk does not answer")
            return
        asked, self._asked = self._asked, None
        try:
            await self._read(spool, asked.result())
        except (OSError, CorruptionError) as error:
            self._tell(f"{error}; compare the venue's open orders and trades, then mend it")
            return
        self._spool = None
        self._shell.spooling.use(spool)
        self._set(Mode.NORMAL, "the spool was read")

    def _life(self) -> str:
        state = self._shell.desk.state
        return f"{state.epoch}-{state.nonce}"

    async def _read(self, spool: Spool, left: Sequence[Left]) -> None:
        """What can be read is taken, whatever else cannot."""
        lives = {f"{epoch}-{nonce}" for nonce, epoch in self._shell.desk.state.nonces.items()}
        entries: dict[ClientOrderId, Spooled] = {}
        whole: list[str] = []
        broken: list[str] = []
        for file in left:
            if file.life not in lives:  # another journal's: it would come to nothing here
                self._shell.say("warning", "spool.strange", life=file.life)
                continue
            try:
                entries |= self._entries(file)
                whole.append(file.life)
            except CorruptionError as error:
                broken.append(f"{file.life}: {error}")
        known = await self._journaled(entries)
        unknown = [entry for client_id, entry in entries.items() if client_id not in known]
        if whole:
            done = partial(self._imported, spool, whole)
            self._shell.handle(SpoolFound(entries=unknown), done)
        if broken:
            raise CorruptionError("; ".join(broken))

    def _entries(self, file: Left) -> dict[ClientOrderId, Spooled]:
        found, torn = entries_in(file.data)
        if torn is not None:
            self._shell.say("warning", "spool.torn", life=file.life, why=torn.why)
        return {entry.intent.client_id: entry for entry in found}

    async def _journaled(self, entries: Mapping[ClientOrderId, Spooled]) -> set[ClientOrderId]:
        """Those that the journal knows: in the slot that their ids name, or imported before."""
        known: set[ClientOrderId] = set()
        after = Seq(min(map(_slot, entries), default=1) - 1)
        while known < entries.keys() and (rows := await self._journal.rows(after, PAGE)):
            for row in rows:
                record = record_of(decode_frame(row.data))
                if isinstance(record, Intended | Spooled) and record.intent.client_id in entries:
                    known.add(record.intent.client_id)
            after = rows[-1].seq
        return known

    def _imported(self, spool: Spool, lives: Sequence[str]) -> None:
        """The journal has them."""
        spool.drop(lives).add_done_callback(self._dropped)

    def _dropped(self, done: "asyncio.Future[None]") -> None:
        error = None if done.cancelled() else done.exception()
        if error is not None:  # the next life finds them again, and that the journal knows them
            self._shell.say("warning", "spool.kept", why=str(error))

    def _tell(self, why: str) -> None:
        self._set(Mode.REDUCE_ONLY, f"what earlier lives left in the spool is not known: {why}")

    def _set(self, mode: Mode, why: str) -> None:
        self._shell.handle(Health(scope=DESK, cause=CAUSE, mode=mode, why=why))


def _slot(client_id: ClientOrderId) -> Seq:
    """Where the journal would have it."""
    key = decode_order_id(client_id)
    return Seq(1) if key is None else key.seq
