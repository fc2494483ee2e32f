"""The nodes of a desk: who leads, who stands by and how far, and the lease between them."""

import time
from pathlib import Path

import msgspec

from nightdesk.adapters.control_socket import ControlClient, NoNode
from nightdesk.adapters.nodes_folder import NodesFolder
from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.adapters.system import SystemClock, SystemProcesses
from nightdesk.cli.places import desk_of, journal_file, socket_file
from nightdesk.cli.tables import OUT, duration, print_json, say, table
from nightdesk.control.messages import ExitCode, Request, sample_of
from nightdesk.journal.frame import decode_frame, record_of
from nightdesk.model.errors import BadInput, CorruptionError
from nightdesk.model.ids import Seq
from nightdesk.model.records import EpochOpened
from nightdesk.model.time import Mono
from nightdesk.ports.journal import LeaseView, Presence

AGAIN_S = 0.05
PAGE = 2_000


class NodeRow(msgspec.Struct, frozen=True, kw_only=True):
    """One node; `heard_ns` is how old its word is, `lag_ns` how long before it it had folded all there was,
    `why` what is in the way of its leading, or would make it slow."""

    node: str
    pid: int
    role: str
    lag_ns: int
    heard_ns: int
    why: str


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """What the journal and the folder beside it say. `lives` is whether the leader's process is there, `renews`
    whether it was seen to renew its lease. `led_because` is why that could be taken, `led_since_ns` when (UTC
    on the venue's clock)."""

    journal: str
    epoch: int
    leader: str
    lives: bool
    renews: bool
    renewals: int
    ttl_ns: int
    head: int
    led_because: str
    led_since_ns: int
    nodes: list[NodeRow]


def show_cluster(config: Path | None, folder: Path | None, *, as_json: bool) -> int:
    """The table; exit 1 where nobody leads, or who does shows no life for a whole ttl."""
    path = journal_file(config, folder)
    if not path.exists():
        raise BadInput(f"no journal at {path}: no desk has run there yet")
    found = seen(path)
    if as_json:
        print_json(found)
    else:
        _show(found)
    return ExitCode.OK if found.renews else ExitCode.FAILED


def switch_over(config: Path | None, folder: Path | None, *, wait_s: float, as_json: bool) -> int:
    """Ask the leader to hand over, and wait until another leads."""
    client = desk_of(config, folder)
    try:
        before = sample_of(client.ask(Request(verb="status")))
        reply = client.ask(Request(verb="switchover"))
    finally:
        client.close()
    if not reply.ok or not wait_s:
        say(reply.text)
        return reply.code
    begun = time.monotonic()  # noqa: TID251 a person waits; nothing is traded by it
    while time.monotonic() - begun < wait_s:  # noqa: TID251 as above
        told = _led_by(socket_file(config, folder), before.epoch)
        if told is not None:
            epoch, pid = told
            if pid == before.pid:
                say(f"epoch {epoch} is led by pid {pid} again: no other node took it over")
                return ExitCode.FAILED
            if as_json:
                print_json({"epoch": epoch, "pid": pid})
            say(f"epoch {epoch} is led by pid {pid}")
            return ExitCode.OK
        time.sleep(AGAIN_S)
    say(f"no other node has led within {wait_s:g} s; see: nightdesk cluster")
    return ExitCode.UNKNOWN


def seen(journal: Path) -> Cluster:
    """What can be seen of a desk's nodes from outside, whoever leads: watches the lease until it is renewed or
    taken, at most for a ttl. Raises `BadInput` for another file."""
    file, processes = SqliteJournal(str(journal), readonly=True), SystemProcesses()
    try:
        lease, renews = _watched(file, processes)
        head, opened = file.stored().head, _newest_epoch(file)
    finally:
        file.close()
    now = SystemClock().mono()
    nodes = [n for n in NodesFolder(str(journal)).told() if not processes.gone(n.holder)]
    record, since = opened
    return Cluster(
        journal=str(journal),
        epoch=lease.epoch,
        leader="" if lease.holder is None else lease.holder.name,
        lives=_lives(lease, processes),
        renews=renews,
        renewals=lease.renewals,
        ttl_ns=lease.ttl_ns,
        head=head,
        led_because="" if record is None else record.why,
        led_since_ns=since,
        nodes=[_row(node, lease, now) for node in nodes],
    )


def _lives(lease: LeaseView, processes: SystemProcesses) -> bool:
    return lease.holder is not None and not processes.gone(lease.holder)


def _watched(file: SqliteJournal, processes: SystemProcesses) -> tuple[LeaseView, bool]:
    """The lease, and whether it was seen to be renewed or taken: a process that stands still lives, too."""
    first = lease = file.lease()
    clock = SystemClock()
    until = clock.mono() + first.ttl_ns
    while _lives(lease, processes) and clock.mono() < until:
        time.sleep(AGAIN_S)
        lease = file.lease()
        if (lease.epoch, lease.renewals) != (first.epoch, first.renewals):
            return lease, _lives(lease, processes)
    return lease, False


def _row(node: Presence, lease: LeaseView, now: Mono) -> NodeRow:
    leads = node.holder == lease.holder
    return NodeRow(
        node=node.holder.name,
        pid=node.holder.pid,
        role="leads" if leads else "led" if node.leads else "stands by",
        lag_ns=node.lag_ns,
        heard_ns=now - node.at,
        why=node.unfit or node.cold,
    )


def _newest_epoch(file: SqliteJournal) -> tuple[EpochOpened | None, int]:
    """The newest record of a takeover and when it was written, page by page from the end."""
    last = file.stored().head
    while last > 0:
        first = max(0, last - PAGE)
        for row in reversed(file.rows(Seq(first), last - first)):
            try:
                frame = decode_frame(row.data)
                record = record_of(frame)
            except CorruptionError:
                continue  # a torn end is cut by who leads next; `nightdesk journal verify` tells of the rest
            if isinstance(record, EpochOpened):
                return record, frame.at
        last = Seq(first)
    return None, 0


def _led_by(socket: Path, before: int) -> tuple[int, int] | None:
    """The epoch and the pid of who leads, once that is another than `before`."""
    try:
        client = ControlClient(socket, timeout_s=1.0)
    except NoNode:
        return None
    try:
        sample = sample_of(client.ask(Request(verb="status")))
    except (NoNode, OSError):  # it ends while it is asked, or takes too long
        return None
    finally:
        client.close()
    return (sample.epoch, sample.pid) if sample.epoch > before else None


def _show(found: Cluster) -> None:
    who = found.leader if found.lives else f"nobody (last: {found.leader or 'given back'})"
    if found.lives and not found.renews:
        who += f", which has not renewed for {duration(found.ttl_ns)}: it stands still"
    rows: list[dict[str, object]] = [
        {"what": "leads", "value": who},
        {"what": "epoch", "value": found.epoch},
        {"what": "it was taken over because", "value": found.led_because or "not told"},
        {"what": "lease", "value": f"{duration(found.ttl_ns)}, renewed {found.renewals} times"},
        {"what": "records", "value": found.head},
    ]
    OUT.print(table(f"journal {found.journal}", rows, ("what", "value")))
    nodes = [
        {
            **msgspec.structs.asdict(node),
            "lag": "" if node.role == "leads" else duration(node.lag_ns),
            "heard": f"{duration(node.heard_ns)} ago",
        }
        for node in found.nodes
    ]
    OUT.print(table("nodes", nodes, ("node", "pid", "role", "lag", "heard", "why")))
