"""The longest time the loop of a node stood still: in a fast replay, and while a snapshot is taken.

A heartbeat each millisecond; what is told is how much later than due it came. The node runs in this process,
the practice exchange in its own.
"""

import asyncio
from pathlib import Path

from bench.frames import RECORDING, shared
from bench.journals import built
from bench.measure import Figure, Run, rate, spread
from bench.node import practice
from nightdesk.adapters.system import SystemClock
from nightdesk.adapters.threaded_journal import ThreadedJournal
from nightdesk.desk.image import encode_state
from nightdesk.journal.frame import digest_of, encode_frame
from nightdesk.journal.snapshot import seal
from nightdesk.model.ids import Seq
from nightdesk.node.recovery import recover
from nightdesk.ports.journal import Holder
from nightdesk.runtime.route import sent

BEAT_NS = 1_000_000
SPEED = 40  # times real time: more than one core can follow
SNAPSHOTS = 5


class Heartbeat:
    """Comes each millisecond; keeps how late."""

    def __init__(self) -> None:
        self.late: list[int] = []
        self._clock = SystemClock()
        self._loop = asyncio.get_running_loop()
        self._due = 0
        self._beating = True
        self._beat()

    def stop(self) -> list[int]:
        """No more."""
        self._beating = False
        return self.late

    def now(self) -> int:
        """Its clock."""
        return self._clock.mono()

    def _beat(self) -> None:
        now = self._clock.mono()
        if self._due:
            self.late.append(max(0, now - self._due))
        self._due = now + BEAT_NS
        if self._beating:
            self._loop.call_later(BEAT_NS / 1e9, self._beat)


def measure(run: Run) -> list[Figure]:
    """Run it."""
    idle = asyncio.run(_idle())
    figures = [spread("heartbeat of an idle loop", idle), _longest("... its longest", idle)]
    figures += asyncio.run(_snapshot(run))
    recording = shared() / RECORDING
    if recording.exists():
        figures += asyncio.run(_replay(run, recording))
    return figures


def _longest(name: str, late: list[int]) -> Figure:
    return Figure(name=name, unit="ms", value=max(late) / 1e6, n=len(late))


async def _idle() -> list[int]:
    heartbeat = Heartbeat()
    await asyncio.sleep(1.0)
    return heartbeat.stop()


async def _snapshot(run: Run) -> list[Figure]:
    """Take snapshots as the node does, of a state with a million records behind it, with appends waiting."""
    records = run.pick(1_000_000, 100_000)
    engine = ThreadedJournal(str(built(run.folder, records)))
    await engine.open()
    granted = await engine.acquire(await engine.lease(), Holder(name="bench"), 1)
    clock = SystemClock()
    recovered = await recover(engine, clock.wall())
    state, head = recovered.state, recovered.head
    digest, seq = head.digest, head.seq
    late, waited, size = list[int](), list[int](), 0
    for _ in range(SNAPSHOTS):
        heartbeat = Heartbeat()
        await asyncio.sleep(0.02)
        started = clock.mono()
        snapshot = seal(seq=seq, epoch=granted.epoch, chain=digest, body=encode_state(state))
        size = len(snapshot.body)
        saving = asyncio.ensure_future(engine.save_snapshot(granted.epoch, snapshot))
        await asyncio.sleep(0)
        frame = encode_frame(
            seq=Seq(seq + 1), epoch=granted.epoch, at=clock.wall(), previous=digest, body=b"\xc0"
        )
        await engine.append(granted.epoch, seq, [frame])
        waited.append(clock.mono() - started)
        digest, seq = digest_of(frame), Seq(seq + 1)
        await saving
        await asyncio.sleep(0.02)
        late += heartbeat.stop()
    await engine.cut(granted.epoch, Seq(head.seq + 1))  # the next benchmark finds it as it was
    await engine.release(granted.epoch)
    await engine.close()
    return [
        _longest(f"longest stall around a snapshot at {records:,} records", late),
        Figure(name="... its bytes", unit="MB", value=size / 1e6),
        spread("... an append behind it, durable after", waited, unit="ms", scale=1e6),
    ]


async def _replay(run: Run, recording: Path) -> list[Figure]:
    """Some seconds of a recording at sockets, as fast as the exchange can send it."""
    async with practice(recording, SPEED, run.folder / "replay") as desk:
        counters = desk.node.telemetry.counters
        await desk.node.ready.wait()
        heartbeat = Heartbeat()
        began = heartbeat.now()
        await asyncio.sleep(run.pick(8, 4))
        spent, late = heartbeat.now() - began, heartbeat.stop()
        frames, orders = counters.get("market.events", 0), sent(desk.node.shell.routes.values())
    return [
        _longest(f"longest stall of a replay at sockets, {SPEED}x", late),
        spread("... heartbeat's lateness", late, unit="ms", scale=1e6),
        Figure(name="... frames meanwhile", unit="frames/s", value=rate(frames, spent), n=frames),
        Figure(name="... orders meanwhile", unit="orders", value=orders),
    ]
