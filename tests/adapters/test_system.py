"""This machine: its clocks, its processes, its log; and no secret in any repr."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from tests.e2e.disk import StallingDisk, or_skip, stalling_disk

from nightdesk.adapters.system import StructLog, SystemClock, SystemEntropy, SystemProcesses
from nightdesk.config.load import load
from nightdesk.model.time import SECOND_NS
from nightdesk.node.practice import practice_text
from nightdesk.venues.binance_sign import signer_for
from nightdesk.venues.binance_spot import BinanceSpot


def test_both_clocks_run_and_the_wall_is_utc() -> None:
    clock = SystemClock()
    one, two = clock.mono(), clock.mono()
    assert one <= two
    assert clock.wall() > 1_700_000_000 * SECOND_NS


def test_this_process_is_not_gone_and_names_itself() -> None:
    processes = SystemProcesses()
    me = processes.me("desk")
    assert me.pid == os.getpid()
    assert me.started > 0
    assert me.name.startswith("desk on ")
    assert not processes.gone(me)


@pytest.mark.process
def test_a_dead_child_is_gone_even_before_it_is_reaped() -> None:
    processes = SystemProcesses()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    stat = open(f"/proc/{child.pid}/stat").read()  # noqa: SIM115 read once
    holder = replace(
        processes.me("x"), pid=child.pid, started=int(stat.rpartition(")")[2].split()[19])
    )
    assert not processes.gone(holder)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # a zombie now
    assert processes.gone(holder)
    child.wait()
    assert processes.gone(holder)
    assert child.stdin is not None
    child.stdin.close()


class Child:
    """A process that waits, and how a lease would name it."""

    def __init__(self, program: str = "input()", *arguments: str) -> None:
        command = [sys.executable, "-c", program, *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE)
        stat = open(f"/proc/{self.process.pid}/stat").read()  # noqa: SIM115 read once
        me = SystemProcesses().me("x")
        started = int(stat.rpartition(")")[2].split()[19])
        self.holder = replace(me, pid=self.process.pid, started=started)

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.mark.process
def test_the_end_of_another_process_is_told_by_the_kernel() -> None:
    async def main() -> None:
        processes, child = SystemProcesses(), Child()
        try:
            waiting = asyncio.ensure_future(processes.ended(child.holder))
            done, _ = await asyncio.wait([waiting], timeout=0.2)
            assert not done
            child.process.kill()
            async with asyncio.timeout(10):
                await waiting
            await processes.ended(child.holder)  # also where it had ended before
        finally:
            child.end()

    asyncio.run(main())


@pytest.mark.process
def test_a_process_that_stands_still_is_ended_and_waited_for() -> None:
    async def main() -> None:
        processes, child = SystemProcesses(), Child()
        try:
            os.kill(child.process.pid, signal.SIGSTOP)
            assert await processes.end(child.holder)
            assert processes.gone(child.holder)
        finally:
            child.end()

    asyncio.run(main())


SYNCS = """
import os, sys
file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
os.write(file, b"x")
os.fdatasync(file)
"""


@pytest.mark.process
def test_a_process_that_waits_for_its_disk_is_left_alone(tmp_path: Path) -> None:
    """Its end would free nothing before the disk answers; then it goes on by itself."""

    async def main(disk: StallingDisk, file: Path) -> None:
        processes = SystemProcesses()
        disk.stall()
        child = Child(SYNCS, str(file))
        try:
            async with asyncio.timeout(20):
                while not sleeps_in_disk(child.process.pid):  # nothing tells of that
                    await asyncio.sleep(0.01)
            assert not await processes.end(child.holder)
            assert child.process.poll() is None
            disk.answer()
            assert await asyncio.to_thread(child.process.wait, 20) == 0
        finally:
            child.end()

    (tmp_path / "below").mkdir()
    (tmp_path / "disk").mkdir()
    disk = stalling_disk(tmp_path / "disk", tmp_path / "below", 8)
    with or_skip(disk) as stalling:
        asyncio.run(main(stalling, tmp_path / "disk" / "file"))


def sleeps_in_disk(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "D"


@pytest.mark.process
def test_nobody_else_is_ended_by_the_pid_of_one_that_was() -> None:
    async def main() -> None:
        processes, child = SystemProcesses(), Child()
        try:
            other = replace(child.holder, started=child.holder.started - 1)
            assert await processes.end(other), "it has ended long ago"
            far = replace(child.holder, machine="another machine")
            assert not await processes.end(far)
            assert child.process.poll() is None
        finally:
            child.end()

    asyncio.run(main())


def test_a_process_never_ends_itself_for_a_lease() -> None:
    async def main() -> None:
        processes = SystemProcesses()
        assert not await processes.end(processes.me("x"))

    asyncio.run(main())


def test_a_pid_that_was_given_to_another_process_is_gone() -> None:
    processes = SystemProcesses()
    me = processes.me("x")
    assert processes.gone(replace(me, started=me.started - 1))


def test_a_process_of_an_earlier_boot_is_gone_and_one_of_another_machine_is_not_known() -> None:
    processes = SystemProcesses()
    me = processes.me("x")
    assert processes.gone(replace(me, boot="another boot"))
    assert not processes.gone(replace(me, machine="another machine", boot="b", pid=1, started=1))


def test_streams_repeat_by_name_and_seed_and_nonces_do_not() -> None:
    one, two = SystemEntropy(7), SystemEntropy(7)
    assert [one.stream("a").random() for _ in range(3)] == [two.stream("a").random()] * 3
    assert one.stream("a").random() != one.stream("b").random()
    assert SystemEntropy(8).stream("a").random() != one.stream("a").random()
    assert len({one.nonce(1 << 20) for _ in range(50)}) > 45


def test_a_log_that_is_blocked_drops_lines_and_counts_them(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = StructLog(as_json=True, level="info")
    log.log("debug", "not.shown", {})
    log.log("info", "order.sent", {"id": "x"})
    log.close()
    out = capfd.readouterr().err
    assert '"event": "order.sent"' in out
    assert "not.shown" not in out


def test_no_secret_is_in_the_repr_of_anything_that_holds_one() -> None:
    secret = "5up3r-s3cr3t-value"
    signer = signer_for("the-key", secret)
    codec = BinanceSpot("binance", signer, {})  # type: ignore[arg-type]
    config = load(practice_text("http://x", ["BTCUSDT"]), "x")
    for thing in (signer, codec, config, vars(codec)):
        assert secret not in repr(thing)


@pytest.mark.process
def test_where_nothing_can_be_read_nobody_is_gone() -> None:
    """A node without a file descriptor left must not take the lease of one that lives."""
    child = Child()
    alone = """
import resource, sys
import msgspec
from nightdesk.adapters import system
from nightdesk.ports.journal import Holder
processes, holder = system.SystemProcesses(), msgspec.json.decode(sys.argv[1], type=Holder)
me = processes.me("")
assert not processes.gone(holder)
resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
assert not processes.gone(holder), "as it is"
processes.me = lambda name: me
assert not processes.gone(holder), "where only its own line cannot be read"
"""
    try:
        told = msgspec.json.encode(child.holder).decode()
        subprocess.run([sys.executable, "-c", alone, told], check=True, timeout=60)
    finally:
        child.end()
