"""What earlier lives left in the spool: found before anything is traded, and held against the journal."""

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial

from nightdesk.desk.events import Health, SpoolFound
from nightdesk.journal.frame import decode_frame
from nightdesk.journal.spool import entries_in
from nightdesk.model.errors import CorruptionError
from nightdesk.model.ids import ClientOrderId, Seq, decode_order_id
from nightdesk.model.mode import Mode
from nightdesk.model.records import Intended, Spooled, decode_record
from nightdesk.modes.ladder import DESK
from nightdesk.ports.journal import JournalEngine
from nightdesk.ports.spool import Left, Spool
from nightdesk.runtime.shell import Shell

CAUSE = "spool"
WITHIN_S = 1.0  # a disk that does not answer in time is away
PAGE = 5_000


class SpoolWatch:
    """Until it is known what was left, nothing new is risked: a venue may have orders that nobody knows."""

    def __init__(self, spool: Spool | None, journal: JournalEngine, shell: Shell) -> None:
        self._spool = spool
        self._journal = journal
        self._shell = shell
        self._asked: asyncio.Future[list[Left]] | None = None

    async def look(self) -> None:
        """At a start, and from then on as long as it could not be read."""
        spool, state = self._spool, self._shell.desk.state
        if spool is None:
            return
        if self._asked is None:
            self._asked = spool.open(f"{state.epoch}-{state.nonce}")
        await asyncio.wait({self._asked}, timeout=WITHIN_S)
        if not self._asked.done():
            self._tell(f"its disk has not answered for {WITHIN_S:.0f} s")
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

    async def _read(self, spool: Spool, left: Sequence[Left]) -> None:
        entries: list[Spooled] = []
        names: list[str] = []
        for file in left:
            try:
                found, torn = entries_in(file.data)
            except CorruptionError as error:
                raise CorruptionError(f"{file.name}: {error}") from error
            if torn is not None:
                self._shell.say("warning", "spool.torn", file=file.name, why=torn.why)
            if all(self._ours(entry) for entry in found):
                entries += found
                names.append(file.name)
            else:
                self._shell.say("warning", "spool.strange", file=file.name)
        known = await self._journaled(entries)
        unknown = [entry for entry in entries if entry.intent.client_id not in known]
        if names:
            done = partial(self._imported, spool, names)
            self._shell.handle(SpoolFound(entries=unknown), done)

    def _ours(self, entry: Spooled) -> bool:
        """Whether a life of this very journal kept it: of another one it would come to nothing here."""
        key = decode_order_id(entry.intent.client_id)
        return key is not None and self._shell.desk.state.nonces.get(key.nonce) == key.epoch

    async def _journaled(self, entries: Iterable[Spooled]) -> set[ClientOrderId]:
        """Those that the journal knows: in the slot that their ids name, or imported before."""
        wanted = {
            entry.intent.client_id: decode_order_id(entry.intent.client_id) for entry in entries
        }
        known: set[ClientOrderId] = set()
        after = Seq(min((key.seq for key in wanted.values() if key), default=0) - 1)
        while len(known) < len(wanted) and (rows := await self._journal.rows(after, PAGE)):
            for row in rows:
                record = decode_record(decode_frame(row.data).body)
                if isinstance(record, Intended | Spooled) and record.intent.client_id in wanted:
                    known.add(record.intent.client_id)
            after = rows[-1].seq
        return known

    def _imported(self, spool: Spool, names: Sequence[str]) -> None:
        """The journal has them."""
        spool.drop(names).add_done_callback(self._dropped)

    def _dropped(self, done: "asyncio.Future[None]") -> None:
        error = None if done.cancelled() else done.exception()
        if error is not None:  # the next life finds them again, and that the journal knows them
            self._shell.say("warning", "spool.kept", why=str(error))

    def _tell(self, why: str) -> None:
        self._set(Mode.REDUCE_ONLY, f"what earlier lives left in the spool is not known: {why}")

    def _set(self, mode: Mode, why: str) -> None:
        self._shell.handle(Health(scope=DESK, cause=CAUSE, mode=mode, why=why))
