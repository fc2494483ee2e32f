"""What a look at the lease means, what is told of it, and when it is acted on; all in virtual time."""

from typing import NamedTuple

import pytest

from nightdesk.guardian.watch import (
    JOINS_WITHIN_NS,
    TELL_AFTER_NS,
    Finding,
    Policy,
    Watch,
)
from nightdesk.model.ids import Epoch, Seq
from nightdesk.model.time import MS_NS, SECOND_NS, Mono
from nightdesk.ports.journal import Holder, LeaseView, Presence
from nightdesk.runtime.lease import TTL_NS

NODE = Holder(name="node on here", machine="here", boot="b", pid=2, started=2)
OTHER = Holder(name="other on here", machine="here", boot="b", pid=3, started=3)
AFTER_NS = 30 * SECOND_NS
EVERY_NS = 200 * MS_NS
FLATTENS = Policy(after_ns=AFTER_NS, does="flattens")
BLINDLY = Policy(after_ns=AFTER_NS, does="flattens", blind=True)
AWAY = "journal: no such file"


class Node(NamedTuple):
    """What is done to the lease over a while: `renews` or not, by whom, in which epoch."""

    epoch: int = 1
    holder: Holder | None = NODE
    renews: bool = True
    gone: bool = False
    unreadable: bool = False


LEADS = Node()
DIED = Node(renews=False, gone=True)
STANDS_STILL = Node(renews=False)
GAVE_BACK = Node(renews=False, holder=None)
NEVER = Node(epoch=0, holder=None, renews=False)
UNREADABLE = Node(unreadable=True)
FOLLOWED = Node(epoch=2, holder=OTHER)


class Scene:
    """A watch and the lease that it looks at."""

    def __init__(self, policy: Policy = FLATTENS, dealt_with: int | None = None) -> None:
        self.dead: set[Holder] = set()
        of = None if dealt_with is None else Epoch(dealt_with)
        self.watch = Watch(policy, self.dead.__contains__, of)
        self.now = Mono(1_000 * SECOND_NS)
        self.renewals = 0
        self.told: list[str] = []
        self.texts: list[str] = []

    def goes(self, node: Node, for_s: float, every_ns: int = EVERY_NS) -> "Scene":
        """Time passes, and the guardian looks."""
        if node.gone and node.holder is not None:
            self.dead.add(node.holder)
        for _ in range(int(for_s * SECOND_NS) // every_ns):
            self.now = Mono(self.now + every_ns)
            self.renewals += node.renews
            view: LeaseView | str = LeaseView(
                epoch=Epoch(node.epoch), renewals=self.renewals, ttl_ns=TTL_NS, holder=node.holder
            )
            alerts = self.watch.look(AWAY if node.unreadable else view, self.now)
            self.told += [alert.event.removeprefix("guardian.") for alert in alerts]
            self.texts += [alert.why for alert in alerts]
        return self


@pytest.mark.parametrize(
    ("what", "finding", "told"),
    [
        ([(LEADS, 60)], Finding.LED, []),
        ([(NEVER, 60)], Finding.NEVER_LED, ["waits"]),
        ([(NEVER, 60), (LEADS, 1)], Finding.LED, ["waits", "led"]),
        ([(LEADS, 5), (DIED, 0.8)], Finding.UNLED, []),
        ([(LEADS, 5), (DIED, 0.8), (FOLLOWED, 60)], Finding.LED, []),
        ([(LEADS, 5), (DIED, 20)], Finding.UNLED, ["unled"]),
        ([(LEADS, 5), (DIED, 20), (FOLLOWED, 1)], Finding.LED, ["unled", "led"]),
        ([(LEADS, 5), (STANDS_STILL, 2.8)], Finding.LED, []),
        ([(LEADS, 5), (STANDS_STILL, 20)], Finding.UNLED, ["unled"]),
        ([(LEADS, 5), (STANDS_STILL, 20), (LEADS, 1)], Finding.LED, ["unled", "led"]),
        ([(LEADS, 5), (GAVE_BACK, 20)], Finding.UNLED, ["unled"]),
        ([(LEADS, 5), (UNREADABLE, 0.8), (LEADS, 5)], Finding.LED, []),
        ([(LEADS, 5), (UNREADABLE, 500)], Finding.UNREAD, ["blind"]),
        ([(UNREADABLE, 500)], Finding.UNREAD, ["blind"]),
        ([(LEADS, 5), (UNREADABLE, 5), (DIED, 5)], Finding.UNLED, ["blind", "unled"]),
    ],
)
def test_what_is_found_is_told_once_and_what_is_over_at_once_is_not(
    what: list[tuple[Node, float]], finding: Finding, told: list[str]
) -> None:
    scene = Scene()
    for node, for_s in what:
        scene.goes(node, for_s)
    assert (scene.watch.finding, scene.told) == (finding, told)


@pytest.mark.parametrize(
    ("what", "due"),
    [
        ([(LEADS, 500)], False),
        ([(NEVER, 500)], False),
        ([(DIED, 29)], False),
        ([(DIED, 31)], True),
        ([(GAVE_BACK, 31)], True),
        ([(LEADS, 5), (STANDS_STILL, 31)], False),  # its ttl comes first
        ([(LEADS, 5), (STANDS_STILL, 34)], True),
        ([(LEADS, 5), (STANDS_STILL, 28), (LEADS, 1), (STANDS_STILL, 28)], False),
        ([(DIED, 20), (FOLLOWED, 0.2), (GAVE_BACK, 20)], False),
        ([(DIED, 20), (UNREADABLE, 0.2), (DIED, 20)], False),
        ([(LEADS, 5), (UNREADABLE, 500)], False),
        ([(LEADS, 5), (UNREADABLE, 500), (DIED, 29)], False),
        ([(LEADS, 5), (UNREADABLE, 500), (DIED, 31)], True),
    ],
)
def test_it_is_due_once_the_lease_was_read_for_so_long_and_nobody_led(
    what: list[tuple[Node, float]], due: bool
) -> None:
    scene = Scene()
    for node, for_s in what:
        scene.goes(node, for_s)
    assert scene.watch.due is due


def test_what_it_acts_on_is_named_by_what_was_found() -> None:
    scene = Scene(BLINDLY).goes(LEADS, 5).goes(UNREADABLE, 31)
    assert scene.watch.ground == f"the lease cannot be read: {AWAY}"
    assert scene.goes(GAVE_BACK, 31).watch.ground == "nobody leads: the lease was given back"


def test_one_who_only_tells_never_acts() -> None:
    scene = Scene(Policy(after_ns=AFTER_NS)).goes(LEADS, 5).goes(DIED, 500)
    assert not scene.watch.due
    assert scene.told == ["unled"]
    assert scene.texts[-1].endswith("the guardian does nothing about it by itself")


def test_what_comes_next_is_told() -> None:
    scene = Scene().goes(LEADS, 5).goes(DIED, 2)
    (text,) = scene.texts
    assert "nobody leads: node on here (pid 2) has ended" in text
    assert "in 29 s the guardian flattens, unless somebody leads by then" in text


@pytest.mark.parametrize(
    ("policy", "what", "due"),
    [
        (BLINDLY, [(LEADS, 5), (UNREADABLE, 29)], False),
        (BLINDLY, [(LEADS, 5), (UNREADABLE, 31)], True),
        (FLATTENS, [(LEADS, 5), (UNREADABLE, 31)], False),
        (BLINDLY, [(UNREADABLE, 500)], False),  # nobody was ever seen to lead
        (BLINDLY, [(LEADS, 5), (UNREADABLE, 20), (LEADS, 0.2), (UNREADABLE, 20)], False),
    ],
)
def test_unread_is_a_ground_only_where_a_person_said_so(
    policy: Policy, what: list[tuple[Node, float]], due: bool
) -> None:
    scene = Scene(policy)
    for node, for_s in what:
        scene.goes(node, for_s)
    assert scene.watch.due is due
    assert scene.watch.may_go_on is (policy.blind and scene.watch.finding is Finding.UNREAD)


def test_who_looked_away_did_not_see_that_nobody_led_meanwhile() -> None:
    scene = Scene().goes(LEADS, 5).goes(DIED, 1)
    scene.goes(DIED, 7_200, every_ns=3_600 * SECOND_NS)  # suspended
    assert not scene.watch.due
    scene.goes(DIED, 30)
    assert scene.watch.due


def test_an_outage_is_dealt_with_once_and_the_next_one_again() -> None:
    scene = Scene().goes(LEADS, 5).goes(DIED, 31)
    scene.watch.done(Epoch(2))
    guarded = Node(epoch=2, holder=None, renews=False)
    assert not scene.goes(guarded, 500).watch.due
    later = Node(epoch=3, holder=OTHER)
    assert not scene.goes(later, 5).watch.due
    assert scene.goes(later._replace(renews=False, gone=True), 31).watch.due


def test_a_guardian_that_begins_anew_knows_what_was_dealt_with() -> None:
    guarded = Node(epoch=2, holder=None, renews=False)
    assert not Scene(dealt_with=2).goes(guarded, 500).watch.due
    assert Scene(dealt_with=1).goes(guarded, 500).watch.due


def test_what_failed_is_tried_again_after_as_long() -> None:
    scene = Scene().goes(LEADS, 5).goes(DIED, 31)
    scene.watch.failed()
    assert not scene.goes(DIED, 29).watch.due
    assert scene.goes(DIED, 2).watch.due
    assert scene.told == ["unled"]


def test_blindly_it_acts_once_until_somebody_was_seen_to_lead() -> None:
    scene = Scene(BLINDLY).goes(LEADS, 5).goes(UNREADABLE, 31)
    scene.watch.done(None)
    assert not scene.goes(UNREADABLE, 500).watch.due
    assert scene.goes(LEADS, 1).goes(UNREADABLE, 31).watch.due


# --- who stands by ------------------------------------------------------------------------------


def presence(scene: Scene, holder: Holder = OTHER, **more: object) -> Presence:
    told = {"holder": holder, "leads": False, "seq": Seq(1), "at": scene.now, **more}
    return Presence(**told)  # type: ignore[arg-type]


def heard(scene: Scene, *nodes: Presence) -> list[str]:
    alerts = scene.watch.stands_by(nodes, scene.now)
    return [f"{alert.event.removeprefix('guardian.')}: {alert.why}" for alert in alerts]


def test_nobody_standing_by_is_told_once_and_when_it_is_well_again() -> None:
    scene = Scene().goes(LEADS, 5)
    assert heard(scene) == []
    scene.goes(LEADS, JOINS_WITHIN_NS / SECOND_NS)
    assert heard(scene) == ["uncovered: no node stands by"]
    scene.goes(LEADS, 60)
    assert heard(scene) == []
    assert heard(scene, presence(scene)) == ["covered: other on here (pid 3) stands by"]
    assert heard(scene, presence(scene)) == []


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"unfit": "it cannot read the journal"}, "it cannot read the journal"),
        ({"at": Mono(0)}, "no node stands by"),
        ({"leads": True}, "no node stands by"),
        ({"holder": NODE}, "no node stands by"),
    ],
    ids=["unfit", "silent", "leads", "dead"],
)
def test_only_who_could_lead_stands_by(more: dict[str, object], why: str) -> None:
    scene = Scene().goes(LEADS, 20)
    scene.dead.add(NODE)
    scene.watch.finding = Finding.LED
    holder = more.pop("holder", OTHER)
    assert isinstance(holder, Holder)
    assert heard(scene, presence(scene, holder, **more)) == [f"uncovered: {why}"]


def test_where_nobody_leads_nobody_is_missed_beside() -> None:
    scene = Scene().goes(LEADS, 5).goes(DIED, 60)
    assert heard(scene) == []


def test_a_takeover_is_over_before_it_is_told() -> None:
    assert TELL_AFTER_NS < AFTER_NS
    scene = Scene().goes(LEADS, 5).goes(STANDS_STILL, 3.2).goes(FOLLOWED, 5)
    assert scene.told == []
