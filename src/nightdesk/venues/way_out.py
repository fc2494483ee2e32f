"""What getting out by hand needs of a venue: no more than the account, its open orders, and an end to both.

A desk speaks `protocol`: of the symbols that it trades, in one position mode, of orders that it intended. This
is of the whole account as it stands, whoever made it so. Pure: times in, values out.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from nightdesk.model.ids import ClientOrderId
from nightdesk.model.instrument import Instrument
from nightdesk.model.order import Side
from nightdesk.model.outcome import Outcome
from nightdesk.model.time import Wall
from nightdesk.venues.http import HttpRequest, HttpResult
from nightdesk.venues.protocol import NoAnswer, NotFound, Sign, TellsTime, Unlisted


class OpenOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One open order, whoever placed it. `qty` is what it may still trade, `price` and `trigger` are 0 where it
    has none; `protective` says that it waits for a price, alone or as one of a pair, and `reduces` that the
    venue lets it make a position only smaller. `kind` is the venue's own word."""

    symbol: str
    venue_order_id: str
    client_id: str
    side: Side
    kind: str
    qty: Decimal
    price: Decimal
    trigger: Decimal
    protective: bool
    reduces: bool = False


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What an account holds of an asset, or as one position in a contract: negative is short. `free` is what no
    order binds; `mode_side` is how the venue names the side of a position (BOTH, LONG, SHORT), empty of an
    asset."""

    name: str
    qty: Decimal
    free: Decimal
    mode_side: str = ""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that it holds but nothing; `wallets` are what stands behind contracts, by asset."""

    held: tuple[Held, ...]
    wallets: Mapping[str, Decimal]


class Close(msgspec.Struct, frozen=True, kw_only=True):
    """One order at the market that makes something held smaller; the venue refuses it after `deadline`, on its
    own clock."""

    client_id: ClientOrderId
    symbol: str
    side: Side
    qty: Decimal
    mode_side: str
    deadline: Wall


class Traded(msgspec.Struct, frozen=True, kw_only=True):
    """How far an order of ours came; `ended` says that it will trade no more."""

    filled: Decimal
    ended: bool


class WayOutCodec(TellsTime, Protocol):
    """One account of one venue.

    `contracts` says whether positions are held there, and not assets. `open_orders` of no symbol asks for those
    of the whole account. A `cancel` carries its `mark` where the venue takes one. `weight_per_minute` is what
    the venue allows one address of what requests cost.
    """

    @property
    def contracts(self) -> bool: ...
    @property
    def weight_per_minute(self) -> int: ...
    def account(self, now: Wall) -> HttpRequest: ...
    def told_account(self, result: HttpResult) -> Account | NoAnswer: ...
    def open_orders(self, symbol: str = "") -> Sequence[Sign]: ...
    def opened(self, results: Sequence[HttpResult]) -> Sequence[OpenOrder] | NoAnswer: ...
    def cancel(self, order: OpenOrder, mark: ClientOrderId, now: Wall) -> HttpRequest: ...
    def cancelled(self, result: HttpResult) -> Outcome: ...
    def close(self, close: Close, now: Wall) -> HttpRequest | None: ...
    def closed(self, close: Close, result: HttpResult) -> Traded | Outcome: ...
    def query(self, close: Close, now: Wall) -> HttpRequest: ...
    def queried(self, close: Close, result: HttpResult) -> Traded | NotFound | NoAnswer: ...
    def rules(self, symbols: Sequence[str]) -> HttpRequest: ...
    def ruled(self, result: HttpResult) -> Mapping[str, Instrument] | Unlisted | NoAnswer: ...
    def price(self, symbol: str) -> HttpRequest: ...
    def priced(self, result: HttpResult) -> Decimal | NoAnswer: ...
