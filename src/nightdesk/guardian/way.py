"""Where to get out of what: as a person would have typed it for the emergency tool, with the keys of the
guardian.
"""

from pathlib import Path

import msgspec

from nightdesk.config.schema import Config
from nightdesk.emergency.decide import Task, Verb
from nightdesk.emergency.options import asked_of, parser, task_of
from nightdesk.emergency.settings import Desk, Place, settings_of

VERBS = {"cancel": Verb.CANCEL_ALL, "flatten": Verb.FLATTEN}


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """What to do at each place, and the desk's own side."""

    desk: Desk
    places: tuple[tuple[Place, Task], ...]


def way_out(config: Config, path: Path) -> Way:
    """As the file at `path` says now; raises `BadInput` for what keeps anybody from getting out."""
    verb = VERBS[config.guardian.policy]
    desk, found = None, []
    for name, account in config.guardian.account.items():
        where = [f"--config={path}", f"--venue={name}"]
        key = [f"--key={account.key}", f"--secret={account.secret}"]
        typed = parser().parse_args([verb, *where, *key])
        settings = settings_of(asked_of(typed))
        desk = settings.desk
        found += [(place, task_of(typed, settings, place)) for place in settings.places]
    assert desk is not None, "a config that was read names a key for every venue"
    return Way(desk=desk, places=tuple(found))
