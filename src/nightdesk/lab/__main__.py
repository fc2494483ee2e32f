"""Run a lab by itself: `python -m nightdesk.lab`.

Owns the command line and the process. Standard output carries one JSON line with the URL;
talk goes to standard error.
"""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal, InvalidOperation

from nightdesk.lab.launch import LaunchOptions, LaunchRefused, serve_from_options


def _rate(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"not a number: {text!r}") from None


def parse(argv: Sequence[str]) -> LaunchOptions:
    """Options from a command line."""
    parser = argparse.ArgumentParser(
        prog="python -m nightdesk.lab",
        description="A practice exchange that speaks Binance SPOT's protocol.",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument(
        "--replay", action="append", default=[], metavar="FILE", help="recorded data; repeatable"
    )
    parser.add_argument("--speed", type=float, default=1.0, help="times the recorded pace")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--accounts", metavar="FILE", help="accounts in TOML")
    parser.add_argument("--maker-fee", type=_rate, default=Decimal("0.001"))
    parser.add_argument("--taker-fee", type=_rate, default=Decimal("0.001"))
    given = parser.parse_args(argv)
    return LaunchOptions(
        host=given.host,
        port=given.port,
        replay=given.replay,
        speed=given.speed,
        seed=given.seed,
        accounts_file=given.accounts,
        maker_fee=given.maker_fee,
        taker_fee=given.taker_fee,
    )


async def _run(options: LaunchOptions) -> None:
    me = asyncio.current_task()
    assert me is not None
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, me.cancel)
    with suppress(asyncio.CancelledError):
        await serve_from_options(options, _announce)


def _announce(url: str) -> None:
    sys.stdout.write(json.dumps({"url": url}) + "\n")
    sys.stdout.flush()


def main(argv: Sequence[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; 2 when the options do not make a lab."""
    options = parse(sys.argv[1:] if argv is None else argv)
    try:
        asyncio.run(_run(options))
    except LaunchRefused as e:
        for problem in e.problems:
            sys.stderr.write(f"lab: {problem}\n")
        return 2
    except OSError as e:
        sys.stderr.write(
            f"lab: cannot listen on {options.host}:{options.port}: {e.strerror or e}; "
            "choose another --port, 0 takes a free one\n"
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
