"""A lab over real sockets, an account on it used by hand, and the tool run beside it."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from lab import perps
from lab.markets import ScriptedMarket
from lab.running import BALANCES, KEY, SECRET, running_lab
from nightdesk.emergency.__main__ import main
from nightdesk.lab.settings import AccountSettings, LabSettings, default_symbol
from nightdesk.model.ids import ClientOrderId, Epoch, OrderKey, Seq, desk_code, encode_order_id

DESK = "night"
TOUCH = ("99.9", "100.1")
ACCOUNT = AccountSettings(
    name="desk", api_key=KEY, secret=SECRET, balances=BALANCES, usdm=perps.ACCOUNT.usdm
)
SETTINGS = LabSettings(
    accounts=(ACCOUNT,), symbols=(default_symbol("BTCUSDT"),), usdm=perps.SETTINGS.usdm
)
CONFIG = """\
[desk]
name = "{name}"
journal = "desk.journal"
order_ttl_ms = 100
what_is_this = 1

[limits]
nonsense = true

[venue.spot]
kind = "binance-spot"
rest = "{url}"
read_lag_ms = 100
unknown_to_all = 3

[venue.spot.account]
key = "file:key"
secret = "file:secret"

[venue.usdm]
kind = "binance-usdm"
rest = "{url}"
read_lag_ms = 100

[venue.usdm.account]
key = "file:key"
secret = "file:secret"

[[instrument]]
id = "spot:BTCUSDT"

[[instrument]]
id = "usdm:BTCUSDT"

[[strategy]]
class = 7

[baseline]
BTC = "10"
"""


class Ran(NamedTuple):
    """How the tool ended."""

    code: int
    out: str
    talk: str

    @property
    def told(self) -> Any:
        """What it told a program."""
        return json.loads(self.out)


class Hand:
    """Whoever else uses the account."""

    def __init__(self, url: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.url, self.folder = url, folder
        self._capsys = capsys
        self._orders = 0

    async def call(self, method: str, path: str, **params: object) -> Any:
        """A signed request that the venue takes."""
        return await asyncio.to_thread(self._call, method, path, params)

    def _call(self, method: str, path: str, params: dict[str, object]) -> Any:
        now = self._get("/api/v3/time")["serverTime"]
        query = urlencode({**params, "timestamp": now, "recvWindow": 60_000})
        signature = hmac.new(SECRET.encode(), query.encode(), hashlib.sha256).hexdigest()
        asked = Request(
            f"{self.url}{path}?{query}&signature={signature}",
            method=method,
            headers={"X-MBX-APIKEY": KEY},
        )
        try:
            with urlopen(asked, timeout=10) as answer:
                return json.load(answer)
        except HTTPError as error:
            raise AssertionError(f"{method} {path} {params}: {error.read()!r}") from error

    def _get(self, path: str) -> Any:
        with urlopen(f"{self.url}{path}", timeout=10) as answer:
            return json.load(answer)

    async def fault(self, **spec: object) -> None:
        """Let the venue fail."""
        body = json.dumps(spec).encode()
        asked = Request(f"{self.url}/lab/faults", data=body, method="POST")
        await asyncio.to_thread(lambda: urlopen(asked, timeout=10).close())

    def desk_id(self) -> ClientOrderId:
        """An id as the desk would draw it."""
        self._orders += 1
        return encode_order_id(
            OrderKey(
                desk=desk_code(DESK), nonce=7, epoch=Epoch(1), seq=Seq(self._orders), attempt=0
            )
        )

    async def spot(self, **more: object) -> Any:
        """An order of the desk's on spot; it rests, unless told otherwise."""
        plain = {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": "0.5",
            "price": "95",
            "newClientOrderId": self.desk_id(),
        }
        return await self.call("POST", "/api/v3/order", **_but_none(plain | more))

    async def perp(self, **more: object) -> Any:
        """The same of a contract."""
        plain = {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": "0.5",
            "price": "90",
            "newClientOrderId": self.desk_id(),
        }
        return await self.call("POST", "/fapi/v1/order", **_but_none(plain | more))

    async def bought(self, qty: str) -> None:
        """The desk holds some on spot."""
        at_market = {"type": "MARKET", "timeInForce": None, "price": None}
        await self.spot(quantity=qty, **at_market)

    async def held(self, side: str, qty: str) -> None:
        """The desk holds a position."""
        at_market = {"type": "MARKET", "timeInForce": None, "price": None}
        await self.perp(side=side, quantity=qty, **at_market)

    async def stop(self, **more: object) -> Any:
        """A protective order of a contract."""
        plain = {
            "algoType": "CONDITIONAL",
            "symbol": "BTCUSDT",
            "side": "SELL",
            "type": "STOP_MARKET",
            "quantity": "1",
            "triggerPrice": "80",
            "reduceOnly": "true",
            "clientAlgoId": self.desk_id(),
        }
        return await self.call("POST", "/fapi/v1/algoOrder", **_but_none(plain | more))

    async def balance(self, asset: str) -> tuple[str, str]:
        """Free and locked on spot."""
        told = await self.call("GET", "/api/v3/account")
        return next((b["free"], b["locked"]) for b in told["balances"] if b["asset"] == asset)

    async def positions(self) -> dict[str, str]:
        """What is held of contracts."""
        told = await self.call("GET", "/fapi/v3/account")
        return {p["symbol"]: p["positionAmt"] for p in told["positions"] if float(p["positionAmt"])}

    async def orders(self, path: str) -> list[Any]:
        """Every order there ever was of a market."""
        told: list[Any] = await self.call("GET", path, symbol="BTCUSDT")
        return told

    async def open_ids(self) -> set[str]:
        """Every open order's id, in all three books."""
        spot = await self.call("GET", "/api/v3/openOrders")
        usual = await self.call("GET", "/fapi/v1/openOrders")
        waiting = await self.call("GET", "/fapi/v1/openAlgoOrders")
        return {o["clientOrderId"] for o in [*spot, *usual]} | {o["clientAlgoId"] for o in waiting}

    async def run(self, *typed: str, config: bool = True) -> Ran:
        """The tool, in a thread of its own."""
        named = ["--config", str(self.folder / "desk.toml")] if config else []
        code = await asyncio.to_thread(main, [typed[0], *named, *typed[1:]])
        told = self._capsys.readouterr()
        return Ran(code, told.out, told.err)


def _but_none(params: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in params.items() if value is not None}


def by_hand(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    body: Callable[[Hand], Awaitable[None]],
    settings: LabSettings = SETTINGS,
) -> None:
    """Run `body` beside a lab of both markets, with a config there whose other parts are broken."""

    async def whole() -> None:
        spot = ScriptedMarket([perps.opening()], beating=True, best=TOUCH)
        contracts = ScriptedMarket([perps.opening()], beating=True, best=TOUCH)
        async with running_lab(spot, settings, contracts) as url:
            (folder / "desk.toml").write_text(CONFIG.format(url=url, name=DESK))
            for name, text in (("key", KEY), ("secret", SECRET)):
                path = folder / name
                path.touch(mode=0o600)
                path.write_text(text)
            await body(Hand(url, folder, capsys))

    asyncio.run(whole())
