"""A venue's log, entry by entry."""

from decimal import Decimal

import msgspec
import pytest

from audit.told import accept, arrival, entry, fill, said
from nightdesk.audit.venue_log import VenueLog, decode_log
from nightdesk.lab.truth import Entry as LabEntry
from nightdesk.lab.truth import Kind


def test_a_log_is_read_from_json_lines() -> None:
    lines = [
        b'{"seq":1,"at_ns":1,"kind":"accept","account":"practice","client_order_id":"a","order_id":1,'
        b'"quantity":"2","symbol":"BTCUSDT","side":"BUY","unknown_to_us":true}\n',
        b"\n",
        b'{"seq":2,"at_ns":2,"kind":"fill","account":"practice","order_id":1,"symbol":"BTCUSDT",'
        b'"last_quantity":"0.5","last_price":"100"}\n',
    ]
    log = VenueLog(decode_log(lines), "practice")
    assert (log.fills, log.partial_fills, log.volume) == (1, 1, Decimal(50))


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"quantity": None}, "names no quantity"),
        ({"symbol": None}, "names no symbol"),
        ({"quantity": Decimal("NaN")}, "quantity is no amount"),
        ({"price": Decimal("1E+30")}, "price is no amount"),
        ({"recv_window": "soon"}, "recv_window"),
    ],
)
def test_an_entry_that_cannot_be_is_refused(changed: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        entry("accept", **({"quantity": Decimal(1)} | changed))


def test_stamps_and_windows_are_read_in_both_units() -> None:
    assert (
        entry("arrival", timestamp="1723161255000", recv_window="0.5").stamp_ns
        == 1723161255 * 10**9
    )
    assert entry("arrival", timestamp="1723161255000001").stamp_ns == 1723161255000001000
    assert entry("arrival", timestamp="soon").stamp_ns is None
    assert entry("arrival", recv_window="0.5").window_ns == 500_000
    assert entry("arrival").window_ns == 5 * 10**9


def test_only_an_orders_arrival_places() -> None:
    assert arrival().entry.places
    assert not arrival(side=None).entry.places
    assert not accept().entry.places


def test_an_order_exposes_what_it_may_become() -> None:
    log = VenueLog([accept().entry, fill(qty="0.4").entry])
    (order,) = log.orders.values()
    assert (order.at_stake, order.exposes) == (Decimal("0.6"), Decimal(1))
    log.read(said("cancel").entry)
    assert (order.at_stake, order.exposes, log.cancels) == (Decimal(0), Decimal("0.4"), 1)


def test_an_order_that_was_made_smaller_ends_when_that_is_filled() -> None:
    log = VenueLog([accept().entry, said("amend", quantity=Decimal("0.4")).entry])
    log.read(fill(qty="0.4").entry)
    assert [order.ended for order in log.orders.values()] == [True]


def test_another_account_is_not_read() -> None:
    assert not VenueLog([accept(account="another").entry], "practice").orders
    assert VenueLog([accept(account="another").entry]).orders


def test_everything_the_lab_tells_and_the_audit_names_has_the_same_name() -> None:
    ours = set(
        msgspec.json.schema(type(entry("accept", quantity=Decimal(1))))["$defs"]["Entry"][
            "properties"
        ]
    )
    theirs = {field.name for field in msgspec.structs.fields(LabEntry)}
    assert ours <= theirs
    assert {"arrival", "accept", "fill", "cancel", "expire", "refusal", "fault_fired"} <= set(Kind)
    assert {"amend", "algo", "funding", "transfer", "insurance"} <= set(Kind)
