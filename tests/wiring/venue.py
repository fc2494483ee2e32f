"""A lab in a process of its own, which stands for a venue, and the config of a desk there."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from string import Template
from typing import Any
from urllib.request import Request, urlopen

from nightdesk.node.practice import accounts_text, practice_text, write_keys, write_private

PERPS = """
[venue.usdm]
kind = "binance-usdm"
rest = "$url"
stream = "$ws"
private = "$ws"

[venue.usdm.account]
key = "file:key"
secret = "file:secret"

"""
PERP = """
[[instrument]]
id = "usdm:BTCUSDT"
leverage = 5
margin = "isolated"

[paper.wallets]
USDT = "54321"

"""


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


def perps_toml(folder: Path, url: str, *, spot: bool) -> Path:
    """The practice strategies on a perpetual at `url`, beside spot or without it."""
    config = desk_toml(folder, url)
    head, limits, rest = config.read_text().partition("[limits]")
    perps = Template(PERPS).substitute(url=url, ws=url.replace("http", "ws"))
    listed = '["binance:BTCUSDT", "usdm:BTCUSDT"]' if spot else '["usdm:BTCUSDT"]'
    rest = rest.replace('["binance:BTCUSDT"]', listed)
    rest = rest.replace("\n[[strategy]]", f"{PERP}\n[[strategy]]", 1)
    if not spot:
        head = head.partition("[venue.binance]")[0]
        rest = rest.replace('\n[[instrument]]\nid = "binance:BTCUSDT"\n', "")
    config.write_text(head + perps + limits + rest)
    return config


def get(url: str, path: str) -> Any:
    with urlopen(f"{url}{path}", timeout=10) as got:
        return json.load(got)


def post_fault(url: str, **spec: Any) -> None:
    body = json.dumps(spec).encode()
    with urlopen(Request(f"{url}/lab/faults", data=body, method="POST"), timeout=10):
        pass
