"""What is done to a pair: one thing a round, and what must come of it.

Each deed returns when the desk can trade again: when another node leads, or what was taken away was given back.
What a deed finds that must not be is added to the round's findings; what does not happen in time ends it.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from random import Random

import msgspec
from tests.drill.node import BLOCK_S
from tests.drill.pair import WITHIN_S, Pair
from tests.e2e.disk import fill
from tests.e2e.status import sample

from nightdesk.adapters.control_socket import ControlClient, NoNode
from nightdesk.control.messages import ExitCode, Reply, Request, Sample
from nightdesk.model.time import SECOND_NS
from nightdesk.node.practice import JOURNAL, SOCKET
from nightdesk.runtime.lease import RENEW_EVERY_NS, TTL_NS

# A leader that stood still for less keeps the lease, for more it loses it; between the two it depends on its
# last renewal, and on how often the one that watches it is let run.
KEEPS_BELOW_S = (TTL_NS - RENEW_EVERY_NS) / SECOND_NS - 0.1
LOSES_ABOVE_S = TTL_NS / SECOND_NS + 2.0
RESUMES_EVERY_S = 1.0
WELL_LOOKS = 3


class Round(msgspec.Struct, kw_only=True):
    """One round; `deed_ns` and `healed_ns` are UTC, `lasts_s` is how long what was done lasts."""

    kind: str
    leads: Sample
    rng: Random
    longest_s: float
    deed_ns: int = 0
    healed_ns: int = 0
    lasts_s: float = 0.0
    findings: list[str] = []

    def did(self) -> None:
        """It happens now."""
        self.deed_ns = time.time_ns()

    def healed(self) -> None:
        """What was taken away is given back now."""
        self.healed_ns = time.time_ns()

    def must(self, what: str, *, be: bool) -> None:
        """Note what is not so."""
        if not be:
            self.findings.append(f"{self.kind}: not so: {what}")


def kill(pair: Pair, here: Round) -> None:
    """The other one leads."""
    here.did()
    _kill(pair, here, pair.rank_of(here.leads.pid))
    _another_leads(pair, here)


def standby_kill(pair: Pair, here: Round) -> None:
    """The leader goes on."""
    here.did()
    _kill(pair, here, 1 - pair.rank_of(here.leads.pid))


def both_kill(pair: Pair, here: Round) -> None:
    """A new pair goes on from the journal."""
    here.did()
    for rank in pair.nodes:
        _kill(pair, here, rank)
    pair.begin_both()
    _newer(pair, here)


def switchover(pair: Pair, here: Round) -> None:
    """The other one leads, and nothing of the desk was cancelled for it."""
    here.did()
    reply = _asked(pair, Request(verb="switchover"))
    here.must(f"a switchover is taken: {reply.text}", be=reply.ok)
    _another_leads(pair, here)
    begun = sum(
        line.endswith(f" epoch={here.leads.epoch}") for line in pair.told_of("desk.trading")
    )
    here.must("who hands over begins nothing new", be=begun == 1)


def freeze(pair: Pair, here: Round) -> None:
    """SIGSTOP, and SIGCONT later: for less than the ttl the leader goes on, for more the other one leads."""
    here.lasts_s = _lasts(here)
    node = pair.nodes[pair.rank_of(here.leads.pid)]
    here.did()
    node.send_signal(signal.SIGSTOP)
    try:
        _meanwhile(pair, here)
    finally:
        if node.poll() is None:  # one that stood still inside the journal's lock was ended
            node.send_signal(signal.SIGCONT)
    _held_still(pair, here)


def blocked_loop(pair: Pair, here: Round) -> None:
    """The leader's event loop computes and does nothing else: as with a process that stands still."""
    here.lasts_s = min(_lasts(here), 10.0)
    (pair.folder / BLOCK_S).write_text(str(here.lasts_s))
    here.did()
    pair.nodes[pair.rank_of(here.leads.pid)].send_signal(signal.SIGUSR1)
    _meanwhile(pair, here)
    _held_still(pair, here)


def link_cut(pair: Pair, here: Round) -> None:
    """Nothing reaches the venue from the leader for a while: it recovers by itself."""
    assert pair.links is not None, "its nodes run in namespaces"
    here.lasts_s = here.rng.uniform(1.0, min(here.longest_s, 10.0))
    number = pair.rank_of(here.leads.pid) + 1
    here.did()
    pair.links.take_down(number)
    time.sleep(here.lasts_s)
    here.healed()
    pair.links.bring_back(number)


def disk_full(pair: Pair, here: Round) -> None:
    """Exits only until there is room again."""
    filler = pair.folder / "filler"
    here.did()
    fill(filler)

    def reduces() -> bool:
        told = sample(pair)
        causes = {cause.cause for cause in told.causes} if told is not None else set()
        return told is not None and told.mode == "REDUCE_ONLY" and "disk" in causes

    pair.until("a desk without room reduces only", reduces)
    here.healed()
    filler.unlink()


def stall(pair: Pair, here: Round) -> None:
    """The journal's disk answers nothing for a while. Nobody could lead in the leader's place, and nobody is
    killed for it."""
    assert pair.disk is not None, "its journal lies on a disk that can"
    here.lasts_s = here.rng.uniform(1.0, min(here.longest_s, 10.0))
    here.did()
    pair.disk.stall()
    try:
        time.sleep(here.lasts_s)
    finally:
        pair.disk.answer()
    here.healed()
    here.must("nobody was killed for it", be=not pair.told_of("standby.killed"))


def journal_removed(pair: Pair, here: Round) -> None:
    """Both end and say why; nothing is lost, and a new pair goes on when the file is back."""
    file = pair.folder / JOURNAL
    away = file.with_suffix(".away")
    here.did()
    file.rename(away)
    pair.until("both nodes end", lambda: not pair.pids())
    codes = [node.returncode for node in pair.nodes.values()]
    here.must(f"both end with {ExitCode.FAILED:d}, not {codes}", be=set(codes) == {ExitCode.FAILED})
    here.must("the log tells of it", be="moved or deleted" in pair.said(30))
    pair.begin(0)
    again = pair.until("a node that is started meanwhile ends", lambda: pair.nodes[0].poll())
    here.must(f"it ends with {ExitCode.CONFIG:d}, not {again}", be=again == ExitCode.CONFIG)
    here.must("no new journal was begun in its place", be=not file.exists())
    here.healed()
    away.rename(file)
    pair.begin_both()
    _newer(pair, here)


def upgrade(pair: Pair, here: Round) -> None:
    """One node at a time: what stands by is replaced by the next release, leads, and then so is the other."""
    old = pair.rank_of(here.leads.pid)
    pair.release += 1
    pair.stood_down(pair.nodes[1 - old])
    pair.begin(1 - old)
    pair.runs()  # the new one is fit beside the old one
    switchover(pair, here)
    pair.runs()
    pair.stood_down(pair.nodes[old])
    pair.begin(old)


def emergency(pair: Pair, here: Round) -> None:
    """By hand, while nobody can tell the desk: it halts by what it sees, and trades once it is resumed."""
    here.did()
    command = [sys.executable, "-m", "nightdesk.emergency", "flatten", "--yes", "--within", "60"]
    command += ["--config", str(pair.folder / "desk.toml")]
    ran = subprocess.run(command, capture_output=True, timeout=WITHIN_S, check=False)
    here.must(f"it gets out: {ran.stderr.decode()}", be=ran.returncode == ExitCode.OK)
    _halted(pair)
    here.must("nobody took over for it", be=pair.opened(here.leads.epoch) is None)
    _resume(pair, here)


def guardian(pair: Pair, here: Round) -> None:
    """Nobody leads, because both stand still; it gets out, and whoever wakes is fenced, halted, and resumed."""
    pair.guarded()
    done = len(pair.guardian_said("guardian.done"))
    here.did()
    for node in pair.nodes.values():
        node.send_signal(signal.SIGSTOP)
    try:
        pair.until("the guardian gets out", lambda: pair.guardian_said("guardian.done")[done:])
        here.must("the account is flat", be=pair.flat())
    finally:
        for node in pair.nodes.values():
            node.send_signal(signal.SIGCONT)
    here.lasts_s = (time.time_ns() - here.deed_ns) / SECOND_NS
    _halted(pair)
    _resume(pair, here)


def _halted(pair: Pair) -> None:
    def halted() -> bool:
        told = sample(pair)
        return told is not None and told.mode == "HALTED" and not told.orders_live

    pair.until("a desk that sees what was done by hand halts", halted)


def _resume(pair: Pair, here: Round) -> None:
    resume = Request(verb="resume", reason="a drill")
    well = 0

    def resumed() -> bool:
        """What the tool did is adopted once it has lasted longer than the venue's answers lag; the desk halts
        again when it hears of an order of its only then."""
        nonlocal well
        if not well:
            with suppress(NoNode):  # who woke up deposed ends, and the other one begins
                here.must("an operator may resume", be=_asked(pair, resume).ok)
        time.sleep(RESUMES_EVERY_S)
        told = sample(pair)
        well = well + 1 if told is not None and told.mode == "NORMAL" else 0
        return well == WELL_LOOKS

    pair.until("it is resumed", resumed)
    here.healed()


KINDS: dict[str, Callable[[Pair, Round], None]] = {
    "kill": kill,
    "freeze": freeze,
    "blocked_loop": blocked_loop,
    "switchover": switchover,
    "standby_kill": standby_kill,
    "link_cut": link_cut,
    "disk_full": disk_full,
    "stall": stall,
    "journal_removed": journal_removed,
    "both_kill": both_kill,
    "upgrade": upgrade,
    "emergency": emergency,
    "guardian": guardian,
}


def _lasts(here: Round) -> float:
    """As often about as long as the ttl as much longer."""
    least = here.rng.choice((1.0, min(4.0, here.longest_s)))
    return here.rng.uniform(least, 4.0 if least == 1.0 else here.longest_s)


def _asked(pair: Pair, request: Request) -> Reply:
    client = ControlClient(pair.folder / SOCKET)
    try:
        return client.ask(request)
    finally:
        client.close()


def _kill(pair: Pair, here: Round, rank: int) -> None:
    node = pair.nodes[rank]
    node.kill()
    node.communicate()
    here.must(
        f"a node ends by our SIGKILL alone, not with {node.returncode}", be=node.returncode == -9
    )


def _newer(pair: Pair, here: Round) -> None:
    pair.until("a newer epoch is opened", lambda: pair.opened(here.leads.epoch))


def _another_leads(pair: Pair, here: Round) -> None:
    _newer(pair, here)
    told = pair.until("it tells of itself", lambda: _led_beyond(pair, here.leads.epoch))
    here.must("the node that stood by leads", be=told.pid != here.leads.pid)


def _led_beyond(pair: Pair, epoch: int) -> Sample | None:
    told = sample(pair)
    return told if told is not None and told.epoch > epoch else None


def _meanwhile(pair: Pair, here: Round) -> None:
    """Until it is over; whether another leads is seen at once, because a node that wakes is to find it so."""
    over = here.deed_ns + int(here.lasts_s * SECOND_NS)

    def passed() -> bool:
        return time.time_ns() >= over

    pair.until("it is over", passed, here.lasts_s + 5.0)


def _held_still(pair: Pair, here: Round) -> None:
    """Who leads after one that led stood still."""
    took_over = pair.opened(here.leads.epoch) is not None
    if here.lasts_s < KEEPS_BELOW_S:
        here.must(f"{here.lasts_s:.1f} s of standing still are outlived", be=not took_over)
    elif here.lasts_s > LOSES_ABOVE_S:
        here.must(f"{here.lasts_s:.1f} s of standing still lose the lease", be=took_over)
    code = pair.ended(pair.rank_of(here.leads.pid))
    if code is None:
        return
    ours = f"(pid {here.leads.pid}) stood still inside the journal's lock"
    here.must(f"it ends only inside the journal's lock, not with {code}", be=ours in pair.said(400))
