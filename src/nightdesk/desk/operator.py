"""What an operator may order. Every command is idempotent and lands in the journal."""

from collections.abc import Callable

from nightdesk.desk import (
    accounts,
    contracts,
    degrade,
    emergency,
    flatten,
    losses,
    protect,
    spooled,
    watch,
)
from nightdesk.desk.events import CancelAll, Flatten, Pause, Resume, Revive, SetLimit
from nightdesk.desk.limiting import holds
from nightdesk.desk.placing import cancel
from nightdesk.desk.set_limits import changes, in_config, review
from nightdesk.desk.work import Work
from nightdesk.model.errors import BadInput
from nightdesk.model.ids import StrategyId
from nightdesk.model.mode import Mode
from nightdesk.model.order import Origin
from nightdesk.model.records import LimitSet
from nightdesk.modes.ladder import DESK
from nightdesk.orders.book import Order

# Raised by the desk or by a command, lifted only by a person who has looked.
PERSONAL = frozenset(
    {
        *(
            "operator",
            "flatten",
            "crash",
            "surprise",
            "vanished",
            "reconcile",
            "auth",
            "lost_journal",
            spooled.CAUSE,
            emergency.CAUSE,
        ),
        losses.CAUSE,
        contracts.FORCED,
    }
)


def command(work: Work, event: Pause | Resume | CancelAll | Flatten | SetLimit) -> None:
    """Do what a person said."""
    match event:
        case Pause(reason=reason, by=by, keep=keep):
            work.set_mode(DESK, "operator", Mode.REDUCE_ONLY, by=by, why=reason)
            if not keep:
                exits = degrade.exits(work.state)
                _cancel(work, "paused", lambda order: order.intent.client_id not in exits)
        case Resume():
            _resume(work, event)
        case CancelAll(protective=False):
            _cancel(work, event.by, lambda _: True)
        case CancelAll():
            protect.drop(work)
            _cancel(work, event.by, lambda _: True, protective=True)
        case Flatten():
            flatten.start(work, event)
        case SetLimit():
            _set_limit(work, event)


def _set_limit(work: Work, event: SetLimit) -> None:
    try:
        asked = changes(work.settings, work.state.limits_set, event)
    except BadInput as error:
        work.note("warning", "limit.refused", limit=event.limit, by=event.by, why=error)
        return
    for change in asked:
        _set(work, change)


def review_limits(work: Work) -> None:
    """At a start: which limits are not the config file's, and which of the two holds."""
    for change in review(work.settings, work.state.limits_set):
        _set(work, change)
    for was, file in in_config(work.settings, work.state.limits_set):
        work.note(
            "warning",
            "limit.holds",
            scope=was.scope,
            limit=was.limit,
            value=holds(was, file),
            file=file,
            by=was.by,
            why=was.why,
        )


def _set(work: Work, change: LimitSet) -> None:
    work.record(change)
    work.note(
        "warning",
        "limit.set",
        scope=change.scope,
        limit=change.limit,
        value=change.value,
        file=change.file,
        by=change.by,
        why=change.why,
    )


def _resume(work: Work, event: Resume) -> None:
    # What is in a spool that cannot be read would be adopted, and counted again once it is.
    unread = work.state.ladder.holds(DESK, spooled.CAUSE)
    adopted = set() if unread else accounts.adopt(work)
    watch.let_go(work, event.by, event.reason)
    for scope, name, _ in work.state.ladder.told():
        if name == "reconcile" and scope not in adopted:
            why = "the difference is not confirmed yet: look again in a moment"
            if unread:
                why = "what the spool holds may be why: resume again once it was read, or given up"
            work.note("warning", "resume.not_all", cause=name, why=why)
        elif name == losses.CAUSE and not losses.forgive(work, scope):
            why = (
                "what is held has no price, so what was lost cannot be told: look again in a moment"
            )
            work.note("warning", "resume.not_all", cause=name, why=why)
        elif name in PERSONAL:
            work.set_mode(scope, name, Mode.NORMAL, by=event.by, why=event.reason)
            if name == "crash":
                strategy = StrategyId(scope.partition("/")[2])
                work.decision.at_once.append(Revive(strategy=strategy))


def _cancel(
    work: Work, why: str, wanted: Callable[[Order], bool], *, protective: bool = False
) -> None:
    for order in list(work.state.orders.live.values()):
        protects = order.intent.origin is Origin.PROTECT
        if wanted(order) and (protective or not protects):
            cancel(work, order, why=why)
