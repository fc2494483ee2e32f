"""A client order id is 18 characters from which the intent is recovered alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.model.ids import (
    Epoch,
    OrderKey,
    Seq,
    correlation_id,
    decode_order_id,
    emergency_order_id,
    encode_order_id,
    instrument_key,
    is_emergency,
)

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
FULL = {"desk": 32**2, "nonce": 32**4, "epoch": 32**4, "seq": 32**7, "attempt": 32}
KEYS = st.builds(
    OrderKey,
    desk=st.integers(0, FULL["desk"] - 1),
    nonce=st.integers(0, FULL["nonce"] - 1),
    epoch=st.integers(0, FULL["epoch"] - 1),
    seq=st.integers(0, FULL["seq"] - 1),
    attempt=st.integers(0, FULL["attempt"] - 1),
)


def fields(key: OrderKey) -> tuple[int, ...]:
    return (key.desk, key.nonce, key.epoch, key.seq, key.attempt)


@given(KEYS)
def test_an_id_gives_back_its_key(key):
    assert decode_order_id(encode_order_id(key)) == key


@given(KEYS)
def test_an_id_is_18_characters_of_lower_case_base_32(key):
    text = encode_order_id(key)
    assert len(text) == 18
    assert set(text) <= set(ALPHABET)


@given(KEYS, KEYS)
def test_ids_sort_as_their_keys_do(left, right):
    assert (encode_order_id(left) < encode_order_id(right)) == (fields(left) < fields(right))


@given(KEYS, KEYS)
def test_two_keys_never_share_an_id(left, right):
    assert (encode_order_id(left) == encode_order_id(right)) == (left == right)


def test_fields_fall_on_character_borders_so_that_a_prefix_finds_a_desk_and_a_life():
    key = OrderKey(desk=33, nonce=1, epoch=Epoch(2), seq=Seq(3), attempt=4)
    assert encode_order_id(key) == "11" + "0001" + "0002" + "0000003" + "4"


@pytest.mark.parametrize("extreme", [0, -1])
def test_the_ends_of_every_field_fit(extreme):
    values = {name: (0 if extreme == 0 else size - 1) for name, size in FULL.items()}
    text = encode_order_id(OrderKey(**values))
    assert text == ("0" if extreme == 0 else "z") * 18
    assert decode_order_id(text) == OrderKey(**values)


@pytest.mark.parametrize("name", FULL)
@pytest.mark.parametrize("beyond", ["over", "under"])
def test_a_field_that_does_not_fit_is_refused(name, beyond):
    values = dict.fromkeys(FULL, 0) | {name: FULL[name] if beyond == "over" else -1}
    with pytest.raises(ValueError, match="does not fit"):
        encode_order_id(OrderKey(**values))


@given(st.one_of(st.text(), st.text(alphabet=ALPHABET + "ilouABZ-_ ", min_size=17, max_size=19)))
def test_decoding_any_text_never_raises_and_believes_only_what_encodes_back(text):
    key = decode_order_id(text)
    if key is None:
        assert len(text) != 18 or set(text) - set(ALPHABET)
    else:
        assert encode_order_id(key) == text


@pytest.mark.parametrize("letter", list("ilouA-"))
def test_letters_that_are_misread_are_no_part_of_an_id(letter):
    assert decode_order_id(letter + "0" * 17) is None


def test_a_decision_is_named_by_epoch_and_slot():
    assert correlation_id(Epoch(3), Seq(41)) == "3.41"


def test_a_symbol_is_what_follows_the_venue():
    assert instrument_key("binance:BTCUSDT") == "BTCUSDT"


@given(st.integers(0, 32**8 - 1), st.integers(0, 32**4 - 1))
def test_an_id_of_the_emergency_tool_is_no_desks_and_goes_wherever_one_goes(nonce, number):
    text = emergency_order_id(nonce, number)
    assert is_emergency(text)
    assert decode_order_id(text) is None
    assert len(text) == 18
    assert text.isalnum()


@given(KEYS)
def test_no_desks_id_is_the_emergency_tools(key):
    assert not is_emergency(encode_order_id(key))


@given(st.text())
def test_any_text_can_be_asked_about(text):
    assert is_emergency(text) is (
        len(text) == 18 and text.startswith("wayout") and set(text[6:]) <= set(ALPHABET)
    )


@pytest.mark.parametrize(("nonce", "number"), [(32**8, 1), (1, 32**4), (-1, 1), (1, -1)])
def test_an_emergency_id_that_does_not_fit_is_refused(nonce, number):
    with pytest.raises(ValueError, match="does not fit"):
        emergency_order_id(nonce, number)
