"""Run a lab by itself: `python -m nightdesk.lab`.

Owns the command line and the process. Standard output carries one JSON line with the URL;
talk goes to standard error.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal, InvalidOperation

from nightdesk.lab.launch import LaunchOptions, LaunchRefused, LiveVenue, serve_from_options
from nightdesk.lab.live_feed import VenueAway

# A desk whose parent died cancels what is open here before it ends; it gives up after ten seconds.
ALONE_S = 15.0


def _rate(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"not a number: {text!r}") from None


def parse(argv: Sequence[str]) -> tuple[bool, LaunchOptions]:
    """Whether to end with the parent, and the options, from a command line."""
    parser = argparse.ArgumentParser(
        prog="python -m nightdesk.lab",
        description="A practice exchange that speaks Binance's protocols: SPOT and USD-M.",
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
    parser.add_argument(
        "--with-parent", action="store_true", help="end when standard input is closed"
    )
    parser.add_argument("--usdm", action="store_true", help="USD-M perpetuals beside spot")
    parser.add_argument(
        "--usdm-replay",
        action="append",
        default=[],
        metavar="FILE",
        help="recorded perpetuals; repeatable",
    )
    for of, which in (("", "a venue"), ("usdm-", "a USD-M venue")):
        parser.add_argument(f"--{of}live-rest", metavar="URL", help=f"{which} whose rules to take")
        parser.add_argument(f"--{of}live-stream", metavar="URL", help="its streams: the market")
        parser.add_argument(f"--{of}symbol", action="append", default=[], help="of it; repeatable")
    given = parser.parse_args(argv)
    return given.with_parent, LaunchOptions(
        live=_live(parser, given, ""),
        usdm_live=_live(parser, given, "usdm-"),
        host=given.host,
        port=given.port,
        replay=given.replay,
        speed=given.speed,
        seed=given.seed,
        accounts_file=given.accounts,
        maker_fee=given.maker_fee,
        taker_fee=given.taker_fee,
        usdm=given.usdm,
        usdm_replay=given.usdm_replay,
    )


def _live(parser: argparse.ArgumentParser, given: argparse.Namespace, of: str) -> LiveVenue | None:
    """The venue of the options `--{of}live-rest` and so on; None where none of them was given."""
    names = [f"{of}live-rest", f"{of}live-stream", f"{of}symbol"]
    rest, stream, symbols = (getattr(given, name.replace("-", "_")) for name in names)
    if not (rest or stream or symbols):
        return None
    if not (rest and stream and symbols):
        parser.error(f"a live market needs --{', --'.join(names[:2])} and --{names[2]}")
    return LiveVenue(rest=rest, stream=stream, symbols=symbols)


async def _run(options: LaunchOptions, *, with_parent: bool) -> None:
    me = asyncio.current_task()
    assert me is not None
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, me.cancel)
    if with_parent:
        _end_with_parent(loop, me)
    with suppress(asyncio.CancelledError):
        await serve_from_options(options, _announce)


def _end_with_parent(loop: asyncio.AbstractEventLoop, me: asyncio.Task[None]) -> None:
    """The parent holds our standard input open; however it dies, the kernel closes it."""

    def spoke() -> None:
        if not os.read(0, 4096):
            loop.remove_reader(0)
            loop.call_later(ALONE_S, me.cancel)

    os.set_blocking(0, False)
    loop.add_reader(0, spoke)


def _announce(url: str) -> None:
    sys.stdout.write(json.dumps({"url": url}) + "\n")
    sys.stdout.flush()


def main(argv: Sequence[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; 2 when the options do not make a lab."""
    with_parent, options = parse(sys.argv[1:] if argv is None else argv)
    try:
        asyncio.run(_run(options, with_parent=with_parent))
    except LaunchRefused as e:
        for problem in e.problems:
            sys.stderr.write(f"lab: {problem}\n")
        return 2
    except VenueAway as e:
        sys.stderr.write(f"lab: {e}; look at the network, then start again\n")
        return 1
    except OSError as e:
        sys.stderr.write(
            f"lab: cannot listen on {options.host}:{options.port}: {e.strerror or e}; "
            "choose another --port, 0 takes a free one\n"
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
