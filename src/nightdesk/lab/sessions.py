"""Sessions of the WebSocket API: who is logged on, and who hears of which account.

Owns session state and who hears which account event. Refuses
requests that need the exchange: those go through the gate like REST calls.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from urllib.parse import parse_qs

import msgspec

from nightdesk.lab.choices import Which, Word
from nightdesk.lab.delivery import Delivery
from nightdesk.lab.faults import FaultBoard
from nightdesk.lab.refusals import Refused
from nightdesk.lab.reports import ListReport, Report
from nightdesk.lab.settings import MS_NS
from nightdesk.lab.views import (
    Json,
    Stamp,
    balance_update,
    execution_report,
    list_status,
    report_with_unheard_of,
)
from nightdesk.lab.wallet import Wallet
from nightdesk.lab.wire import Out, Push

_SUBSCRIPTIONS_MAX = 1000


@dataclass(slots=True)
class Session:
    """One websocket on the WebSocket API."""

    conn: int
    source: str
    connected_ns: int
    unit_ns: int
    show_limits: bool
    api_key: str | None = None
    authorized_ns: int | None = None
    subscriptions: dict[int, str] = field(default_factory=dict)
    # The subscription made by `userDataStream.subscribe`; it ends with the log-on.
    logon_subscription: int | None = None
    next_subscription: int = 0

    def subscribe(self, account: str) -> int:
        """Listen to an account. Raises `Refused` when this session already does."""
        if account in self.subscriptions.values():
            raise Refused(-2035, "User Data Stream subscription already active.")
        if len(self.subscriptions) >= _SUBSCRIPTIONS_MAX:
            raise Refused(-2042, "Maximum subscription ID reached for this connection.")
        number = self.next_subscription
        self.next_subscription += 1
        self.subscriptions[number] = account
        return number


@dataclass(slots=True)
class Sessions:
    """Every session of one lab, and the account events they hear."""

    faults: FaultBoard
    delivery: Delivery
    emit: Callable[[Out], None]
    venue_ns: Callable[[int], int]
    by_conn: dict[int, Session] = field(default_factory=dict)

    def open(self, conn: int, path: str, source: str, now_ns: int) -> Session:
        """A websocket to `/ws-api/v3`."""
        asked = parse_qs(path.partition("?")[2])
        micro = asked.get("timeUnit", [""])[0].upper() == "MICROSECOND"
        session = Session(
            conn=conn,
            source=source,
            connected_ns=now_ns,
            unit_ns=1_000 if micro else MS_NS,
            show_limits=asked.get("returnRateLimits", ["true"])[0].lower() != "false",
        )
        self.by_conn[conn] = session
        return session

    def close(self, conn: int) -> None:
        """A websocket is gone."""
        self.by_conn.pop(conn, None)

    # --- account events --------------------------------------------------------------------

    def tell_report(self, report: Report, now_ns: int) -> None:
        """Tell an account of one step of one order, faults permitting."""
        account = report.order.account

        def tell(at_ns: int, strange: Word | None) -> None:
            def write(stamp: Stamp) -> Json:
                event = execution_report(report, stamp)
                return event if strange is None else report_with_unheard_of(event, strange)

            self._tell(account, at_ns, write)

        self.delivery.deliver(account, _fields(report), "execution report", tell, now_ns)

    def tell_list(self, report: ListReport, now_ns: int) -> None:
        """Tell an account of one step of one order list."""
        self._tell(report.group.account, now_ns, lambda stamp: list_status(report, stamp))

    def tell_balances(self, account: str, wallet: Wallet, assets: list[str], now_ns: int) -> None:
        """Tell an account which balances may have changed."""
        rows = [
            {
                "a": asset,
                "f": f"{wallet.purses[asset].free:.8f}",
                "l": f"{wallet.purses[asset].locked:.8f}",
            }
            for asset in assets
        ]
        self._tell(
            account,
            now_ns,
            lambda stamp: {
                "e": "outboundAccountPosition",
                "E": stamp(now_ns),
                "u": stamp(wallet.updated_ns),
                "B": rows,
            },
        )

    def tell_transfer(self, account: str, asset: str, amount: Decimal, now_ns: int) -> None:
        """Tell an account of a deposit (above zero) or a withdrawal."""
        self._tell(account, now_ns, lambda stamp: balance_update(asset, amount, now_ns, stamp))

    def _tell(self, account: str, now_ns: int, write: Callable[[Stamp], Json]) -> None:
        listening = [
            (session, number)
            for session in self.by_conn.values()
            for number, subscribed in session.subscriptions.items()
            if subscribed == account
        ]
        if not listening or self.faults.silent(Which.USER, now_ns):
            return
        for session, number in listening:
            self.tell_session(session, number, now_ns, write)

    def tell_session(
        self, session: Session, number: int, now_ns: int, write: Callable[[Stamp], Json]
    ) -> None:
        """Send one event under one subscription."""
        event = write(lambda at_ns: self.venue_ns(at_ns) // session.unit_ns)
        text = msgspec.json.encode({"subscriptionId": number, "event": event}).decode()
        self.emit(Push(conn=session.conn, at_ns=now_ns, text=text))


def _fields(report: Report) -> dict[str, object]:
    """What a fault's `param` can compare a report with."""
    order = report.order
    return {
        "symbol": order.symbol,
        "side": order.side,
        "clientOrderId": order.client_order_id,
        "orderId": order.order_id,
        "x": report.execution,
        "X": order.status,
    }
