"""I8: the desk keeps to the venue's weight, and places nothing while the venue has told it to wait."""

import re
from collections.abc import Iterator, Sequence

from nightdesk.audit.facts import Fact, SentOut, ToldToWait, VenueSaid
from nightdesk.audit.invariant import Finding, Heard
from nightdesk.audit.ledger import Ledger
from nightdesk.audit.venue_log import Entry
from nightdesk.model.time import MS_NS, SECOND_NS

LAW = "I8 politeness"
WEIGHT_MAX = 6_000  # Binance spot's request weight in a minute that begins at :00
_TOO_MUCH_WEIGHT, _TOO_MANY_ORDERS = -1003, -1015
# The lab answers these faults without a refusal in its log, and does not log how long it asked for.
_FAULTS = frozenset({"rate_limit_429", "ban_418"})
_MINUTE_NS, _TEN_SECONDS_NS = 60 * SECOND_NS, 10 * SECOND_NS
_UNTIL_MS = re.compile(r"banned until ([0-9]{13})")


class Politeness:
    """`weight_max` is the cap in a calendar minute, over all nodes: they may share an address.

    A ban says its end; a 429 lasts to the end of the interval whose limit was met. Only for a fault nobody logs
    a Retry-After: `fault_wait_ns` is what the fault asked for, and None leaves faults unjudged. A wait counts
    from `heard_within_ns` after the refusal: until then its answer may be on its way.
    """

    law = LAW
    needs = "what left the hosts, or a venue that refused this desk for too much traffic"
    hears: frozenset[Heard] = frozenset({ToldToWait, "arrival", "refusal", "fault_fired", SentOut})

    def __init__(
        self,
        *,
        weight_max: int = WEIGHT_MAX,
        fault_wait_ns: int | None = None,
        heard_within_ns: int = 2 * SECOND_NS,
        ledger: Ledger | None = None,
    ) -> None:
        self.ledger = ledger or Ledger()
        self.checked = False
        self._weight_max = weight_max
        self._fault_ns, self._heard_ns = fault_wait_ns, heard_within_ns
        self._minute, self._weight, self._over = -1, 0, False
        self._quiet: list[tuple[int, int]] = []  # from when until when nothing may be placed
        self._keys: set[str] = set()  # what this desk signs with
        self._hears_sends = False
        self._heard: dict[str, int] = {}  # by node, until when it was told to wait

    def hear(self, fact: Fact) -> Sequence[Finding]:
        """Count a send's weight; judge an order by the waits in force."""
        self.ledger.hear(fact)
        match fact:
            case SentOut():
                self.checked = self._hears_sends = True
                told = list(self._weigh(fact))
                if fact.what == "place" and not fact.after_wait:
                    told += self._placed(fact.client_id, fact.at_ns)
                    told += self._entered(fact)
                return told
            case ToldToWait(node=node, until_ns=until_ns):
                self._heard[node] = max(self._heard.get(node, 0), until_ns)
                return ()
            case VenueSaid(entry=entry):
                return self._venue_said(entry)
            case _:
                return ()

    def rest(self, at_ns: int) -> Sequence[Finding]:
        """Nothing more: every fact was judged when it was heard."""
        return ()

    def _venue_said(self, entry: Entry) -> Sequence[Finding]:
        until_ns = self._wait_of(entry)
        if until_ns is not None:
            self.checked = True
            self._quiet.append((entry.at_ns + self._heard_ns, until_ns))
        elif entry.places and self.ledger.is_ours(entry.client_order_id):
            if entry.sender is not None:
                self._keys.add(entry.sender.api_key)
            if not self._hears_sends:
                return list(self._placed(entry.client_order_id or "", entry.at_ns))
        return ()

    def _entered(self, fact: SentOut) -> Iterator[Finding]:
        """An entry of a node that has heard the venue's wait; what may reduce is the way out, and is tried."""
        known, until_ns = self.ledger.known(fact.client_id), self._heard.get(fact.node, 0)
        if known is None or fact.at_ns >= until_ns or self.ledger.may_reduce(known.intent):
            return
        left_s = (until_ns - fact.at_ns) / 1e9
        what = f"entered {left_s:.3f} s before the wait that its node had heard of was over"
        yield Finding(law=LAW, order=fact.client_id, what=what, at_ns=fact.at_ns)

    def _wait_of(self, entry: Entry) -> int | None:
        """Until when the venue wants quiet of this desk, or None."""
        if entry.kind == "fault_fired" and entry.what in _FAULTS:
            return None if self._fault_ns is None else entry.at_ns + self._fault_ns
        if entry.kind != "refusal" or not self._concerns(entry):
            return None
        if entry.code == _TOO_MANY_ORDERS:
            return _end_of(_TEN_SECONDS_NS, entry.at_ns)
        if entry.code != _TOO_MUCH_WEIGHT:
            return None
        until = _UNTIL_MS.search(entry.reason or "")
        if until is not None:
            return int(until[1]) * MS_NS - entry.clock_offset_ns
        return _end_of(_MINUTE_NS, entry.at_ns)

    def _concerns(self, entry: Entry) -> bool:
        """A refusal for traffic comes before the venue has looked at the account: go by the key."""
        if entry.sender is None or not self._keys:
            return self.ledger.venue.concerns(entry)
        return entry.sender.api_key in self._keys

    def _weigh(self, fact: SentOut) -> Iterator[Finding]:
        minute = fact.at_ns // _MINUTE_NS
        if minute != self._minute:
            self._minute, self._weight, self._over = minute, 0, False
        self._weight += fact.weight
        if self._weight > self._weight_max and not self._over:
            self._over = True
            what = f"weight {self._weight} in one minute, the cap is {self._weight_max}"
            yield Finding(law=LAW, order=fact.client_id, what=what, at_ns=fact.at_ns)

    def _placed(self, client_id: str, at_ns: int) -> Iterator[Finding]:
        self._quiet = [span for span in self._quiet if span[1] > at_ns]
        until_ns = max((until for since, until in self._quiet if since <= at_ns), default=None)
        if until_ns is not None:
            left_s = (until_ns - at_ns) / 1e9
            what = f"placed {left_s:.3f} s before the wait that the venue asked for was over"
            yield Finding(law=LAW, order=client_id, what=what, at_ns=at_ns)


def _end_of(interval_ns: int, at_ns: int) -> int:
    return (at_ns // interval_ns + 1) * interval_ns
