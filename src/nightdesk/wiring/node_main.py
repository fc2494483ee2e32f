"""A node process: adapters put behind the ports, incarnations started until one ends for good."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from nightdesk.adapters.control_socket import ControlServer
from nightdesk.adapters.http import HttpPool
from nightdesk.adapters.latch_file import LatchFile
from nightdesk.adapters.spool_folder import SpoolFolder
from nightdesk.adapters.streams import PicowsStreams
from nightdesk.adapters.system import StructLog, SystemClock, SystemEntropy, SystemProcesses
from nightdesk.adapters.threaded_journal import ThreadedJournal
from nightdesk.config.schema import Config
from nightdesk.config.venue import Venue
from nightdesk.control.latch import latch_path
from nightdesk.control.messages import ExitCode, encode
from nightdesk.model.errors import (
    AppendRefused,
    AppendUnknown,
    BadInput,
    CorruptionError,
    Fenced,
    LeaseHeld,
    RulesChanged,
    TaskEnded,
)
from nightdesk.model.ids import VenueId
from nightdesk.node.compose import (
    codecs_of,
    control_path,
    endpoints_of,
    journal_path,
    keys_of,
    plan_of,
    spool_path,
)
from nightdesk.node.node import Node
from nightdesk.node.plan import Outside, Role, World
from nightdesk.node.refused import Untold
from nightdesk.ports.boards import Allowance
from nightdesk.ports.clock import Clock
from nightdesk.venues.protocol import KeyCodec, VenueCodec
from nightdesk.wiring.boards import allowance_of, boards_path, close_boards

AGAIN_S = 1.0
SWITCH_INTERVAL_S = 0.0005  # the journal's thread must not wait 5 ms for the interpreter


class NodeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How this process was started."""

    base: Path
    seed: int = 1
    json_logs: bool = False
    log_level: str = "info"
    with_parent: bool = False  # stop when standard input closes: the parent is gone
    live: str = ""  # the fingerprint of the desk that may risk real money
    stands_by: bool = False  # beside others of its desk, by `rank` one after the other
    rank: int = 0
    leads_first: bool = (
        False  # at its start it leads at once, if nobody does, and from then on it stands by
    )
    tell_result: bool = (
        False  # print the last sample on standard output, which nobody reads before the end
    )
    existing: bool = False  # the journal was there before: end where it is not, and begin none


def run_node(config: Config, options: NodeOptions) -> int:
    """Run until stopped; returns the exit code."""
    assert __debug__, "a desk does not run under python -O: its assertions are part of it"
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.freeze()
    as_json = options.json_logs or config.desk.log == "json"
    log = StructLog(as_json=as_json, level=options.log_level)
    try:
        return asyncio.run(_Process(config, options, log).run())
    finally:
        log.close()


class _Process:
    """What outlives an incarnation: the log, the stop signal."""

    def __init__(self, config: Config, options: NodeOptions, log: StructLog) -> None:
        self._config = config
        self._options = options
        self._log = log
        self._node: Node | None = None
        self._stopping = False
        self._rest_ns = 0  # after a lease was handed over
        self._stands_by = options.stands_by and not options.leads_first
        self._creates = not options.existing

    async def run(self) -> int:
        """Incarnations, one after the other, until one ends for good."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        if self._options.with_parent:
            os.set_blocking(0, False)
            loop.add_reader(0, self._parent_spoke)
        while True:
            code = await self._incarnation()
            if code is not None:
                return code
            if not self._rest_ns:
                await asyncio.sleep(AGAIN_S)

    def _stop(self) -> None:
        self._stopping = True
        if self._node is not None:
            self._node.stop()

    def _parent_spoke(self) -> None:
        if not os.read(0, 4096):
            asyncio.get_running_loop().remove_reader(0)
            self._stop()

    async def _incarnation(self) -> int | None:
        """One life; None when the next one should follow."""
        try:
            plan = plan_of(self._config, self._options.base, self._options.live)
            codecs = codecs_of(self._config, self._options.base)
            allowances = self._allowances(codecs)
            keys = keys_of(self._config, self._options.base)
            ways = {VenueId(name): _Ways(name, venue) for name, venue in self._config.venue.items()}
            path = journal_path(self._config, self._options.base)
            journal = ThreadedJournal(str(path), create=self._creates)
            await journal.open()
        except BadInput as error:
            self._say("config.refused", error)
            return ExitCode.CONFIG
        self._creates = False  # from now on one that is not there is lost
        clock, spool = SystemClock(), self._spool()
        world = World(
            clock=clock,
            entropy=SystemEntropy(self._options.seed),
            processes=SystemProcesses(),
            log=self._log,
            journal=journal,
            venues={
                name: way.outside(codecs[name], keys[name], allowances[name], clock)
                for name, way in ways.items()
            },
            log_dropped=lambda: self._log.dropped,
            latch=LatchFile(latch_path(journal_path(self._config, self._options.base))),
            spool=spool,
        )
        role = Role(stands_by=self._stands_by, rank=self._options.rank, rest_ns=self._rest_ns)
        self._node, self._rest_ns = Node(plan, world, role), 0
        self._stands_by = self._stands_by or self._options.stands_by
        if self._stopping:
            self._node.stop()
        try:
            await self._live(self._node)
        except BaseExceptionGroup as group:
            return self._ended(group)
        except (CorruptionError, Fenced, AppendRefused, AppendUnknown) as error:
            return self._ended(BaseExceptionGroup("start", [error]))
        finally:
            for way in ways.values():
                way.close()
            close_boards(allowances.values())
            if spool is not None:
                spool.close()
            await journal.close()
        if self._node.handed_over and not self._stopping:
            self._rest_ns = plan.pace.lease.ttl_ns
            # Whoever was asked to let another lead does, however it was started.
            self._stands_by = True
            return None
        return ExitCode.OK

    def _spool(self) -> SpoolFolder | None:
        """Where one is configured."""
        folder = spool_path(self._config)
        if folder is None:
            return None
        journal = journal_path(self._config, self._options.base)
        return SpoolFolder(folder, self._config.desk.name, journal, self._on_one_disk)

    def _on_one_disk(self, folder: str) -> None:
        why = f"{folder} is on the journal's disk: it stalls with that, and is of no use then"
        self._log.log("warning", "spool.same_disk", {"why": why})

    def _allowances(self, codecs: Mapping[VenueId, VenueCodec]) -> dict[VenueId, Allowance]:
        """What each venue allows this process, shared with the others of this host."""
        base, boot = self._options.base, SystemProcesses().me("").boot
        folder = boards_path(self._config, base)
        return {
            name: allowance_of(self._config.venue[name], codec.limits, folder, base, boot)
            for name, codec in codecs.items()
        }

    async def _live(self, node: Node) -> None:
        """The node and its control socket; the socket appears once the lease is ours."""
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(self._serve(node), name="control")
            try:
                await node.run()
            finally:
                serving.cancel()
        # What it led until it handed over is no result, and nobody reads the pipe before the end.
        ends = self._stopping or not node.handed_over
        if self._options.tell_result and node.ready.is_set() and ends:
            sys.stdout.buffer.write(encode(node.sampler.sample()))
            sys.stdout.buffer.flush()

    async def _serve(self, node: Node) -> None:
        await node.ready.wait()
        path = control_path(self._config, self._options.base)
        await ControlServer(path, node.commands.answer, node.sampler.sample).serve()

    def _ended(self, group: BaseExceptionGroup[BaseException]) -> int | None:
        """What an incarnation's failures mean for the process."""
        failures = list(_leaves(group))
        for kind, event, code in _MEANINGS:
            for failure in failures:
                if isinstance(failure, kind):
                    self._say(event, failure)
                    beside = kind in (Fenced, LeaseHeld) and self._stands_by
                    return None if beside else code  # another leads, and this one may stand by
        raise group

    def _say(self, event: str, error: BaseException) -> None:
        self._log.log("error", event, {"why": str(error)})


class _Ways:
    """The lanes to a venue, and the way to who tells what its key may do: the same, another or none."""

    def __init__(self, name: str, venue: Venue) -> None:
        self._venue = venue
        self.hosts, self.links = endpoints_of(name, venue), venue.links
        self.lanes = {
            _named(host, link): HttpPool(host, link=link)
            for host in self.hosts.rest
            for link in venue.links or ("",)
        }
        self.first = next(iter(self.lanes.values()))
        self.rights: HttpPool | None = None
        if venue.rights_at == venue.addresses.rest:
            self.rights = self.first
        elif venue.rights_at:
            self.rights = HttpPool(venue.rights_at, link=next(iter(venue.links), ""))

    def outside(
        self, codec: VenueCodec, key: KeyCodec, allowance: Allowance, clock: Clock
    ) -> Outside:
        """The venue as a node is given it."""
        return Outside(
            http=self.first,
            rights=self.rights,
            lanes=self.lanes,
            market=PicowsStreams(self.hosts.stream, clock, self.links),
            private=PicowsStreams(self.hosts.private, clock, self.links),
            codec=codec,
            key=key,
            private_copies=self._venue.private_copies,
            allowance=allowance,
            dead_man_ns=self._venue.dead_man_ns,
        )

    def close(self) -> None:
        """Drop every connection."""
        for pool in self.lanes.values():
            pool.close()
        if self.rights is not None:
            self.rights.close()


def _named(host: str, link: str) -> str:
    return urlsplit(host).netloc + (f" from {link}" if link else "")


_MEANINGS: tuple[tuple[type[BaseException], str, int | None], ...] = (
    (CorruptionError, "journal.corrupt", ExitCode.FAILED),
    (AppendUnknown, "journal.unsure", ExitCode.FAILED),
    (Fenced, "journal.fenced", ExitCode.REFUSED),
    (LeaseHeld, "lease.held", ExitCode.REFUSED),
    (BadInput, "config.refused", ExitCode.CONFIG),
    (Untold, "key.not_told", ExitCode.FAILED),
    (TaskEnded, "node.task_ended", None),  # its next life has all of them again
    (RulesChanged, "venue.rules_changed", None),  # its next life orders by them
    (AppendRefused, "journal.refused", None),  # definitely not written: the next life folds what is
)


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    todo: list[BaseException] = [group]
    while todo:
        error = todo.pop()
        if isinstance(error, BaseExceptionGroup):
            todo.extend(error.exceptions)
        else:
            found.append(error)
    return found
