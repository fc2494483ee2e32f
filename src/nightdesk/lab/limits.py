"""The venue's limits: request weight per address, orders per account, bans.

Owns the counting, in the venue's fixed intervals (a minute starts at :00, ten seconds at
:00, :10, ...). Refuses to queue: what is over a limit is refused.
"""

from dataclasses import dataclass, field

import msgspec

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


class OrderQuota(msgspec.Struct, frozen=True, kw_only=True):
    """How many orders an account may send in an interval, and the interval's names in a refusal
    and in a header."""

    length_ns: int
    most: int
    name: str
    header: str


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of one venue. Bans come after so many requests in spite of a 429."""

    weight_per_minute_max: int
    orders: tuple[OrderQuota, ...]
    connections_per_5min_max: int
    ignored_429_max: int


def spot_quota(settings: LabSettings) -> Quota:
    """What the spot venue allows."""
    per_10s, per_day = settings.orders_per_10s_max, settings.orders_per_day_max
    return Quota(
        weight_per_minute_max=settings.weight_per_minute_max,
        orders=(
            OrderQuota(length_ns=_TEN_SECONDS_NS, most=per_10s, name="10 SECOND", header="10S"),
            OrderQuota(length_ns=_DAY_NS, most=per_day, name="1 DAY", header="1D"),
        ),
        connections_per_5min_max=settings.connections_per_5min_max,
        ignored_429_max=settings.ignored_429_max,
    )


@dataclass(slots=True)
class Limits:
    """All counters of one venue."""

    quota: Quota
    _addresses: dict[str, Address] = field(default_factory=dict)
    # Of each account, one counter for each of the quota's intervals.
    _orders: dict[str, list[Interval]] = field(default_factory=dict)

    def spend(self, source: str, weight: int, now_ns: int) -> None:
        """Count a request's weight. Raises `Refused` with 429 over the limit, 418 when banned."""
        address = self._address(source)
        if now_ns < address.banned_until_ns:
            raise self._banned(address, now_ns)
        used = address.weight.at(now_ns)
        if used + weight <= self.quota.weight_per_minute_max:
            address.weight.add(now_ns, weight)
            return
        address.ignored.add(now_ns, 1)
        if address.ignored.at(now_ns) > self.quota.ignored_429_max:
            seconds = min(_BAN_S_FIRST * 2**address.bans, _BAN_S_MAX)
            address.bans += 1
            address.banned_until_ns = now_ns + seconds * SECOND_NS
            raise self._banned(address, now_ns)
        raise too_much_weight(
            self.quota.weight_per_minute_max, address.weight.left_s(now_ns), now_ns
        )

    def used_weight(self, source: str, now_ns: int) -> int:
        """The weight an address has used in this minute."""
        return self._address(source).weight.at(now_ns)

    def connect(self, source: str, now_ns: int) -> bool:
        """Count a new websocket; whether the address may still open one."""
        connections = self._address(source).connections
        connections.add(now_ns, 1)
        return connections.at(now_ns) <= self.quota.connections_per_5min_max

    def count_order(self, account: str, now_ns: int, orders: int = 1) -> None:
        """Count new orders. Raises `Refused` over a limit; none of them counts then."""
        counts = self._counts(account)
        for interval, quota in zip(counts, self.quota.orders, strict=True):
            if interval.at(now_ns) + orders > quota.most:
                raise Refused(
                    -1015,
                    f"Too many new orders; current limit is {quota.most} orders per {quota.name}.",
                    status=429,
                    data=_retry_data(interval.left_s(now_ns), now_ns),
                    retry_after_s=interval.left_s(now_ns),
                )
        self._add(account, now_ns, orders)

    def uncount_order(self, account: str, now_ns: int, orders: int = 1) -> None:
        """The engine refused orders that were counted."""
        self._add(account, now_ns, -orders)

    def first_fill(self, account: str, *, maker: bool, now_ns: int) -> None:
        """An order began to trade: its account may place more."""
        self._add(account, now_ns, -(_GIVEN_BACK_MAKER if maker else _GIVEN_BACK_TAKER))

    def order_counts(self, account: str, now_ns: int) -> list[int]:
        """What counts in each of the quota's intervals."""
        return [interval.at(now_ns) for interval in self._counts(account)]

    def _add(self, account: str, now_ns: int, amount: int) -> None:
        for interval in self._counts(account):
            interval.add(now_ns, amount)

    def _address(self, source: str) -> Address:
        address = self._addresses.get(source)
        if address is None:
            address = self._addresses[source] = Address()
        return address

    def _counts(self, account: str) -> list[Interval]:
        counts = self._orders.get(account)
        if counts is None:
            counts = self._orders[account] = [Interval(q.length_ns) for q in self.quota.orders]
        return counts

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
