"""The venue's limits: request weight per address, unfilled orders per account, bans.

Owns the counting, in the venue's fixed intervals (a minute starts at :00, ten seconds at
:00, :10, ...). Refuses to queue: what is over a limit is refused.
"""

from dataclasses import dataclass, field

from nightdesk.lab.refusals import Refused
from nightdesk.lab.settings import MS_NS, SECOND_NS, LabSettings

_MINUTE_NS = 60 * SECOND_NS
_TEN_SECONDS_NS = 10 * SECOND_NS
_DAY_NS = 86_400 * SECOND_NS
_FIVE_MINUTES_NS = 300 * SECOND_NS
_BAN_S_FIRST = 120
_BAN_S_MAX = 3 * 86_400
# What a first fill gives back; orders that waited in the book get more.
_GIVEN_BACK_TAKER = 1
_GIVEN_BACK_MAKER = 5


@dataclass(slots=True)
class Interval:
    """A counter that starts again at every multiple of its length."""

    length_ns: int
    number: int = -1
    count: int = 0

    def at(self, now_ns: int) -> int:
        """The count of the interval that contains `now_ns`."""
        number = now_ns // self.length_ns
        if number != self.number:
            self.number = number
            self.count = 0
        return self.count

    def add(self, now_ns: int, amount: int) -> None:
        """Count `amount`; negative amounts give back, never below zero."""
        self.count = max(0, self.at(now_ns) + amount)

    def left_s(self, now_ns: int) -> int:
        """Whole seconds until the interval ends, at least one."""
        return max(1, -(-(self.length_ns - now_ns % self.length_ns) // SECOND_NS))


@dataclass(slots=True)
class Address:
    """What the venue remembers of one IP address."""

    weight: Interval = field(default_factory=lambda: Interval(_MINUTE_NS))
    connections: Interval = field(default_factory=lambda: Interval(_FIVE_MINUTES_NS))
    ignored: Interval = field(default_factory=lambda: Interval(_MINUTE_NS))
    banned_until_ns: int = 0
    bans: int = 0


@dataclass(slots=True)
class OrderCount:
    """Unfilled orders of one account."""

    per_10s: Interval = field(default_factory=lambda: Interval(_TEN_SECONDS_NS))
    per_day: Interval = field(default_factory=lambda: Interval(_DAY_NS))

    def add(self, now_ns: int, amount: int) -> None:
        """Count orders in both intervals."""
        self.per_10s.add(now_ns, amount)
        self.per_day.add(now_ns, amount)


@dataclass(slots=True)
class Limits:
    """All counters of one lab."""

    settings: LabSettings
    _addresses: dict[str, Address] = field(default_factory=dict)
    _orders: dict[str, OrderCount] = field(default_factory=dict)

    def spend(self, source: str, weight: int, now_ns: int) -> None:
        """Count a request's weight. Raises `Refused` with 429 over the limit, 418 when banned."""
        address = self._address(source)
        if now_ns < address.banned_until_ns:
            raise self._banned(address, now_ns)
        used = address.weight.at(now_ns)
        if used + weight <= self.settings.weight_per_minute_max:
            address.weight.add(now_ns, weight)
            return
        address.ignored.add(now_ns, 1)
        if address.ignored.at(now_ns) > self.settings.ignored_429_max:
            seconds = min(_BAN_S_FIRST * 2**address.bans, _BAN_S_MAX)
            address.bans += 1
            address.banned_until_ns = now_ns + seconds * SECOND_NS
            raise self._banned(address, now_ns)
        raise too_much_weight(
            self.settings.weight_per_minute_max, address.weight.left_s(now_ns), now_ns
        )

    def used_weight(self, source: str, now_ns: int) -> int:
        """The weight an address has used in this minute."""
        return self._address(source).weight.at(now_ns)

    def connect(self, source: str, now_ns: int) -> bool:
        """Count a new websocket; whether the address may still open one."""
        connections = self._address(source).connections
        connections.add(now_ns, 1)
        return connections.at(now_ns) <= self.settings.connections_per_5min_max

    def count_order(self, account: str, now_ns: int, orders: int = 1) -> None:
        """Count new orders. Raises `Refused` over a limit; none of them counts then."""
        count = self._count(account)
        for interval, most, name in (
            (count.per_10s, self.settings.orders_per_10s_max, "10 SECOND"),
            (count.per_day, self.settings.orders_per_day_max, "1 DAY"),
        ):
            if interval.at(now_ns) + orders > most:
                raise Refused(
                    -1015,
                    f"Too many new orders; current limit is {most} orders per {name}.",
                    status=429,
                    data=_retry_data(interval.left_s(now_ns), now_ns),
                    retry_after_s=interval.left_s(now_ns),
                )
        count.add(now_ns, orders)

    def uncount_order(self, account: str, now_ns: int, orders: int = 1) -> None:
        """The engine refused orders that were counted."""
        self._count(account).add(now_ns, -orders)

    def first_fill(self, account: str, *, maker: bool, now_ns: int) -> None:
        """An order began to trade: its account may place more."""
        amount = _GIVEN_BACK_MAKER if maker else _GIVEN_BACK_TAKER
        self._count(account).add(now_ns, -amount)

    def order_counts(self, account: str, now_ns: int) -> tuple[int, int]:
        """Unfilled orders in the current ten seconds and the current day."""
        count = self._count(account)
        return count.per_10s.at(now_ns), count.per_day.at(now_ns)

    def _address(self, source: str) -> Address:
        address = self._addresses.get(source)
        if address is None:
            address = self._addresses[source] = Address()
        return address

    def _count(self, account: str) -> OrderCount:
        count = self._orders.get(account)
        if count is None:
            count = self._orders[account] = OrderCount()
        return count

    def _banned(self, address: Address, now_ns: int) -> Refused:
        left_ns = address.banned_until_ns - now_ns
        return ip_banned(-(-left_ns // SECOND_NS), now_ns)


def too_much_weight(most: int, retry_after_s: int, now_ns: int) -> Refused:
    """Status 429."""
    return Refused(
        -1003,
        f"Too much request weight used; current limit is {most} request weight per 1 MINUTE. "
        "Please use WebSocket Streams for live updates to avoid polling the API.",
        status=429,
        data=_retry_data(retry_after_s, now_ns),
        retry_after_s=retry_after_s,
    )


def ip_banned(retry_after_s: int, now_ns: int) -> Refused:
    """Status 418."""
    until_ms = (now_ns + retry_after_s * SECOND_NS) // MS_NS
    return Refused(
        -1003,
        f"Way too much request weight used; IP banned until {until_ms}. "
        "Please use WebSocket Streams for live updates to avoid bans.",
        status=418,
        data=_retry_data(retry_after_s, now_ns),
        retry_after_s=retry_after_s,
    )


def _retry_data(retry_after_s: int, now_ns: int) -> dict[str, int]:
    return {
        "serverTime": now_ns // MS_NS,
        "retryAfter": now_ns // MS_NS + retry_after_s * 1000,
    }
