"""Statuses as the venue spells them."""

import re

import pytest

from builders import shared
from nightdesk.model.order import VenueStatus
from nightdesk.venues.binance_wire import STATUS, status_of


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("NEW", VenueStatus.WORKING),
        ("PENDING_NEW", VenueStatus.WORKING),
        ("PARTIALLY_FILLED", VenueStatus.WORKING),
        ("PENDING_CANCEL", VenueStatus.WORKING),
        ("FILLED", VenueStatus.FILLED),
        ("CANCELED", VenueStatus.CANCELLED),
        ("REJECTED", VenueStatus.REJECTED),
        ("EXPIRED", VenueStatus.EXPIRED),
        ("EXPIRED_IN_MATCH", VenueStatus.EXPIRED),
        ("A_STATUS_OF_NEXT_YEAR", VenueStatus.WORKING),
        ("", VenueStatus.WORKING),
    ],
)
def test_a_status_is_read_and_a_new_one_keeps_the_order_open(text, status):
    assert status_of(text) is status


@pytest.mark.recorded
def test_every_documented_status_has_a_row():
    text = shared("data/rest_fixtures/binance_spot_api_docs/enums.md").read_text(encoding="utf-8")
    table = text.partition("## Order status (status)")[2].partition("##")[0]
    names = re.findall(r"^`(\w+)`", table, flags=re.MULTILINE)
    assert len(names) == 9
    assert set(names) == set(STATUS)
