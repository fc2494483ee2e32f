"""The key and the account, looked at before anything is traded.

A key that may withdraw is refused wherever it is told. Where orders cost real money, a person must have named
the desk by its fingerprint, and what the venue does not tell is not taken for a no.
"""

from hashlib import blake2b

import msgspec

from nightdesk.node.plan import Plan
from nightdesk.node.refused import MayWithdraw, NotNamed, Untold
from nightdesk.runtime.requester import Requester
from nightdesk.venues.protocol import KeyCodec, NoAnswer


class KeyFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue told of a key; None where it did not, for the reason in `why`, or was not asked."""

    tail: str
    may_withdraw: bool | None
    account: str | None
    why: str = ""


async def look(key: KeyCodec, requester: Requester, *, owner: bool) -> KeyFacts:
    """Ask the venue what the key may do and, with `owner`, whose it is."""
    rights = key.righted(await requester.request(key.rights))
    account = key.owned(await requester.request(key.owner)) if owner else None
    silences = [told.outcome.text for told in (rights, account) if isinstance(told, NoAnswer)]
    return KeyFacts(
        tail=key.tail,
        may_withdraw=None if isinstance(rights, NoAnswer) else rights,
        account=None if isinstance(account, NoAnswer) else account,
        why="; ".join(silences),
    )


def fingerprint(facts: KeyFacts, plan: Plan) -> str:
    """VENUE:ACCOUNT:KEY:LIMITS, the last two as the key's last four and a hash. Raises `Untold`."""
    if facts.account is None:
        raise Untold(f"the venue does not say whose the key ending in {facts.tail} is: {facts.why}")
    return ":".join((plan.venue_kind, facts.account, facts.tail, limits_hash(plan)))


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


def judge(facts: KeyFacts, plan: Plan) -> None:
    """Raises `MayWithdraw`, `NotNamed`, and `Untold` where real money would be risked on a guess."""
    if facts.may_withdraw:
        raise MayWithdraw(facts.tail)
    if plan.live is None:
        return
    if not plan.live:
        raise NotNamed("")
    if facts.may_withdraw is None:
        raise Untold(f"the venue does not say whether the key may withdraw: {facts.why}")
    found = fingerprint(facts, plan)
    if plan.live != found:
        raise NotNamed(plan.live, found)
