"""`python -m nightdesk.emergency status|pause|cancel-all|flatten`: out by hand, with the desk dead.

Data goes to standard output, talk to standard error. It ends with the codes of every command of the product: 0
it is done, 1 not all of it, 2 what was typed says too little, 3 a config or secret cannot be read, 4 not
confirmed, 5 the venue refuses the key, 6 a venue did not answer, 130 interrupted.
"""

import argparse
import sys
from collections.abc import Sequence

from nightdesk.control.latch import Latch
from nightdesk.control.messages import ExitCode, Reply, Request
from nightdesk.emergency import desk, telling
from nightdesk.emergency.asking import Silent, mono, said, wall
from nightdesk.emergency.decide import Verb
from nightdesk.emergency.errand import Errand, Unreachable
from nightdesk.emergency.options import BY, Confused, asked_of, parser, task_of
from nightdesk.emergency.rounds import errand_of, go_round, ids
from nightdesk.emergency.settings import Desk, Settings, desk_of, settings_of
from nightdesk.emergency.status import asking_of, status
from nightdesk.emergency.telling import Json, out, out_json, say
from nightdesk.model.errors import BadInput
from nightdesk.model.time import SECOND_NS, Mono


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    typed = parser().parse_args(argv)
    try:
        if typed.verb == Verb.PAUSE:
            return _pause(typed)
        settings = settings_of(asked_of(typed))
        for each in settings.left_out:
            say(f"not needed here: {each}")
        if typed.verb == Verb.STATUS:
            return status(typed, settings)
        return _out(typed, settings)
    except Confused as error:
        say(str(error))
        return ExitCode.USAGE
    except BadInput as error:
        say(str(error))
        return ExitCode.CONFIG
    except KeyboardInterrupt:
        say("interrupted: what was sent stands; run it again, it begins with what the venue has")
        return ExitCode.INTERRUPTED


# --- pause --------------------------------------------------------------------------------------


def _pause(typed: argparse.Namespace) -> int:
    if typed.config is None:
        raise Confused("which desk? name its config: --config FILE")
    of, _, left_out = desk_of(typed.config)
    for each in left_out:
        say(f"not needed here: {each}")
    told = _told_desk(of, typed.reason or "paused by hand")
    latched = "" if told["paused"] else _latched(of, typed.reason or "paused by hand", halted=False)
    if typed.json:
        out_json({**told, "latch": latched})
    elif told["paused"]:
        out(f"paused: {told['said']}")
    else:
        out(
            f"a latch lies at {latched}: the next start of this desk is paused until somebody resumes"
        )
    return ExitCode.OK


def _told_desk(of: Desk, reason: str) -> Json:
    """Ask a running desk to pause, if there is one."""
    if of.control is None:
        return {"paused": False, "said": "no config says where the desk listens"}
    answer = desk.ask(of.control, Request(verb="pause", by=BY, reason=reason))
    said_so = answer if isinstance(answer, str) else answer.text
    paused = isinstance(answer, Reply) and answer.ok
    say(f"the desk: {said_so}")
    return {"paused": paused, "said": said_so}


def _latched(of: Desk, reason: str, *, halted: bool) -> str:
    """Leave a latch for the next start; where it lies. Raises `BadInput`."""
    if of.latch is None:
        raise BadInput(
            "no config says where the journal lies, so no latch can be left: do not start that desk"
        )
    desk.leave(of.latch, Latch(by=BY, why=reason, at=wall(), halted=halted))
    return str(of.latch)


# --- cancel-all and flatten ---------------------------------------------------------------------


def _out(typed: argparse.Namespace, settings: Settings) -> int:
    new_id = ids()
    errands = [
        errand_of(place, asking_of(place), task_of(typed, settings, place), new_id, say)
        for place in settings.places
    ]
    _preview(typed, settings, errands)
    if typed.dry_run:
        return ExitCode.OK
    if not typed.yes and not _confirmed(typed.verb):
        say("nothing was done")
        return ExitCode.REFUSED
    _stop_desk(typed, settings.desk)
    try:
        _rounds(errands, typed.within)
    finally:
        _told(typed, errands)
    return _code(errands)


def _preview(typed: argparse.Namespace, settings: Settings, errands: Sequence[Errand]) -> None:
    for place, errand in zip(settings.places, errands, strict=True):
        asset = ", ".join(errand.task.symbols) or "the whole account"
        lines = [f"{typed.verb} at {place.name} ({place.kind}, {place.hosts[0]}): {asset}"]
        try:
            lines += [f"  {line}" for line in telling.plan_lines(errand.look())]
        except Unreachable as error:
            lines.append(f"  nothing can be done there: {error}")
        except Silent as silent:
            lines.append(
                f"  it does not answer now: {said(silent.outcome)}; it will be asked until it does"
            )
        (out if typed.dry_run and not typed.json else say)("\n".join(lines))
    if typed.dry_run and typed.json:
        out_json({"venues": [telling.errand_json(errand) for errand in errands]})


def _confirmed(verb: str) -> bool:
    if not sys.stdin.isatty():
        say(f"nobody is there to confirm it: give --yes to {verb} without being asked")
        return False
    sys.stderr.write(f"type {verb} to do it: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() == verb


def _stop_desk(typed: argparse.Namespace, of: Desk) -> None:
    """No desk may open anew what is closed here: one that answers is paused, its next start is halted."""
    reason = typed.reason or f"{typed.verb} by {BY}"
    halted = typed.verb == Verb.FLATTEN
    if _told_desk(of, reason)["paused"] and not halted:
        return
    try:
        lies = _latched(of, reason, halted=halted)
        say(f"a latch lies at {lies}: its next start is {'halted' if halted else 'paused'}")
    except BadInput as error:
        say(f"{error}. Going on: a desk that sees our orders halts")


def _rounds(errands: Sequence[Errand], within_s: float) -> None:
    until = Mono(mono() + int(within_s * SECOND_NS)) if within_s > 0 else None
    if not go_round(errands, until):
        say(f"not done within {within_s:g} s: run it again, it begins with what the venue has")


def _told(typed: argparse.Namespace, errands: Sequence[Errand]) -> None:
    if typed.json:
        out_json({"venues": [telling.errand_json(errand) for errand in errands]})
        return
    for errand in errands:
        out("\n".join(telling.errand_lines(errand)))


def _code(errands: Sequence[Errand]) -> int:
    if any(errand.key_refused for errand in errands):
        return ExitCode.AUTH
    if all(errand.done and not errand.unlisted for errand in errands):
        return ExitCode.OK
    if any(errand.standing is None and not errand.failed for errand in errands):
        return ExitCode.UNKNOWN
    return ExitCode.FAILED


if __name__ == "__main__":
    sys.exit(main())
