"""Where a lab stands, in numbers for people.

Owns what `GET /lab/status` counts. Refuses the truth, which has its own log.
"""

from nightdesk.lab.exchange import Exchange
from nightdesk.lab.market import Market
from nightdesk.lab.sessions import Sessions
from nightdesk.lab.streams import MarketStreams
from nightdesk.lab.usdm.venue import Usdm
from nightdesk.lab.views import Json


def market_status(market: Market, *, started: bool) -> Json:
    """Where a market stands, and what of it could not be read."""
    report = market.report()
    return {
        "source": report.source,
        "started": started,
        "ended": market.ended,
        "events": report.given,
        "position_ns": report.position_ns,
        "read_share": report.read_share,
        "good_lines": report.good_lines,
        "bad_lines": report.bad_lines,
        "repeated_lines": report.repeated_lines,
        "first_bad": list(report.first_bad),
        "connected": report.connected,
        "losses": report.losses,
    }


def counters(exchange: Exchange, streams: MarketStreams, sessions: Sessions) -> Json:
    """The spot venue in numbers."""
    accounts = exchange.accounts.values()
    return {
        "orders": sum(len(a.orders) for a in accounts),
        "open_orders": sum(len(a.open_ids) for a in accounts),
        "fills": sum(len(a.fills) for a in accounts),
        "log_entries": exchange.truth.last_seq,
        "market_sockets": len(streams.listeners),
        "api_sockets": len(sessions.by_conn),
        "account_subscriptions": sum(len(s.subscriptions) for s in sessions.by_conn.values()),
    }


def usdm_status(usdm: Usdm | None, *, started: bool) -> Json | None:
    """The USD-M venue; None where the lab has none."""
    if usdm is None:
        return None
    accounts = usdm.exchange.accounts.values()
    return {
        "symbols": list(usdm.exchange.rules),
        "market": market_status(usdm.market, started=started),
        "counters": {
            "orders": sum(len(a.orders) for a in accounts),
            "open_orders": sum(len(a.open_ids) for a in accounts),
            "fills": sum(len(a.fills) for a in accounts),
            "sockets": len(usdm.streams.listeners),
            "listen_keys_heard": usdm.heard_keys(),
        },
        "marks": {symbol: str(mark) for symbol, mark in usdm.exchange.marks.marks.items()},
    }
