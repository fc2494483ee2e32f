"""The countdown that cancels every open order of a contract where nobody begins it anew.

Source: "Auto-Cancel All Open Orders", read 2026-11-22. The venue looks at its countdowns about every ten
milliseconds. The page does not say whether orders that wait for a price are among them: a setting does.
"""

from dataclasses import dataclass, field

from nightdesk.lab import params
from nightdesk.lab.agenda import Agenda
from nightdesk.lab.api import Ask, Route, Stage
from nightdesk.lab.settings import MS_NS
from nightdesk.lab.truth import Kind
from nightdesk.lab.usdm.accounts import PerpAccount
from nightdesk.lab.usdm.algo import AlgoService
from nightdesk.lab.usdm.engine import PerpExchange
from nightdesk.lab.usdm.settlement import VENUE

PATH = "/fapi/v1/countdownCancelAll"
LOOKS_EVERY_NS = 10 * MS_NS


@dataclass(slots=True)
class Countdowns:
    """The countdowns of one venue, one for each account and contract."""

    exchange: PerpExchange
    algos: AlgoService
    agenda: Agenda
    # Which request each stands by, and when it ends; an older one does nothing when it is due.
    _running: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    _last: int = 0

    def routes(self) -> list[Route]:
        """Its endpoint."""
        return [
            Route(
                method="POST",
                path=PATH,
                stage=Stage.ENGINE,
                run=self.count_down,
                before=self._check,
                names=frozenset({"symbol", "countdownTime"}),
                weight=10,
            )
        ]

    def of(self, account: str) -> dict[str, int]:
        """When those of an account end, by contract."""
        running = self._running.items()
        return {symbol: due_ns for (owner, symbol), (_, due_ns) in running if owner == account}

    def count_down(self, ask: Ask) -> object:
        """Begin one, in the place of any before; 0 stops it."""
        account = self.exchange.accounts[ask.client.name]
        symbol, length_ms = self._asked(ask)
        key = (account.name, symbol)
        self._last += 1
        self._running.pop(key, None)
        if length_ms:
            due_ns = -(-(ask.now_ns + length_ms * MS_NS) // LOOKS_EVERY_NS) * LOOKS_EVERY_NS
            self._running[key] = number, _ = self._last, due_ns
            self.agenda.at(due_ns, lambda at_ns: self._due(account, symbol, number, at_ns))
        self._write(account, symbol, "begun" if length_ms else "stopped", ask.now_ns, length_ms)
        return {"symbol": symbol, "countdownTime": str(length_ms)}

    def _check(self, ask: Ask) -> None:
        self._asked(ask)

    def _asked(self, ask: Ask) -> tuple[str, int]:
        symbol = params.symbol(ask.params, self.exchange.rules)
        params.required(ask.params, "countdownTime")
        return symbol, params.long(ask.params, "countdownTime") or 0

    def _due(self, account: PerpAccount, symbol: str, number: int, at_ns: int) -> None:
        key = (account.name, symbol)
        if self._running.get(key, (0, 0))[0] != number:
            return
        del self._running[key]
        self._write(account, symbol, "ran out", at_ns)
        ends_algos = self.exchange.settings.countdown_ends_algos
        for record in account.open_orders(symbol):
            self.exchange.cancel(account, record, at_ns)
        for waiting in self.algos.open_of(account, symbol) if ends_algos else ():
            self.algos.cancel(waiting, at_ns)

    def _write(
        self, account: PerpAccount, symbol: str, what: str, at_ns: int, length_ms: int | None = None
    ) -> None:
        self.exchange.truth.add(
            Kind.COUNTDOWN,
            at_ns,
            venue=VENUE,
            account=account.name,
            symbol=symbol,
            what=what,
            length_ms=length_ms,
        )
