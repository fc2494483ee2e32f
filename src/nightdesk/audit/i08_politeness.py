"""I8: the desk keeps to the venue's weight, and places nothing while the venue has told it to wait. Where
nobody else uses its address and account, the venue never has to refuse it for too much.

Spot and contracts are two hosts of a venue that count apart: a wait at one is none at the other.
"""

import re
from collections.abc import Iterator, Sequence

from nightdesk.audit.facts import Fact, SentOut, ToldToWait, VenueSaid
from nightdesk.audit.invariant import Finding, Heard
from nightdesk.audit.ledger import Ledger
from nightdesk.audit.names import CONTRACTS
from nightdesk.audit.venue_log import Entry
from nightdesk.model.time import MS_NS, SECOND_NS

LAW = "I8 politeness"
WEIGHT_MAX = 6_000  # Binance spot's request weight in a minute that begins at :00
CONTRACTS_WEIGHT_MAX = 2_400  # the same of USD-M (`REQUEST_WEIGHT` of its exchangeInfo, 2026-08)
_OF_CONTRACTS = "/fapi/"  # in the path of every request to USD-M
_TOO_MUCH_WEIGHT, _TOO_MANY_ORDERS = -1003, -1015
# The lab answers these faults without a refusal in its log, and does not log how long it asked for.
_FAULTS = frozenset({"rate_limit_429", "ban_418"})
CLOCK_SLACK_NS = 5 * MS_NS  # a node's clock may drift by 300 us in a second while it waits
_MINUTE_NS, _TEN_SECONDS_NS = 60 * SECOND_NS, 10 * SECOND_NS
_UNTIL_MS = re.compile(r"banned until ([0-9]{13})")


class Politeness:
    """`weight_max` is spot's cap in a calendar minute, over all nodes: they may share an address.

    A ban says its end; a 429 lasts to the end of the interval whose limit was met. Only for a fault nobody logs
    a Retry-After: `fault_wait_ns` is what the fault asked for, and None leaves faults unjudged. A wait counts
    from `heard_within_ns` after the refusal: until then its answer may be on its way. `alone` says that nobody
    else uses the address or the account.
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
        alone: bool = False,
        ledger: Ledger | None = None,
    ) -> None:
        self.ledger = ledger or Ledger()
        self.checked = False
        self._weight_max = weight_max
        self._fault_ns, self._heard_ns = fault_wait_ns, heard_within_ns
        self._alone = alone
        self._weighed: dict[str, _Weighed] = {}  # by the log's word for a venue, as all here
        self._quiet: dict[str, list[tuple[int, int]]] = {}  # from when until when not to place
        self._keys: set[str] = set()  # what this desk signs with
        self._hears_sends = False
        self._heard: dict[tuple[str, str], int] = {}  # by node and venue, until when to wait

    def hear(self, fact: Fact) -> Sequence[Finding]:
        """Count a send's weight; judge an order by the waits in force."""
        self.ledger.hear(fact)
        match fact:
            case SentOut():
                self.checked = self._hears_sends = True
                told = list(self._weigh(fact))
                if fact.what in ("place", "amend") and not fact.after_wait:
                    told += self._placed(fact.client_id, fact.at_ns, self._sent_to(fact))
                    told += self._entered(fact)
                return told
            case ToldToWait(node=node, venue=venue, until_ns=until_ns):
                before_ns = self._heard.get((node, venue), 0)
                self._heard[node, venue] = max(before_ns, until_ns)
                return ()
            case VenueSaid(entry=entry):
                return [*self._refused(entry), *self._venue_said(entry)]
            case _:
                return ()

    def rest(self, at_ns: int) -> Sequence[Finding]:
        """Nothing more: every fact was judged when it was heard."""
        return ()

    def _venue_said(self, entry: Entry) -> Sequence[Finding]:
        until_ns = self._wait_of(entry)
        if until_ns is not None:
            self.checked = True
            span = (entry.at_ns + self._heard_ns, until_ns)
            self._quiet.setdefault(_host(entry), []).append(span)
        elif entry.places and self.ledger.is_ours(entry.client_order_id):
            if entry.sender is not None:
                self._keys.add(entry.sender.api_key)
            if not self._hears_sends:
                placed = self._placed(entry.client_order_id or "", entry.at_ns, _host(entry))
                return list(placed)
        return ()

    def _refused(self, entry: Entry) -> Iterator[Finding]:
        """A refusal for too much traffic, which a desk that is alone brought upon itself."""
        too_much = entry.code in (_TOO_MUCH_WEIGHT, _TOO_MANY_ORDERS)
        if self._alone and entry.kind == "refusal" and too_much:
            what = f"the venue refused {entry.what or 'a request'}: {entry.reason}"
            yield Finding(law=LAW, order=entry.client_order_id or "", what=what, at_ns=entry.at_ns)

    def _entered(self, fact: SentOut) -> Iterator[Finding]:
        """An entry of a node that has heard the venue's wait; what may reduce is the way out, and is tried."""
        known = self.ledger.known(fact.client_id)
        until_ns = self._heard.get((fact.node, self._sent_to(fact)), 0)
        over = fact.at_ns >= until_ns - CLOCK_SLACK_NS
        if known is None or over or self.ledger.may_reduce(known.intent):
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

    def _sent_to(self, fact: SentOut) -> str:
        """Whom it was sent to, as the sender or the order's instrument says."""
        known = self.ledger.known(fact.client_id)
        if fact.venue or known is None:
            return fact.venue
        names = self.ledger.names
        return CONTRACTS if names.contract(names.of(known.intent.instrument)) else ""

    def _weigh(self, fact: SentOut) -> Iterator[Finding]:
        host = self._sent_to(fact)
        most = CONTRACTS_WEIGHT_MAX if host == CONTRACTS else self._weight_max
        weighed, minute = self._weighed.setdefault(host, _Weighed()), fact.at_ns // _MINUTE_NS
        if minute != weighed.minute:
            weighed.minute, weighed.weight, weighed.over = minute, 0, False
        weighed.weight += fact.weight
        if weighed.weight > most and not weighed.over:
            weighed.over = True
            what = f"weight {weighed.weight} in one minute, the cap is {most}"
            yield Finding(law=LAW, order=fact.client_id, what=what, at_ns=fact.at_ns)

    def _placed(self, client_id: str, at_ns: int, host: str) -> Iterator[Finding]:
        spans = self._quiet.get(host)
        if not spans:
            return
        spans = self._quiet[host] = [span for span in spans if span[1] > at_ns]
        until_ns = max((until for since, until in spans if since <= at_ns), default=None)
        if until_ns is not None:
            left_s = (until_ns - at_ns) / 1e9
            what = f"placed {left_s:.3f} s before the wait that the venue asked for was over"
            yield Finding(law=LAW, order=client_id, what=what, at_ns=at_ns)


class _Weighed:
    """What was sent to one host in one minute."""

    def __init__(self) -> None:
        self.minute, self.weight, self.over = -1, 0, False


def _host(entry: Entry) -> str:
    """Whose line it is: what a request asked for says so even where the log does not."""
    return CONTRACTS if _OF_CONTRACTS in (entry.what or "") else entry.venue or ""


def _end_of(interval_ns: int, at_ns: int) -> int:
    return (at_ns // interval_ns + 1) * interval_ns
