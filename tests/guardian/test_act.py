"""One try to get out, over real sockets and a real journal file: with the next epoch, without one, and not."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import apsw
import pytest
from tests.e2e.disk import StallingDisk, or_skip, stalling_disk

from emergency.by_hand import DESK, Hand, by_hand
from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.adapters.system import SystemClock, SystemProcesses
from nightdesk.config.load import load
from nightdesk.control.messages import Reply, encode
from nightdesk.emergency.desk import found
from nightdesk.guardian.act import Act, End, Ended
from nightdesk.guardian.lookout import Lookout
from nightdesk.guardian.patience import Patience
from nightdesk.guardian.watch import Policy, Watch
from nightdesk.guardian.way import way_out
from nightdesk.model.errors import AppendRefused
from nightdesk.model.ids import Epoch
from nightdesk.ports.journal import Holder, LeaseView
from nightdesk.runtime.lease import TTL_NS

Capsys = pytest.CaptureFixture[str]
DEAD = Holder(name="dead on here", machine="here", boot="b", pid=2, started=2)
OTHER = Holder(name="other on here", machine="here", boot="b", pid=3, started=3)
CONFIG = """\
[desk]
name = "{name}"
journal = "desk.journal"
order_ttl_ms = 100

[limits]
order_qty_max = "1"
order_notional_max = "1000"
position_max = "1"
gross_max = "1000"

[venue.usdm]
kind = "binance-usdm"
rest = "{url}"
read_lag_ms = 100

[venue.usdm.account]
key = "file:key"
secret = "file:secret"

[[instrument]]
id = "usdm:BTCUSDT"
leverage = 20

[guardian]
policy = "{policy}"

[guardian.account.usdm]
key = "file:key"
secret = "file:secret"
"""


class Scene:
    """A desk that has died, its journal, and one guardian's try."""

    def __init__(self, hand: Hand, policy: str, *, blind: bool = False) -> None:
        self.hand = hand
        self.journal = hand.folder / "desk.journal"
        text = CONFIG.format(name=DESK, url=hand.url, policy=policy)
        path = hand.folder / "desk.toml"
        path.write_text(text)
        file = SqliteJournal(str(self.journal))
        file.acquire(file.lease(), DEAD, TTL_NS)
        file.close()
        self.clock = SystemClock()
        self.lookout = Lookout(self.journal)
        self.watch = Watch(
            Policy(after_ns=0, does="acts", blind=blind), lambda holder: holder == DEAD
        )
        self.stop = asyncio.Event()
        self.said: list[str] = []
        self.eyes = Patience("test")
        self.me = SystemProcesses().me("guardian")
        self.act = Act(
            way_out(load(text, "desk.toml"), path),
            self.watch,
            self.clock,
            me=self.me,
            look=self.look,
            stop=self.stop,
            say=self.said.append,
        )

    async def look(self) -> None:
        seen: LeaseView | str
        try:
            seen = await self.eyes.ask(self.lookout.lease)
        except AppendRefused as error:
            seen = str(error)
        self.watch.look(seen, self.clock.mono())

    async def run(self) -> Ended:
        await self.look()
        return await self.act.run(self.journal)

    async def until_it_leads(self) -> SqliteJournal:
        """The journal, once the guardian has taken it."""
        file = SqliteJournal(str(self.journal))
        while file.lease().holder != self.me:
            await asyncio.sleep(0.02)
        return file

    async def left(self) -> tuple[int, dict[str, str]]:
        """Open orders, and what is held."""
        held = {symbol: str(float(qty)) for symbol, qty in (await self.hand.positions()).items()}
        return len(await self.hand.open_ids()), held


def scene(
    folder: Path,
    capsys: Capsys,
    body: Callable[[Scene], Awaitable[None]],
    policy: str = "flatten",
    *,
    blind: bool = False,
) -> None:
    """A position, its stop and an entry, and nobody who leads."""

    async def whole(hand: Hand) -> None:
        await hand.held("BUY", "2")
        await hand.stop()
        await hand.perp()
        await body(Scene(hand, policy, blind=blind))

    by_hand(folder, capsys, whole)


async def answers(path: Path) -> None:
    """A desk that lives."""

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(encode(Reply(ok=True)))
        await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(reply, path=str(path)) as server:
        await server.serve_forever()


@pytest.mark.parametrize(
    ("policy", "left"), [("cancel", (1, {"BTCUSDT": "2.0"})), ("flatten", (0, {}))]
)
def test_it_takes_the_next_epoch_leaves_a_latch_gets_out_and_gives_the_lease_back(
    tmp_path: Path, capsys: Capsys, policy: str, left: tuple[int, dict[str, str]]
) -> None:
    async def body(at: Scene) -> None:
        ended = await at.run()
        assert (ended.how, ended.epoch) == (End.DONE, Epoch(2)), ended
        assert await at.left() == left
        assert "usdm: done, and it stayed so" in ended.why
        latch = found(tmp_path / "desk.journal.latch")
        assert latch is not None
        assert (latch.by, latch.halted) == ("the guardian", True)
        assert latch.why == "nobody leads: dead on here (pid 2) has ended"
        view = at.lookout.lease()
        assert not isinstance(view, str)
        assert (view.epoch, view.holder) == (2, None)

    scene(tmp_path, capsys, body, policy)


def test_it_stands_back_at_once_where_a_node_leads_meanwhile(
    tmp_path: Path, capsys: Capsys
) -> None:
    async def body(at: Scene) -> None:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(at.run())
            file = await at.until_it_leads()
            file.acquire(file.lease(), OTHER, TTL_NS)
            file.close()
        ended = running.result()
        assert ended.how is End.STOOD_BACK
        assert "epoch 3 leads" in ended.why
        view = at.lookout.lease()
        assert not isinstance(view, str)
        assert view.holder == OTHER, "nobody's lease is given back but its own"

    scene(tmp_path, capsys, body)


def test_one_who_was_quicker_is_let_be(tmp_path: Path, capsys: Capsys) -> None:
    async def body(at: Scene) -> None:
        before = await at.left()
        await at.look()
        file = SqliteJournal(str(at.journal))
        file.acquire(file.lease(), OTHER, TTL_NS)
        file.close()
        ended = await at.act.run(at.journal)
        assert ended.how is End.STOOD_BACK
        assert await at.left() == before
        assert found(tmp_path / "desk.journal.latch") is None

    scene(tmp_path, capsys, body)


def test_told_to_end_it_gives_the_lease_back(tmp_path: Path, capsys: Capsys) -> None:
    async def body(at: Scene) -> None:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(at.run())
            (await at.until_it_leads()).close()
            at.stop.set()
        assert running.result().how is End.STOPPED
        view = at.lookout.lease()
        assert not isinstance(view, str)
        assert (view.epoch, view.holder) == (2, None)

    scene(tmp_path, capsys, body)


def test_where_the_journal_gives_no_epoch_it_gets_out_without(
    tmp_path: Path, capsys: Capsys
) -> None:
    async def body(at: Scene) -> None:
        lock = apsw.Connection(str(at.journal))
        lock.execute("BEGIN IMMEDIATE")
        ended = await at.run()
        lock.execute("ROLLBACK")
        lock.close()
        assert (ended.how, ended.epoch) == (End.DONE, None), ended
        assert await at.left() == (0, {})
        assert any("without an epoch" in text for text in at.said)

    scene(tmp_path, capsys, body)


@pytest.mark.process
def test_where_the_journals_disk_does_not_answer_it_gets_out_without(
    tmp_path: Path, capsys: Capsys
) -> None:
    (tmp_path / "below").mkdir()
    folder = tmp_path / "disk"
    folder.mkdir()

    async def body(at: Scene, disk: StallingDisk) -> None:
        await at.look()
        disk.stall()
        ended = await at.act.run(at.journal)
        assert (ended.how, ended.epoch) == (End.DONE, None), ended
        assert await at.left() == (0, {})
        assert any("has not answered for 2 s" in text for text in at.said), at.said
        disk.answer()
        async with asyncio.timeout(20):
            file = SqliteJournal(str(at.journal))
            while (view := file.lease()).epoch < 2 or view.holder is not None:
                await asyncio.sleep(0.02)
            file.close()

    with or_skip(stalling_disk(folder, tmp_path / "below", 128)) as disk:
        scene(folder, capsys, lambda at: body(at, disk), blind=True)


def test_without_an_epoch_it_stands_back_once_somebody_is_seen_to_lead(
    tmp_path: Path, capsys: Capsys
) -> None:
    async def body(at: Scene) -> None:
        lock = apsw.Connection(str(at.journal))
        lock.execute("BEGIN IMMEDIATE")
        async with asyncio.TaskGroup() as group:
            running = group.create_task(at.run())
            while found(tmp_path / "desk.journal.latch") is None:
                await asyncio.sleep(0.02)
            lock.execute("ROLLBACK")
            lock.close()
            file = SqliteJournal(str(at.journal))
            file.acquire(file.lease(), OTHER, TTL_NS)
            file.close()
        assert running.result().how is End.STOOD_BACK

    scene(tmp_path, capsys, body)


def test_blindly_it_gets_out_unless_a_desk_answers(tmp_path: Path, capsys: Capsys) -> None:
    async def body(at: Scene) -> None:
        before = await at.left()
        at.journal.rename(tmp_path / "elsewhere")
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(answers(tmp_path / f"{DESK}.sock"))
            ended = await at.run()
            serving.cancel()
        assert ended.how is End.STOOD_BACK
        assert "a desk answers" in ended.why
        assert await at.left() == before
        again = Scene(at.hand, "flatten", blind=True)
        again.journal.rename(tmp_path / "elsewhere too")
        ended = await again.run()
        assert (ended.how, ended.epoch) == (End.DONE, None), ended
        assert await at.left() == (0, {})

    scene(tmp_path, capsys, body, blind=True)
