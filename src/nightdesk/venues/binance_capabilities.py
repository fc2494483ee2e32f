"""What Binance's two markets can do.

Sources, read 2026-11-22: rest-api.md of spot ("General API Information", "Timing security", "New order",
"Cancel an Existing Order and Send a New Order", "New Order list - OCO") of 2026-07-21; USD-M "General Info",
"New Order", "Modify Order", "Auto-Cancel All Open Orders" and "Start User Data Stream".
"""

from nightdesk.model.instrument import Kind
from nightdesk.model.order import OrderType
from nightdesk.venues.binance_rest import RECV_WINDOW_MS_MAX
from nightdesk.venues.capabilities import Capabilities, Deadlines, IdRules

_DEADLINES = Deadlines(
    parameters="timestamp + recvWindow", ms_max=RECV_WINDOW_MS_MAX, at_engine=True
)
_AMONG = "open orders"

SPOT = Capabilities(
    market=Kind.SPOT,
    order_types=frozenset(OrderType),
    replacing=True,
    amending=False,  # an order keeps its price, and only gets smaller (`order/amend/keepPriority`)
    pairs=True,
    reduce_only=False,
    query_by_id=True,
    dead_man="",
    deadlines=_DEADLINES,
    ids=IdRules(pattern=r"[a-zA-Z0-9_-]{1,36}", unique_among=_AMONG),
    private_key_min=0,
    alternates=(
        "https://api-gcp.binance.com",
        # "should give better performance but have less stability"
        *(f"https://api{number}.binance.com" for number in (1, 2, 3, 4)),
    ),
    stream_alternates=("wss://stream.binance.com:443",),  # web-socket-streams.md
    private_alternates=("wss://ws-api.binance.com:9443",),  # web-socket-api.md
    host_signed=False,
    documents="rest-api.md of 2026-07-21",
)
USDM = Capabilities(
    market=Kind.PERPETUAL,
    order_types=frozenset(OrderType),
    replacing=False,  # what only reduces may stand beside what it is to replace
    amending=True,
    pairs=False,
    reduce_only=True,
    query_by_id=True,
    dead_man="countdownCancelAll, by symbol",
    deadlines=_DEADLINES,
    ids=IdRules(pattern=r"[.A-Z:/a-z0-9_-]{1,36}", unique_among=_AMONG),
    private_key_min=60,
    alternates=(),
    stream_alternates=(),
    private_alternates=(),
    host_signed=False,
    documents="USD-M REST pages, read 2026-11-22",
)
