"""Which boards a desk's processes share: one for each address that weighs requests, one for each account."""

import re
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from urllib.parse import urlsplit

from nightdesk.adapters.boards import FileBoard, boards_under
from nightdesk.config.presets import place_of
from nightdesk.config.schema import Config
from nightdesk.config.secrets import read_secret
from nightdesk.config.venue import Venue
from nightdesk.node.compose import journal_path
from nightdesk.ports.boards import Allowance
from nightdesk.resilience.board import Rows
from nightdesk.resilience.budget import Limit
from nightdesk.runtime.sharing import columns_of

_HERE = ("127.0.0.1", "localhost", "::1")  # each exchange of one's own has accounts of its own


def boards_path(config: Config, base: Path) -> Path:
    """The directory of the boards."""
    named = None if config.desk.boards is None else base / config.desk.boards
    return boards_under(named, journal_path(config, base).parent)


def allowance_of(
    venue: Venue, limits: Sequence[Limit], folder: Path, base: Path, boot: str
) -> Allowance:
    """What of a venue's limits is this process's, and the boards that it shares; nothing is opened yet. No key
    is written anywhere, only what it hashes to."""
    kind = "contracts" if venue.contracts else "spot"
    where = _where(venue.addresses.rest)
    account = None
    if venue.account is not None:
        key = read_secret(venue.account.key, base)
        if urlsplit(venue.addresses.rest).hostname in _HERE:
            key = f"{key} at {where}"
        digest = blake2b(key.encode(), digest_size=8, person=b"nightdesk board").hexdigest()
        account = _board(f"account-{kind}-{digest}", limits, folder, boot, account=True)
    return Allowance(
        share_percent=venue.budget.share_percent,
        alone_percent=venue.budget.alone_percent,
        address=_board(f"address-{kind}-{where}", limits, folder, boot, account=False),
        account=account,
    )


def _where(rest: str) -> str:
    """The same for all that weigh what an address sends together, however they are spelled."""
    place = place_of(rest)
    if place is not None:
        return place[1]
    parts = urlsplit(rest)
    host = parts.netloc.rpartition("@")[2].lower()
    host = host.removesuffix({"https": ":443", "http": ":80"}.get(parts.scheme, " "))
    return re.sub(r"[^a-z0-9.-]", "-", host.rstrip(".").replace("[", "").replace("]", ""))


def close_boards(allowances: Iterable[Allowance]) -> None:
    """Give the rows back."""
    for allowance in allowances:
        for board in (allowance.address, allowance.account):
            if isinstance(board, FileBoard):
                board.close()


def _board(
    name: str, limits: Sequence[Limit], folder: Path, boot: str, *, account: bool
) -> FileBoard:
    return FileBoard(folder / name, Rows(columns_of(limits, account=account)), boot)
