"""Ids as types, and the client order id from which an intent can be recovered alone.

A client order id is 18 characters of Crockford's base 32 in lower case, 90 bits: what the tightest venue
(Kraken's free text, 18 characters) still takes. Fields fall on character borders, so that a person can read
them and a venue's list can be searched by prefix:

    desk 2 | nonce 4 | epoch 4 | sequence 7 | attempt 1

The nonce is drawn with every EPOCH record: a lost, restored or copied journal never makes an id twice.

The emergency tool has no journal: its ids begin with a word that no desk's id can begin with, since the base
has neither its "o" nor its "u". Every desk of the account knows by it that somebody got out by hand.

    wayout 6 | nonce 8 | number 4
"""

from functools import lru_cache
from hashlib import blake2b
from typing import NewType

import msgspec

VenueId = NewType("VenueId", str)
InstrumentId = NewType("InstrumentId", str)  # "venue:SYMBOL"
StrategyId = NewType("StrategyId", str)
ClientOrderId = NewType("ClientOrderId", str)
Epoch = NewType("Epoch", int)
Seq = NewType("Seq", int)

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]  # an id is spelled on the way to the wire
_VALUE = {char: index for index, char in enumerate(_ALPHABET)}
_WIDTHS = (2, 4, 4, 7, 1)
ID_LENGTH = sum(_WIDTHS)
DESK_CODES = 32**2
NONCES = 32**4
ATTEMPTS_MAX = 32
_SEQS = 32**7

EMERGENCY = "wayout"
EMERGENCY_NONCES = 32**8
_NUMBER_WIDTH = 4

assert ID_LENGTH == 18, "Kraken's free text takes no more"
assert len(EMERGENCY) + 8 + _NUMBER_WIDTH == ID_LENGTH, "it has to go wherever a desk's id goes"
assert EMERGENCY[4] not in _VALUE, "no desk's id may begin like this"


class OrderKey(msgspec.Struct, frozen=True, kw_only=True):
    """What a client order id says: which desk, journal life, epoch, journal slot and attempt."""

    desk: int
    nonce: int
    epoch: Epoch
    seq: Seq
    attempt: int


def encode_order_id(key: OrderKey) -> ClientOrderId:
    """The id of an intent; raises `ValueError` where a field does not fit its characters."""
    return order_id(order_id_front(key.desk, key.nonce, key.epoch), key.seq, key.attempt)


@lru_cache(maxsize=16)
def order_id_front(desk: int, nonce: int, epoch: int) -> str:
    """What every id of one desk's epoch begins with."""
    return _encode(desk, 2) + _encode(nonce, 4) + _encode(epoch, 4)


def order_id(front: str, seq: int, attempt: int) -> ClientOrderId:
    """An id from its epoch's front; raises `ValueError` like `encode_order_id`."""
    if not (0 <= seq < _SEQS and 0 <= attempt < ATTEMPTS_MAX):
        raise ValueError(f"slot {seq} or attempt {attempt} does not fit 7 and 1 base-32 characters")
    high, low = divmod(seq, 1 << 20)
    return ClientOrderId(
        f"{front}{_ALPHABET[high >> 10]}{_PAIRS[high & 1023]}{_PAIRS[low >> 10]}{_PAIRS[low & 1023]}"
        f"{_ALPHABET[attempt]}"
    )


def decode_order_id(text: str) -> OrderKey | None:
    """What `text` says, or None when it cannot be one of our ids."""
    if len(text) != ID_LENGTH or any(char not in _VALUE for char in text):
        return None
    fields = []
    start = 0
    for width in _WIDTHS:
        value = 0
        for char in text[start : start + width]:
            value = value * 32 + _VALUE[char]
        fields.append(value)
        start += width
    desk, nonce, epoch, seq, attempt = fields
    return OrderKey(desk=desk, nonce=nonce, epoch=Epoch(epoch), seq=Seq(seq), attempt=attempt)


@lru_cache(maxsize=8)
def desk_code(name: str) -> int:
    """A desk's place in every client order id, from its name."""
    return int.from_bytes(blake2b(name.encode(), digest_size=4).digest(), "big") % DESK_CODES


def emergency_order_id(nonce: int, number: int) -> ClientOrderId:
    """An id of the emergency tool: the nonce is drawn at each of its starts, the number counts its orders.
    Raises `ValueError` where one does not fit its characters."""
    return ClientOrderId(f"{EMERGENCY}{_encode(nonce, 8)}{_encode(number, _NUMBER_WIDTH)}")


def is_emergency(text: str) -> bool:
    """Whether the emergency tool placed the order of that client id."""
    rest = text.removeprefix(EMERGENCY)
    return len(text) == ID_LENGTH and len(rest) < ID_LENGTH and all(char in _VALUE for char in rest)


def correlation_id(epoch: Epoch, seq: Seq) -> str:
    """One decision's name in logs and tables: its epoch and its first journal slot."""
    return f"{epoch}.{seq}"


@lru_cache(maxsize=256)
def venue_of(instrument: InstrumentId) -> VenueId:
    """The venue inside an instrument's id."""
    return VenueId(instrument.partition(":")[0])


def instrument_key(instrument: InstrumentId) -> str:
    """The venue's own symbol inside an instrument's id."""
    return instrument.partition(":")[2]


def _encode(value: int, width: int) -> str:
    if not 0 <= value < 32**width:
        raise ValueError(f"{value} does not fit {width} base-32 characters")
    return "".join(_ALPHABET[(value >> (5 * place)) & 31] for place in range(width - 1, -1, -1))
