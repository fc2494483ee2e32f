"""What a running desk tells of itself, waited for."""

import time
from collections.abc import Callable

from tests.crash.harness import Rig, maker_of

from nightdesk.adapters.control_socket import ControlClient, NoNode
from nightdesk.control.messages import Request, Sample, sample_of

WITHIN_S = 40.0
MAKER = maker_of("follow_ticks = 2, pause_ms = 20")


def sample(rig: Rig) -> Sample | None:
    """The last one, or None where the desk does not answer."""
    try:
        client = ControlClient(rig.folder / "desk.sock", timeout_s=2.0)
    except NoNode:
        return None
    try:
        return sample_of(client.ask(Request(verb="status")))
    except (NoNode, TimeoutError):
        return None
    finally:
        client.close()


def until(rig: Rig, wanted: Callable[[Sample], bool], what: str) -> Sample:
    """Wait until a sample is as it should be; the condition is polled, the deadline is a failure."""
    deadline = time.monotonic() + WITHIN_S
    last: Sample | None = None
    while time.monotonic() < deadline:
        assert rig.node is not None
        assert rig.node.poll() is None, (rig.folder / "node.log").read_text()[-2000:]
        last = sample(rig) or last
        if last is not None and last.trading and wanted(last):
            return last
        time.sleep(0.05)
    log = (rig.folder / "node.log").read_text()[-2000:]
    raise AssertionError(f"not within {WITHIN_S} s: {what}\n{last and last.lanes}\n{log}")


def uses(sample: Sample) -> list[str]:
    """What each lane is used for."""
    return [lane.use for lane in sample.lanes]
