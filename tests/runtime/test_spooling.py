"""What may leave before the journal has it: only ways out, only from the spool, and each once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from builders import NOW, an_id, an_intent
from nightdesk.desk.events import SendOrder
from nightdesk.journal.spool import entries_in
from nightdesk.model.ids import ClientOrderId, Epoch
from nightdesk.model.order import Amendment, Origin
from nightdesk.model.time import Mono, Wall
from nightdesk.ports.spool import Left
from nightdesk.risk.gate import Approved
from nightdesk.runtime.gateway import Trigger
from nightdesk.runtime.spooling import PATIENCE_NS, Spooling
from worlds import live


class Spool:
    """Keeps what it is given; the test says when and how each write ends."""

    def __init__(self) -> None:
        self.data = b""
        self.writes: list[asyncio.Future[None]] = []
        self.emptied = 0

    def open(self, life: str) -> "asyncio.Future[list[Left]]":
        raise NotImplementedError

    def drop(self, names: Sequence[str]) -> "asyncio.Future[None]":
        raise NotImplementedError

    def keep(self, data: bytes) -> "asyncio.Future[None]":
        self.data += data
        self.writes.append(asyncio.get_running_loop().create_future())
        return self.writes[-1]

    def empty(self) -> "asyncio.Future[None]":
        self.data, self.emptied = b"", self.emptied + 1
        self.writes.append(asyncio.get_running_loop().create_future())
        return self.writes[-1]

    async def done(self, error: OSError | None = None) -> None:
        if error is None:
            self.writes[-1].set_result(None)
        else:
            self.writes[-1].set_exception(error)
        await asyncio.sleep(0)

    @property
    def ids(self) -> list[str]:
        return [entry.intent.client_id for entry in entries_in(self.data)[0]]


class Writer:
    """What a spool asks of the journal's writer."""

    epoch = Epoch(7)
    over = False


class Bench:
    """One life's spooling, with all around it in the test's hands."""

    def __init__(self) -> None:
        self.now = Mono(0)
        self.spool = Spool()
        self.writer: Any = Writer()
        self.sent: list[ClientOrderId] = []
        self.said: list[str] = []
        self.spooling = Spooling(
            self.writer,
            lambda: self.now,
            lambda: Wall(NOW + self.now),
            lambda order, _: self.sent.append(order.approved.intent.client_id),
            lambda level, event, **fields: self.said.append(event),
        )
        self.spooling.use(self.spool)

    def decided(self, *orders: SendOrder) -> None:
        for order in orders:
            self.spooling.waits(order, Trigger(0, self.now))

    def pass_time(self, by_ns: int = PATIENCE_NS) -> None:
        self.now = Mono(self.now + by_ns)
        self.spooling.look()


def an_exit(
    seq: int = 1, *, other: bool = False, amends: bool = False, **changed: Any
) -> SendOrder:
    intent = an_intent(**{"client_id": an_id(seq=seq), "origin": Origin.FLATTEN, **changed})
    amendment = Amendment(
        client_id=intent.client_id,
        number=1,
        qty=intent.qty,
        price=intent.price,
        deadline=intent.deadline,
        inputs=None,
    )
    return SendOrder(
        approved=Approved(intent=intent, reduces=True),
        other=an_intent(client_id=an_id(seq=99)) if other else None,
        amendment=amendment if amends else None,
    )


def with_bench(body: Callable[[Bench], Awaitable[None]]) -> None:
    async def main() -> None:
        await body(Bench())

    live(main)


def test_what_the_journal_has_in_time_leaves_by_the_journal() -> None:
    async def body(bench: Bench) -> None:
        order = an_exit()
        bench.decided(order)
        bench.pass_time(PATIENCE_NS - 1)
        assert not bench.spooling.durable(order)
        bench.pass_time()
        assert (bench.sent, bench.spool.writes) == ([], [])

    with_bench(body)


def test_what_waits_too_long_leaves_once_the_spool_has_it_and_once_only() -> None:
    async def body(bench: Bench) -> None:
        first, second, later = an_exit(1), an_exit(2), an_exit(3)
        bench.decided(first, second)
        bench.pass_time(PATIENCE_NS // 2)
        bench.decided(later)
        bench.pass_time(PATIENCE_NS // 2)
        assert bench.sent == [], "the spool does not have them yet"
        await bench.spool.done()
        assert bench.sent == bench.spool.ids == [an_id(1), an_id(2)]
        bench.pass_time()
        await bench.spool.done()
        assert bench.sent == bench.spool.ids == [an_id(1), an_id(2), an_id(3)]
        assert bench.said == ["order.spooled"] * 3
        assert [bench.spooling.durable(order) for order in (first, second)] == [True, True]
        assert not bench.spool.emptied, "of one the journal knows nothing"
        assert bench.spooling.durable(later)
        assert bench.spool.emptied == 1
        bench.pass_time()
        assert len(bench.sent) == 3

    with_bench(body)


def test_after_it_was_emptied_it_is_kept_anew() -> None:
    async def body(bench: Bench) -> None:
        for seq in (1, 2):
            order = an_exit(seq)
            bench.decided(order)
            bench.pass_time()
            await bench.spool.done()
            assert bench.spool.ids == [an_id(seq)]
            assert bench.spooling.durable(order)
            await bench.spool.done()
        assert bench.sent == [an_id(1), an_id(2)]

    with_bench(body)


def test_the_journal_may_have_it_first() -> None:
    async def body(bench: Bench) -> None:
        order = an_exit()
        bench.decided(order)
        bench.pass_time()
        assert not bench.spooling.durable(order), "it has not left: it leaves by the journal"
        bench.spool.writes[0].set_result(None)
        await asyncio.sleep(0)
        assert bench.sent == []

    with_bench(body)


@pytest.mark.parametrize(
    ("order", "leaves"),
    [
        (an_exit(), True),
        (an_exit(origin=Origin.TARGET, reduce_only=True), True),
        (an_exit(origin=Origin.PROTECT, reduce_only=True), True),
        (an_exit(origin=Origin.STRATEGY), False),
        (an_exit(origin=Origin.TARGET), False),
        (an_exit(origin=Origin.PROTECT), False),
        (an_exit(other=True), False),
        (an_exit(amends=True), False),
        (an_exit(replaces=an_id(9)), False),
    ],
)
def test_only_what_can_but_reduce_leaves_early(order: SendOrder, leaves: bool) -> None:
    async def body(bench: Bench) -> None:
        bench.decided(order)
        bench.pass_time()
        if bench.spool.writes:
            await bench.spool.done()
        assert bool(bench.sent) is leaves

    with_bench(body)


def test_a_spool_that_fails_is_used_no_more_and_everything_waits() -> None:
    async def body(bench: Bench) -> None:
        first, second = an_exit(1), an_exit(2)
        bench.decided(first)
        bench.pass_time()
        bench.decided(second)
        await bench.spool.done(OSError("no disk"))
        bench.pass_time()
        assert (bench.sent, bench.said) == ([], ["spool.failed"])
        assert len(bench.spool.writes) == 1
        assert [bench.spooling.durable(order) for order in (first, second)] == [False, False]

    with_bench(body)


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_of_a_life_that_is_over_nothing_leaves(when: str) -> None:
    async def body(bench: Bench) -> None:
        bench.decided(an_exit())
        bench.writer.over = when == "before"
        bench.pass_time()
        assert bool(bench.spool.writes) is (when == "meanwhile")
        bench.writer.over = True
        if bench.spool.writes:
            await bench.spool.done()
        assert bench.sent == []

    with_bench(body)


def test_without_a_spool_everything_waits() -> None:
    async def body(bench: Bench) -> None:
        bench.spooling = Spooling(
            bench.writer, lambda: bench.now, lambda: Wall(0), pytest.fail, pytest.fail
        )
        bench.decided(an_exit())
        bench.pass_time()
        assert not bench.spooling.durable(an_exit())

    with_bench(body)
