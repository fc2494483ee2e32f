"""Balances and open orders, desk against venue."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum, auto

from nightdesk.model import money
from nightdesk.model.ids import decode_order_id, is_emergency
from nightdesk.model.money import ZERO

TOLERANCE = Decimal("0.00000001")  # the venue's own last digit


class Owner(StrEnum):
    """Whose order a client id says it is."""

    OURS = auto()
    LOST = auto()  # our desk's id of a journal life we do not know: a lost or copied journal
    EMERGENCY = auto()  # the emergency tool's, whichever desk it was for
    FOREIGN = auto()


def owner_of(client_id: str, desk: int, nonces: Mapping[int, int]) -> Owner:
    """Whose order this is; `nonces` are the epochs this journal has opened, by nonce."""
    if is_emergency(client_id):
        return Owner.EMERGENCY
    key = decode_order_id(client_id)
    if key is None or key.desk != desk:
        return Owner.FOREIGN
    return Owner.OURS if nonces.get(key.nonce) == key.epoch else Owner.LOST


def differences(
    desk: Mapping[str, Decimal], venue: Mapping[str, Decimal], assets: Iterable[str]
) -> dict[str, Decimal]:
    """Venue minus desk for the traded assets, where it is more than the last digit."""
    found = {}
    for asset in sorted(set(assets)):
        difference = money.subtract(venue.get(asset, ZERO), desk.get(asset, ZERO))
        if abs(difference) > TOLERANCE:
            found[asset] = money.canonical(difference)
    return found
