"""A lab over real sockets inside the test's own loop, and the account tests use."""

import asyncio
import importlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from types import ModuleType

import pytest

from nightdesk.lab.market import Market
from nightdesk.lab.server import serve
from nightdesk.lab.settings import AccountSettings, LabSettings, default_symbol

KEY = "k" * 64
SECRET = "s" * 64
BALANCES = {"BTC": Decimal(10), "USDT": Decimal(100_000)}
ACCOUNT = AccountSettings(name="desk", api_key=KEY, secret=SECRET, balances=BALANCES)
SETTINGS = LabSettings(accounts=(ACCOUNT,), symbols=(default_symbol("BTCUSDT"),))
TEST_S = 60.0


def stranger(module: str) -> ModuleType:
    """Someone else's client: missing, it fails on CI and skips elsewhere."""
    try:
        return importlib.import_module(module)
    except ImportError:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"{module} is not installed")


@asynccontextmanager
async def running_lab(
    market: Market, settings: LabSettings = SETTINGS, perp_market: Market | None = None
) -> AsyncIterator[str]:
    """The URL of a lab that lives as long as the block."""
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with asyncio.timeout(TEST_S), asyncio.TaskGroup() as group:
        task = group.create_task(
            serve(settings, market, perp_market=perp_market, ready=url.set_result)
        )
        try:
            yield await url
        finally:
            task.cancel()
