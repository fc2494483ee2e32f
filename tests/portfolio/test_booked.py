"""What moved without an order is booked once, for as long as it may be told again."""

from nightdesk.model.ids import VenueId
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.portfolio.booked import KEPT_NS, Booked

HERE, THERE = VenueId("binance"), VenueId("usdm")


def test_what_was_booked_or_lies_before_the_books_is_not_taken() -> None:
    booked = Booked()
    booked.since[HERE] = Wall(100)
    assert [booked.takes(HERE, "x", Wall(at)) for at in (99, 100, 101)] == [False, True, True]
    booked.book("x", Wall(100))
    assert not booked.takes(HERE, "x", Wall(100))
    assert booked.takes(THERE, "y", Wall(1))


def test_many_of_one_venue_push_out_none_of_another_that_may_still_be_told() -> None:
    booked = Booked()
    booked.book("rare/1", Wall(0))
    for n in range(5_000):
        booked.book(f"often/{n}", Wall(n * SECOND_NS))
    assert not booked.takes(THERE, "rare/1", Wall(0))
    booked.book("late", Wall(KEPT_NS + 1))
    assert booked.takes(THERE, "rare/1", Wall(0)), "so old that no venue tells it again"
    assert booked.last("often/") == 4_999 * SECOND_NS
