"""A lab in a process of its own, which stands for a venue, and the config of a desk there."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from nightdesk.node.practice import accounts_text, practice_text, write_keys, write_private


@contextmanager
def venue(folder: Path, *options: str, accounts: str = "") -> Iterator[str]:
    """The URL of a venue; `accounts` is added to the one account's table."""
    key, secret = write_keys(folder)
    text = accounts_text(key, secret).replace(
        "[account.balances]", f"{accounts}\n[account.balances]"
    )
    write_private(folder / "accounts.toml", text)
    command = [sys.executable, "-m", "nightdesk.lab", "--accounts", str(folder / "accounts.toml")]
    with (folder / "venue.log").open("wb") as log:
        process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=log)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (folder / "venue.log").read_text()
        yield json.loads(line)["url"]
    finally:
        process.kill()
        process.communicate()


def desk_toml(
    folder: Path, url: str, *, symbols: Sequence[str] = ("BTCUSDT",), name: str = "desk.toml"
) -> Path:
    """A config of the two example strategies at `url`."""
    path = folder / name
    path.write_text(practice_text(url, symbols))
    return path


def get(url: str, path: str) -> Any:
    with urlopen(f"{url}{path}", timeout=10) as got:
        return json.load(got)


def post_fault(url: str, **spec: Any) -> None:
    body = json.dumps(spec).encode()
    with urlopen(Request(f"{url}/lab/faults", data=body, method="POST"), timeout=10):
        pass
