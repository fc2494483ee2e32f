"""A cold restart of others: what a user without a standby waits for after a kill, up to where they trade again.

Neither is among our dependencies. `NIGHTDESK_BENCH_FREQTRADE` names freqtrade's command: it runs dry on our
practice exchange, is killed with a trade open, and is started again. `NIGHTDESK_BENCH_NAUTILUS` names a Python
that has NautilusTrader: that asks for paths which the practice exchange does not play, so it is timed up to its
first connection, which is less than a restart takes. Ours is in `failover`: "both killed".
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

from bench.measure import Figure, Run, Skipped, spread

FREQTRADE, NAUTILUS = "NIGHTDESK_BENCH_FREQTRADE", "NIGHTDESK_BENCH_NAUTILUS"
SIDE = Path(__file__).with_name("cold_nautilus.py")
WITHIN_S = 60.0
TRADES = "has been fulfilled for Trade"  # of its log: the state that it is killed in
RUNS, WORKS = "Changing state to: RUNNING", "Bot heartbeat."
STRATEGY = """
from freqtrade.strategy import IStrategy


class One(IStrategy):
    timeframe = "1m"
    minimal_roi = {"0": 10}
    stoploss = -0.9
    startup_candle_count = 1

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe["exit_long"] = 0
        return dataframe
"""


def measure(run: Run) -> list[Figure]:
    """Those that are installed."""
    figures: list[Figure] = []
    with _lab() as url:
        if FREQTRADE in os.environ:
            figures += _freqtrade(run, url, os.environ[FREQTRADE])
        if NAUTILUS in os.environ:
            figures += _nautilus(run, url, os.environ[NAUTILUS])
    if not figures:
        raise Skipped(f"set {FREQTRADE} or {NAUTILUS}: they are not among our dependencies")
    return figures


def _freqtrade(run: Run, url: str, command: str) -> list[Figure]:
    folder = run.folder / "freqtrade"
    (folder / "strategies").mkdir(parents=True)
    (folder / "strategies" / "one.py").write_text(STRATEGY)
    (folder / "config.json").write_text(json.dumps(_dry(url)))
    program = [command, "trade", "-c", "config.json", "--strategy", "One", "--userdir", "."]
    program += ["--db-url", "sqlite:///trades.sqlite"]
    _until(program, folder, [TRADES])
    times = [_until(program, folder, [RUNS, WORKS]) for _ in range(run.pick(5, 2))]
    return [
        spread(f"freqtrade started again: {what}", [each[n] for each in times], unit="s", scale=1e9)
        for n, what in enumerate(("it runs", "it has looked at its trades"))
    ]


def _nautilus(run: Run, url: str, python: str) -> list[Figure]:
    command = [python, str(SIDE), url]
    times = [_until(command, run.folder, ["Connecting"])[0] for _ in range(run.pick(5, 2))]
    return [spread("NautilusTrader started: first connection", times, unit="s", scale=1e9)]


def _until(command: Sequence[str], folder: Path, lines: Sequence[str]) -> list[int]:
    """How long after its start it has logged each of these, one after the other, in ns; it is killed then."""
    began = time.perf_counter_ns()
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    found: list[int] = []
    enough = Timer(WITHIN_S, process.kill)
    enough.start()
    try:
        assert process.stdout is not None, "started with a pipe"
        for line in process.stdout:
            if lines[len(found)] in line:
                found.append(time.perf_counter_ns() - began)
            if len(found) == len(lines):
                return found
    finally:
        enough.cancel()
        process.kill()
        process.wait()
    raise Skipped(f"{command[0]} ended without {lines[len(found)]!r}")


def _dry(url: str) -> dict[str, object]:
    """Play money on our practice exchange, one pair, one trade."""
    api = dict.fromkeys(("public", "private"), f"{url}/api/v3")
    ccxt = {
        "options": {
            "fetchMarkets": {"types": ["spot"]},
            "fetchCurrencies": False,
            "fetchMargins": False,
        },
        "urls": {"api": {**api, "sapi": f"{url}/sapi/v1", "fapiPublic": f"{url}/fapi/v1"}},
    }
    pricing = {"price_side": "other", "use_order_book": True, "order_book_top": 1}
    return {
        "max_open_trades": 1,
        "stake_currency": "USDT",
        "stake_amount": 100,
        "dry_run": True,
        "dry_run_wallet": 1000,
        "trading_mode": "spot",
        "timeframe": "1m",
        "entry_pricing": pricing,
        "exit_pricing": pricing,
        "exchange": {
            "name": "binance",
            "enable_ws": False,
            "ccxt_config": ccxt,
            "ccxt_async_config": ccxt,
            "pair_whitelist": ["BTC/USDT"],
        },
        "pairlists": [{"method": "StaticPairList"}],
        "initial_state": "running",
        "internals": {"process_throttle_secs": 1},
    }


@contextmanager
def _lab() -> Iterator[str]:
    command = (sys.executable, "-m", "nightdesk.lab")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None, "started with a pipe"
        yield str(json.loads(process.stdout.readline())["url"])
    finally:
        process.terminate()
        process.wait()
