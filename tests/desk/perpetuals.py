"""A bench whose desk trades a perpetual: positions in a contract, one wallet, leverage of five."""

from decimal import Decimal

import msgspec

from benches import Bench, sent, some_settings
from builders import STRATEGY, D, an_instrument
from nightdesk.desk.events import AccountTold, Decision, OrderTold
from nightdesk.desk.settings import DeskSettings
from nightdesk.model.account import Forced, ForcedFill, Margin, Terms
from nightdesk.model.ids import InstrumentId, StrategyId, VenueId
from nightdesk.model.instrument import Instrument, Kind
from nightdesk.model.order import WAITING, Execution, Intent, Side, VenueStatus
from nightdesk.model.outcome import Verdict
from nightdesk.strategy.messages import Protect

PERP = InstrumentId("usdm:BTCUSDT")
VENUE = VenueId("usdm")
WALLET = "usdm/USDT"
LEVERAGE = 5


def a_perpetual() -> Instrument:
    """BTC/USDT, held in USDT."""
    return an_instrument(id=PERP, venue=VENUE, kind=Kind.PERPETUAL, margin="USDT")


def perp_settings(strategies: tuple[str, ...] = (STRATEGY,)) -> DeskSettings:
    """One perpetual and nothing else."""
    made = some_settings(instruments=[a_perpetual()], strategies=strategies)
    terms = {PERP: Terms(leverage=LEVERAGE, margin=Margin.CROSS)}
    return msgspec.structs.replace(made, terms=terms)


class PerpBench(Bench):
    """The same desk driven by hand; the venue books profit with every trade."""

    def __init__(self, settings: DeskSettings | None = None, **rest: object) -> None:
        super().__init__(settings or perp_settings(), **rest)  # type: ignore[arg-type]

    def ready_with(self, wallet: str = "1000", position: str = "0") -> "PerpBench":
        """The books opened and the feed fresh."""
        self.tell(wallet, position)
        self.desk.heed(strategies=True)
        for _ in range(30):
            self.quote(instrument=PERP)
            self.tick()
        self.quote(instrument=PERP)
        return self

    def tell(self, wallet: str, position: str) -> Decision:
        """The venue tells its account."""
        told = {WALLET: D(wallet), PERP: D(position)}
        return self.decide(
            AccountTold(venue=VENUE, balances=told, open_orders=(), asked_at=self.wall, quiet=True)
        )

    def held(self) -> dict[str, Decimal]:
        """What the books say."""
        return dict(self.state.funds.balances)

    def trade(
        self, intent: Intent, realised: str = "0", fee: str = "0", qty: str = "", price: str = ""
    ) -> Decision:
        """One trade of an order."""
        order = self.order(intent)
        amount = D(qty) if qty else order.remaining
        filled = order.filled + amount
        execution = Execution(
            client_id=intent.client_id,
            instrument=PERP,
            trade_id=f"{intent.client_id}/{len(order.trade_ids)}",
            side=intent.side,
            price=D(price) if price else intent.price,
            qty=amount,
            fee=D(fee),
            fee_asset="USDT",
            maker=False,
            venue_time=self.wall,
            realised=D(realised),
        )
        status = VenueStatus.FILLED if filled >= intent.qty else VenueStatus.WORKING
        return self.decide(
            OrderTold(report=self.report(intent, status, filled), execution=execution)
        )

    def go_long(self, qty: str = "1", *, strategy: StrategyId = STRATEGY) -> Intent:
        """Hold a position."""
        self.wait(1)  # the same order again is another one
        intent = self.place(Side.BUY, qty, "100", instrument=PERP, strategy=strategy)
        self.ack(intent)
        self.trade(intent)
        return intent

    def protected(self, **terms: str) -> Intent:
        """A protection of one price, whose order rests."""
        prices = {name: D(price) for name, price in terms.items()}
        self.propose(Protect(instrument=PERP, **prices))  # type: ignore[arg-type]
        (intent,) = sent(self.tick())
        self.wait_at_venue(intent)
        return intent

    def wait_at_venue(self, intent: Intent) -> None:
        """It stands in the book of those that wait for a price."""
        report = msgspec.structs.replace(self.report(intent), venue_order_id=f"{WAITING}5")
        self.answer(intent, Verdict.ACKED, report=report)

    def forced(self, qty: str = "1", *, trade_id: str = "9", realised: str = "-20") -> ForcedFill:
        """The venue sells for the account."""
        return ForcedFill(
            kind=Forced.LIQUIDATION,
            instrument=PERP,
            venue_order_id="77",
            trade_id=trade_id,
            side=Side.SELL,
            price=D(80),
            qty=D(qty),
            fee=D(1),
            fee_asset="USDT",
            realised=D(realised),
            at=self.wall,
        )
