"""Errors a person can mend, as one sentence and a stable exit code."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from nightdesk.control.messages import ExitCode
from nightdesk.model.errors import BadInput, CorruptionError, LeaseHeld, NightdeskError
from nightdesk.node.refused import MayWithdraw, NodeAlone, NoStrategyFile, NotListed, NotNamed


def told(command: Callable[[], object]) -> int:
    """Run a command; returns its exit code."""
    try:
        command()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except TimeoutError:
        sys.stderr.write("nightdesk: no answer in time; what was asked may have happened\n")
        return ExitCode.UNKNOWN
    except BrokenPipeError:
        return ExitCode.OK  # the reader of our output has seen enough
    except NightdeskError as error:
        sys.stderr.write(f"nightdesk: {worded(error)}\n")
        return _code(error)
    return ExitCode.OK


def worded(error: NightdeskError) -> str:
    """What happened, and what to type or edit next where only a command line can say it."""
    after = _next(error)
    return f"{error}; {after}" if after else str(error)


def _next(error: NightdeskError) -> str:
    match error:
        case NodeAlone():
            return "nightdesk up --config FILE starts both"
        case NoStrategyFile(path=path):
            return f"write it, or have it written: {_making(Path(path))}"
        case NotListed(listed=listed) if listed:
            return "or play a recording that has it: nightdesk replay FILE, of contracts --usdm-replay FILE"
        case MayWithdraw() | NotNamed():
            return "what the venue tells of the key: nightdesk doctor --config FILE"
        case _:
            return ""


def _making(path: Path) -> str:
    folder = [] if path.parent == Path() else ["--folder", str(path.parent)]
    return shlex.join(["nightdesk", "new", "strategy", path.stem, *folder])


def _code(error: NightdeskError) -> int:
    match error:
        case LeaseHeld():
            return ExitCode.REFUSED
        case BadInput():
            return ExitCode.CONFIG
        case CorruptionError():
            return ExitCode.FAILED
        case _:
            return ExitCode.FAILED
