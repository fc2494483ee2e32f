"""Journal records: every kind survives the journal, and equal facts have equal bytes."""

import typing
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import D, a_report, an_execution, an_id, an_instrument, an_intent
from nightdesk.model import money, records
from nightdesk.model.order import Intent
from nightdesk.model.records import Reconciled, decode_record, encode_record

KINDS = typing.get_args(records.Record)
AMOUNTS = st.decimals(
    allow_nan=False, allow_infinity=False, places=8, min_value=-(10**12), max_value=10**12
).map(money.canonical)
POSITIVE = AMOUNTS.filter(lambda value: value > 0)
TIMES = st.integers(0, 2**62)
TEXTS = st.text(max_size=20)


def any_of(kind: type) -> st.SearchStrategy:
    """Every field drawn from its type; amounts canonical, as they are before they are journaled."""
    hints = typing.get_type_hints(kind)
    fields = {name: drawn(name, hint) for name, hint in hints.items()}
    return st.fixed_dictionaries(fields).map(lambda values: kind(**fitting(kind, values)))


def fitting(kind: type, values: dict[str, object]) -> dict[str, object]:
    """Fields that exclude each other: only a conditional order waits for something."""
    if kind is not Intent:
        return values
    if not values["type"].conditional:
        return values | {"trigger": None, "trail_bps": 0}
    if values["trigger"] is None and not values["trail_bps"]:
        return values | {"trail_bps": 1}
    return values


def drawn(name: str, hint: object) -> st.SearchStrategy:
    origin = typing.get_origin(hint)
    arguments = typing.get_args(hint)
    if isinstance(hint, typing.NewType):
        return drawn(name, hint.__supertype__)
    if origin is dict:
        inner = typing.get_origin(arguments[1]) is dict
        values = drawn(name, arguments[1]) if inner else AMOUNTS
        return st.dictionaries(TEXTS, values, max_size=4)
    if origin is list:
        return st.lists(drawn(name, arguments[0]), max_size=2)
    if origin is not None and type(None) in arguments:
        return st.one_of(st.none(), drawn(name, arguments[0]))
    assert isinstance(hint, type), f"{name}: {hint}"
    if issubclass(hint, msgspec.Struct):
        return any_of(hint)
    simple = {int: TIMES, bool: st.booleans(), bytes: st.binary(max_size=50), str: TEXTS}
    if hint in simple:
        return simple[hint]
    if issubclass(hint, Decimal):
        positive = ("qty", "price", "tick", "lot", "qty_max", "price_max")
        return POSITIVE if name in positive else AMOUNTS
    return st.sampled_from(hint)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_every_kind_survives_the_journal(kind, data):
    record = data.draw(any_of(kind))
    body = encode_record(record)
    again = decode_record(body)
    assert again == record
    assert type(again) is kind
    assert encode_record(again) == body


def test_every_struct_of_the_module_with_a_tag_is_a_record():
    tagged = {
        thing
        for thing in vars(records).values()
        if isinstance(thing, type)
        and issubclass(thing, msgspec.Struct)
        and thing.__struct_config__.tag is not None
    }
    assert tagged == set(KINDS)


def test_tags_are_stable_words_of_the_format():
    tags = {kind.__name__: kind.__struct_config__.tag for kind in KINDS}
    assert tags == {
        "EpochOpened": "epoch",
        "Configured": "config",
        "Intended": "intent",
        "Spooled": "spooled",
        "Answered": "answer",
        "Reported": "report",
        "Executed": "execution",
        "CancelAsked": "cancel",
        "AmendAsked": "amend",
        "AmendAnswered": "amended",
        "Resolved": "resolved",
        "Settled": "settled",
        "ModeSet": "mode",
        "StrategyKept": "state",
        "TargetSet": "target",
        "ProtectionSet": "protection",
        "Reconciled": "reconciled",
        "Marked": "marked",
        "LimitSet": "limit",
        "Flowed": "flow",
        "ForceTraded": "forced",
    }


@pytest.mark.parametrize(
    "record",
    [
        records.Intended(intent=an_intent()),
        records.Reported(report=a_report()),
        records.Executed(execution=an_execution()),
        records.Configured(hash="h", instruments=[an_instrument()], body="{}"),
        records.CancelAsked(client_id=an_id(), why="test"),
    ],
    ids=lambda record: type(record).__name__,
)
def test_a_record_with_a_field_of_a_later_release_is_still_read(record):
    later = msgspec.msgpack.decode(encode_record(record)) | {"of_a_later_release": 1}
    assert decode_record(msgspec.msgpack.encode(later)) == record


@given(st.binary(max_size=200))
def test_bytes_that_are_no_record_say_so(body):
    try:
        record = decode_record(body)
    except msgspec.DecodeError:
        return
    assert isinstance(record, KINDS)


def test_an_unknown_kind_is_refused():
    with pytest.raises(msgspec.ValidationError):
        decode_record(msgspec.msgpack.encode({"type": "of_a_later_release"}))


@given(st.dictionaries(TEXTS, AMOUNTS, min_size=1, max_size=5), st.integers(0, 6))
def test_amounts_spelled_differently_have_equal_bytes_once_canonical(balances, zeros):
    padded = {
        name: money.canonical(
            D(format(value, "f") + ("." + "0" * zeros if value == int(value) else ""))
        )
        for name, value in balances.items()
    }
    first = Reconciled(balances=balances, unexplained={}, surplus={})
    second = Reconciled(balances=padded, unexplained={}, surplus={})
    assert first == second
    assert encode_record(first) == encode_record(second)


def test_equal_records_have_equal_bytes_in_whatever_order_their_dicts_were_filled():
    first = Reconciled(balances={"BTC": D(1), "USDT": D(2)}, unexplained={}, surplus={})
    second = Reconciled(balances={"USDT": D(2), "BTC": D(1)}, unexplained={}, surplus={})
    assert first == second
    assert encode_record(first) == encode_record(second)
