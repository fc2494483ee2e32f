"""A real desk whose journal takes nothing: a way out leaves by the spool, and the next life knows of it."""

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Thread

import apsw
import pytest
from tests.crash.harness import Rig
from tests.e2e.disk import needed_disk
from tests.e2e.status import sample, until

from nightdesk.adapters.control_socket import ControlClient, NoNode
from nightdesk.adapters.journal_file import history_of
from nightdesk.control.messages import Request, Sample
from nightdesk.model.records import Spooled

pytestmark = pytest.mark.process

TRIES = 20


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with ExitStack() as undo:
        spool = tmp_path / "spool"
        spool.mkdir()
        undo.enter_context(needed_disk(spool, 1))
        rig = Rig(tmp_path, seed=9, makers=False)
        undo.callback(rig.close)
        config = tmp_path / "desk.toml"
        config.write_text(config.read_text().replace("[desk]\n", f'[desk]\nspool = "{spool}"\n', 1))
        yield rig


def ask(rig: Rig, verb: str) -> None:
    """A command whose answer may never come: it waits for the journal."""
    with suppress(NoNode, TimeoutError):
        client = ControlClient(rig.folder / "desk.sock", timeout_s=10.0)
        try:
            client.ask(Request(verb=verb, reason="to see it leave"))  # type: ignore[arg-type]
        finally:
            client.close()


def spooled(told: Sample) -> bool:
    return told.counters.get("event.order.spooled", 0) > 0


def out_by_the_spool(rig: Rig) -> apsw.Connection:
    """Who holds the journal's lock while an order has left by the spool. What is open when an operator wants
    out ends first, which may take longer than the lease lasts: then it is tried again."""
    other = apsw.Connection(str(rig.folder / "desk.journal"))
    for _ in range(TRIES):
        until(
            rig,
            lambda s: s.mode == "NORMAL" and not s.orders_live and any(p.qty for p in s.positions),
            "a position and nothing open",
        )
        other.execute("BEGIN IMMEDIATE")
        asking = Thread(target=ask, args=(rig, "flatten"))
        asking.start()
        last = sample(rig)
        while last is not None and not spooled(last) and last.lease_left_ns > 0:
            last = sample(rig)
        if last is not None and spooled(last):
            return other
        other.execute("ROLLBACK")
        asking.join()
        until(rig, lambda s: s.flatten.startswith("flat at"), "the way out")
        ask(rig, "resume")
    raise AssertionError(f"no order left by the spool in {TRIES} tries")


def imported(rig: Rig) -> int:
    return sum(
        isinstance(record, Spooled) for *_, record in history_of(rig.folder / "desk.journal")
    )


def test_a_desk_that_is_killed_then_is_known_to_the_next(rig: Rig) -> None:
    rig.start()
    assert rig.until_trading()
    other = out_by_the_spool(rig)
    assert rig.node is not None
    rig.node.kill()
    rig.node.wait()
    other.execute("ROLLBACK")
    other.close()
    assert [path.stat().st_size > 0 for path in (rig.folder / "spool").iterdir()] == [True]
    rig.start()
    assert rig.until_trading()
    assert imported(rig) >= 1
    _, result = rig.finish_running()
    assert result.clean, [*result.findings, result.position_diff]
    assert list((rig.folder / "spool").iterdir()) == []


def test_a_desk_whose_journal_comes_back_goes_on(rig: Rig) -> None:
    rig.start()
    assert rig.until_trading()
    other = out_by_the_spool(rig)
    other.execute("ROLLBACK")
    other.close()
    until(rig, lambda s: s.flatten.startswith("flat at"), "the way out")
    assert imported(rig) == 0
    _, result = rig.finish_running()
    assert result.clean, [*result.findings, result.position_diff]
    assert list((rig.folder / "spool").iterdir()) == []
