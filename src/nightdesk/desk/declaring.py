"""Targets as strategies declare them: checked, made whole slices, journaled. Going there is `targets`'."""

import msgspec

from nightdesk.desk.target import TargetState
from nightdesk.desk.views import Trying
from nightdesk.desk.work import Work
from nightdesk.model import money
from nightdesk.model.ids import StrategyId
from nightdesk.model.records import TargetSet
from nightdesk.strategy.messages import Slices, Target


def declare(work: Work, strategy: StrategyId, target: Target) -> None:
    """A strategy declares a target: journaled unless it cannot be one, or is one whose slices are under way."""
    instrument, qty, slices = target.instrument, target.qty, target.slices
    why = ""
    if instrument not in work.settings.strategies[strategy].instruments:
        why = f"{instrument} is not its own"
    elif qty is not None and not money.is_amount(qty):
        why = f"{qty!r} is no amount"
    elif slices is not None and not _sliceable(slices):
        why = f"{slices!r} are no slices"
    if why:
        work.note("warning", "target.refused", strategy=strategy, why=why)
        return
    wanted = _target_set(work, strategy, target)
    key = (strategy, instrument)
    have = work.state.targets.get(key)
    if wanted.slice_qty is not None and _goes_on(have, wanted):
        return  # declared again it is the same one: its slices go on
    work.record(wanted)
    if have is None or have.suspended or (wanted.qty, wanted.urgency) != (have.qty, have.urgency):
        work.views.not_before.pop(key, None)
        work.views.attempts.pop((key, Trying.TARGET), None)
    work.views.retry_from[key] = work.mono


def _sliceable(slices: Slices) -> bool:
    """Whether slices from outside this process can be told apart at all."""
    sized = money.is_amount(slices.qty) and slices.qty is not None and slices.qty > 0
    return slices.every_ns > 0 and (sized if slices.count == 0 else slices.count > 0)


def _target_set(work: Work, strategy: StrategyId, target: Target) -> TargetSet:
    """The target as it is journaled: slices by their size, from where the strategy is now."""
    wanted = None if target.qty is None else money.canonical(target.qty)
    slices = target.slices
    plain = TargetSet(
        strategy=strategy, instrument=target.instrument, qty=wanted, urgency=target.urgency
    )
    if wanted is None or slices is None:
        return plain
    held = work.state.position(strategy, target.instrument).qty
    lot = work.settings.instruments[target.instrument].lot
    size = slices.qty
    if size is None:
        gap = money.magnitude(money.subtract(wanted, held))
        size = money.ceil_part(gap, slices.count, lot)
    return msgspec.structs.replace(
        plain,
        slice_qty=money.canonical(max(money.ceil_to(size, lot), lot)),
        slice_every_ns=slices.every_ns,
        slice_count=slices.count,
        ramp_from=money.canonical(held),
    )


def _goes_on(have: TargetState | None, wanted: TargetSet) -> bool:
    """Whether a sliced target is the one that is being followed."""
    if have is None or have.suspended or have.slice_qty is None:
        return False
    said = (wanted.qty, wanted.urgency, wanted.slice_every_ns, wanted.slice_count)
    same = said == (have.qty, have.urgency, have.slice_every_ns, have.slice_count)
    return same and (wanted.slice_count > 0 or wanted.slice_qty == have.slice_qty)
