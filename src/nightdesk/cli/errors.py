"""Errors a person can mend, as one sentence and a stable exit code."""

import sys
from collections.abc import Callable

from nightdesk.control.messages import ExitCode
from nightdesk.model.errors import BadInput, CorruptionError, LeaseHeld, NightdeskError


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
        sys.stderr.write(f"nightdesk: {error}\n")
        return _code(error)
    return ExitCode.OK


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
