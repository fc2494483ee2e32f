"""The key and the account, looked at before anything is traded.

A key that may withdraw is refused wherever it is told. Where orders cost real money, a person must have named
the desk by its fingerprint, and what the venue does not tell is not taken for a no.
"""

from collections.abc import Collection, Mapping
from hashlib import blake2b

import msgspec

from nightdesk.model.ids import VenueId
from nightdesk.node.plan import Plan
from nightdesk.node.refused import MayWithdraw, NotNamed, Untold
from nightdesk.node.venue_link import measure_clock
from nightdesk.runtime.requester import Requester
from nightdesk.venues.protocol import KeyCodec, NoAnswer

UNKNOWN = "?"  # in place of the account that a venue has not named yet
NOBODY = "no address is known where that is told"


class KeyFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue told of a key; None where it did not, for the reason in `why`, or was not asked."""

    tail: str
    may_withdraw: bool | None
    account: str | None
    why: str = ""

    @property
    def whole(self) -> bool:
        """Whether everything was told that real money asks for."""
        return self.may_withdraw is not None and self.account is not None


async def look(key: KeyCodec, requester: Requester | None, *, owner: bool) -> KeyFacts:
    """Ask who tells it what the key may do and, with `owner`, whose it is. `requester` is None where nobody is
    known who does."""
    if requester is None:
        return KeyFacts(tail=key.tail, may_withdraw=None, account=None, why=NOBODY)
    if not requester.clock.held():
        if not await measure_clock(key, requester):
            why = "who is asked about the key does not tell its time"
            return KeyFacts(tail=key.tail, may_withdraw=None, account=None, why=why)
        requester.clock.correct()
    rights = key.righted(await requester.request(key.rights))
    account = key.owned(await requester.request(key.owner)) if owner else None
    silences = [told.outcome.text for told in (rights, account) if isinstance(told, NoAnswer)]
    return KeyFacts(
        tail=key.tail,
        may_withdraw=None if isinstance(rights, NoAnswer) else rights,
        account=None if isinstance(account, NoAnswer) else account,
        why="; ".join(silences),
    )


def fingerprint(
    facts: Mapping[VenueId, KeyFacts], plan: Plan, away: Collection[VenueId] = ()
) -> str:
    """VENUE:ACCOUNT:KEY:LIMITS, the last two as the key's last four and a hash; of several venues where orders
    cost real money VENUE:ACCOUNT:KEY+VENUE:ACCOUNT:KEY:LIMITS. Of a venue that is `away` the account is "?".
    Raises `Untold`."""
    named = []
    for venue, kind in plan.real.items():
        told = facts[venue]
        if told.account is None and venue not in away:
            raise Untold(f"{venue} does not say whose the key ending in {told.tail} is: {told.why}")
        named.append(":".join((kind, told.account or UNKNOWN, told.tail)))
    return f"{'+'.join(named)}:{limits_hash(plan)}"


def limits_hash(plan: Plan) -> str:
    """Another one for any other limit, of an instrument, an asset, the desk or a strategy."""
    limits = {
        "instruments": plan.limits,
        "desk": plan.losses,
        "assets": plan.asset_max,
        "strategies": {s.name: [s.losses, s.limits] for s in plan.strategies},
    }
    text = msgspec.json.encode(msgspec.to_builtins(limits), order="sorted")
    return blake2b(text, digest_size=6).hexdigest()


def judge(facts: Mapping[VenueId, KeyFacts], plan: Plan, away: Collection[VenueId] = ()) -> None:
    """Raises `MayWithdraw`, `NotNamed`, and `Untold` where real money would be risked on a guess. Of a venue
    that is `away` only the key is held against what was named: it is the one that was looked at then."""
    for told in facts.values():
        if told.may_withdraw:
            raise MayWithdraw(told.tail)
    if not plan.real:
        return
    if not plan.live:
        raise NotNamed("")
    for venue in plan.real:
        if facts[venue].may_withdraw is None and venue not in away:
            why = facts[venue].why
            raise Untold(f"{venue} does not say whether the key may withdraw: {why}")
    found = fingerprint(facts, plan, away)
    typed, ours = plan.live.split(":"), found.split(":")
    if len(typed) != len(ours) or any(
        o not in (UNKNOWN, t) for t, o in zip(typed, ours, strict=True)
    ):
        raise NotNamed(plan.live, found)
