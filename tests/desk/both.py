"""A bench whose desk trades spot and a perpetual, at two venues whose clocks differ."""

from decimal import Decimal

import msgspec

from benches import Bench, some_settings
from builders import BTCUSDT, STRATEGY, D, an_instrument
from desk.perpetuals import LEVERAGE, PERP, WALLET, a_perpetual
from nightdesk.desk.events import AccountTold, Decision
from nightdesk.desk.settings import DeskSettings
from nightdesk.model.account import Margin, Terms
from nightdesk.model.ids import VenueId
from nightdesk.model.time import Moment

SPOT, USDM = VenueId("binance"), VenueId("usdm")
HELD = {SPOT: {"BTC": D(10), "USDT": D(100_000)}, USDM: {WALLET: D(100_000), PERP: D(0)}}


def both_settings() -> DeskSettings:
    """One of each."""
    made = some_settings(instruments=[an_instrument(), a_perpetual()], strategies=(STRATEGY,))
    terms = {PERP: Terms(leverage=LEVERAGE, margin=Margin.CROSS)}
    return msgspec.structs.replace(made, terms=terms)


class BothBench(Bench):
    """The second venue's clock is `ahead_ns` ahead of the desk's."""

    ahead_ns = 0

    def __init__(self, settings: DeskSettings | None = None, **rest: object) -> None:
        super().__init__(settings or both_settings(), **rest)  # type: ignore[arg-type]

    def moment(self) -> Moment:
        return msgspec.structs.replace(super().moment(), ahead_ns={USDM: self.ahead_ns})

    def tell(self, venue: VenueId, *, quiet: bool = True, **changed: Decimal) -> Decision:
        """One venue tells its account: what the books say, or what it held at first, but for what `changed`."""
        books = self.state.funds.balances
        held = {name: books.get(name, first) for name, first in HELD[venue].items()} | changed
        told = AccountTold(
            venue=venue, balances=held, open_orders=(), asked_at=self.wall, quiet=quiet
        )
        return self.decide(told)

    def ready(self) -> "BothBench":
        """The books of both opened and both feeds fresh."""
        for venue in HELD:
            self.tell(venue)
        self.desk.heed(strategies=True)
        for _ in range(30):
            self.quoted()
            self.tick()
        self.quoted()
        return self

    def quoted(self) -> None:
        """Both markets move."""
        for instrument in (BTCUSDT, PERP):
            self.quote(instrument=instrument)
