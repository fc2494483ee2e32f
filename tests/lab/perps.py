"""Drives a lab's USD-M venue without sockets."""

from decimal import Decimal
from typing import Any

from lab.driver import MS, Answer, Driver
from lab.markets import ScriptedMarket, quote, snapshot, stamped
from lab.running import KEY, SECRET
from nightdesk.lab.market import DepthSnapshot, MarketEvent
from nightdesk.lab.settings import AccountSettings, LabSettings, default_symbol
from nightdesk.lab.usdm.accounts import PerpAccount
from nightdesk.lab.usdm.settings import PerpSettings, UsdmSettings

D = Decimal
# A contract with round numbers: prices around 100, whole brackets.
RULES = PerpSettings(
    symbol="BTCUSDT",
    base="BTC",
    tick=D("0.1"),
    price_min=D("0.1"),
    price_max=D(100_000),
    notional_min=D(5),
)
ACCOUNT = AccountSettings(
    name="desk",
    api_key=KEY,
    secret=SECRET,
    balances={"USDT": D(1_000)},
    usdm={"USDT": D(1_000)},
)
SETTINGS = LabSettings(
    accounts=(ACCOUNT,),
    symbols=(default_symbol("BTCUSDT"),),
    usdm=UsdmSettings(symbols=(RULES,), maker_fee=D("0.0002"), taker_fee=D("0.0005")),
)
ORDER = "/fapi/v1/order"
BIDS = (("99.9", "10"), ("99.5", "20"), ("99.0", "30"))
ASKS = (("100.1", "10"), ("100.5", "20"), ("101.0", "30"))


def opening() -> DepthSnapshot:
    return snapshot(BIDS, ASKS)


class Perps(Driver):
    """A lab whose USD-M book stands at 99.9 to 100.1 with a mark of 100."""

    def __init__(self, settings: LabSettings = SETTINGS, **more: Any) -> None:
        market = more.pop("perp_market", None) or ScriptedMarket([opening()])
        super().__init__(settings=settings, perp_market=market, **more)
        self._update_id = 1_000

    @property
    def desk(self) -> PerpAccount:
        assert self.lab.usdm is not None
        return self.lab.usdm.exchange.accounts["desk"]

    def happen(self, *events: MarketEvent) -> None:
        """Let the perpetual market do something now."""
        assert self.lab.usdm is not None
        for event in events:
            self.lab.usdm._on_market(stamped(event, self.now_ns))
        self.pass_time(0)

    def move(self, bid: str, ask: str, quantity: str = "50") -> None:
        """Put the touch somewhere else and let the mark follow it."""
        self._update_id += 1
        self.happen(quote(self._update_id, (bid, quantity), (ask, quantity)))
        self.pass_time(3_100 * MS)

    def order_of(self, **more: Any) -> dict[str, Any]:
        params = {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "price": "99",
            "quantity": "1",
        } | more
        return {name: value for name, value in params.items() if value is not None}

    def place(self, **more: Any) -> Answer:
        """A limit buy below the market, unless `more` says otherwise. None drops a parameter."""
        return self.call("POST", ORDER, self.order_of(**more))

    def market_order(self, side: str, quantity: str, **more: Any) -> Answer:
        return self.place(
            side=side, type="MARKET", timeInForce=None, price=None, quantity=quantity, **more
        )

    def listen(self) -> int:
        """A websocket that hears of the account."""
        answer = self.answer(self.raw("POST", "/fapi/v1/listenKey", headers={"x-mbx-apikey": KEY}))
        assert answer is not None
        return self.open(f"/private/ws/{answer.json['listenKey']}")

    def events(self, conn: int, kind: str) -> list[Any]:
        return [event for event in self.heard(conn) if event.get("e") == kind]

    def position(self) -> Any:
        return self.call("GET", "/fapi/v2/positionRisk", {"symbol": "BTCUSDT"}).json[0]

    def wallet(self) -> Decimal:
        return self.desk.holdings.balances["USDT"]
