"""The book of orders: facts in any order, twice or late, and what may be believed after them."""

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from builders import NOW, D, a_report, an_execution, an_id, an_intent
from nightdesk.model.order import VenueStatus
from nightdesk.model.outcome import Verdict
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.orders import book as module
from nightdesk.orders.book import ENDED_KEPT_MAX, OrderBook
from nightdesk.orders.lifecycle import TERMINAL, State

QTY = 10
ID = an_id()


def a_book(**changed):
    book = OrderBook()
    order = book.intend(an_intent(qty=D(QTY), **changed), epoch=1, at=NOW)
    return book, order


def told(book, status, filled=0, at=NOW, **changed):
    return book.reported(a_report(status=status, filled=D(filled), **changed), at)


def traded(book, trade_id, qty, at=NOW):
    return book.executed(an_execution(trade_id=str(trade_id), qty=D(qty)), at)


def everything(order):
    """All that is known of an order, as a value."""
    return msgspec.msgpack.encode(order)


REPORTS = st.tuples(st.just("report"), st.sampled_from(VenueStatus), st.integers(0, QTY))
TRADES = st.tuples(st.just("trade"), st.integers(1, 5), st.just(0))
ANSWERS = st.tuples(st.just("answer"), st.sampled_from(Verdict), st.just(0))
ABSENT = st.tuples(st.just("absent"), st.just(0), st.just(0))
FACTS = st.lists(st.one_of(REPORTS, TRADES, ANSWERS, ABSENT), max_size=25)


def tell(book, fact, at=NOW):
    kind, what, filled = fact
    if kind == "report":
        return told(book, what, filled, at)
    if kind == "trade":
        return traded(book, what, 2, at)  # trade n is always the same trade of two
    if kind == "answer":
        return book.answered(ID, what, "why", at)
    return book.absent(ID, at)


@given(FACTS)
def test_filled_is_the_highest_cumulative_ever_told_and_no_sum_of_deltas(facts):
    book, order = a_book()
    highest, trades = 0, set()
    for fact in facts:
        before = order.filled
        change = tell(book, fact)
        if fact[0] == "report":
            highest = max(highest, fact[2])
        if fact[0] == "trade":
            trades.add(fact[1])
        expected = max(highest, 2 * len(trades))  # distinct trades prove at least their sum
        assert order.filled == expected
        assert order.filled >= before
        if change is not None:
            assert change.filled == order.filled - before
        else:
            assert order.filled == before


@given(FACTS)
def test_a_repeated_fact_changes_nothing(facts):
    book, order = a_book()
    for fact in facts:
        first = tell(book, fact)
        known = everything(order)
        again = tell(book, fact)
        if first is not None and first.surprise:
            continue  # a contradiction may be doubted first and believed when it is repeated
        assert everything(order) == known
        assert again is None or again.filled == 0


@given(FACTS)
def test_an_order_is_live_or_ended_and_never_both(facts):
    book, order = a_book()
    for fact in facts:
        tell(book, fact)
        assert (ID in book.live) == order.live == (order.state not in TERMINAL)
        assert (ID in book.ended) != (ID in book.live)
        assert book.get(ID) is order


@given(FACTS)
def test_what_is_completely_filled_is_filled_whatever_else_was_told(facts):
    book, order = a_book()
    for fact in facts:
        tell(book, fact)
        if order.filled >= QTY:
            assert order.state is State.FILLED


@given(FACTS)
def test_a_report_that_teaches_nothing_changes_nothing(facts):
    book, order = a_book()
    for fact in facts:
        if fact[0] != "report":
            tell(book, fact)
            continue
        report = a_report(status=fact[1], filled=D(fact[2]))
        teaches = book.teaches(report)
        known = everything(order)
        change = book.reported(report, NOW)
        if not teaches:
            assert everything(order) == known
            assert not change.changed
            assert not change.surprise
        elif not change.surprise:
            assert everything(order) != known


@given(FACTS, st.booleans())
def test_at_stake_is_all_that_remains_or_nothing_and_never_negative(facts, confirmed):
    book, order = a_book()
    for fact in facts:
        tell(book, fact)
    if confirmed and not order.live:
        book.settle(ID)
    stake = order.at_stake
    assert stake >= 0
    assert stake == (0 if order.settled else QTY - order.filled)
    if order.live:
        assert stake == QTY - order.filled


def a_life():
    """What a venue tells of one order: growing quantities, and an end."""

    def life(parts):
        steps, end = parts
        cumulative = list(itertools.accumulate(steps))
        last = cumulative[-1] if cumulative else 0
        reports = [(VenueStatus.WORKING, 0), *((VenueStatus.WORKING, done) for done in cumulative)]
        return [*reports, (VenueStatus.FILLED if last == QTY else end, last)]

    steps = st.lists(st.integers(1, 4), max_size=4).filter(lambda steps: sum(steps) <= QTY)
    return st.tuples(steps, st.sampled_from([VenueStatus.CANCELLED, VenueStatus.EXPIRED])).map(life)


@given(a_life(), st.data())
def test_one_life_told_in_any_order_and_with_repeats_ends_the_same(life, data):
    straight, order = a_book()
    for status, filled in life:
        assert not told(straight, status, filled).surprise
    repeats = data.draw(st.lists(st.sampled_from(life), max_size=5))
    answers = data.draw(st.lists(st.sampled_from([Verdict.ACKED, Verdict.UNKNOWN]), max_size=2))
    facts = [("report", *report) for report in (*life, *repeats)]
    facts += [("answer", verdict, 0) for verdict in answers]
    shuffled, other = a_book()
    for fact in data.draw(st.permutations(facts)):
        assert not tell(shuffled, fact).surprise
    assert (other.state, other.filled) == (order.state, order.filled)
    assert order.state in TERMINAL


@pytest.mark.parametrize("facts", list(itertools.permutations(range(4))))
def test_ack_fill_trade_and_cancel_of_one_order_commute(facts):
    book, order = a_book()
    steps = [
        lambda: book.answered(ID, Verdict.ACKED, "", NOW),
        lambda: told(book, VenueStatus.WORKING, 4),
        lambda: traded(book, "7", 4),
        lambda: told(book, VenueStatus.CANCELLED, 4),
    ]
    for index in facts:
        assert not steps[index]().surprise
    assert (order.state, order.filled, order.traded) == (State.CANCELLED, 4, 4)


def test_the_same_trade_twice_is_folded_once():
    book, order = a_book()
    assert traded(book, "7", 4).filled == 4
    assert traded(book, "7", 4) is None
    assert (order.filled, order.traded, order.trade_ids) == (4, 4, ["7"])


def test_a_trade_already_counted_by_its_report_grows_nothing():
    book, order = a_book()
    told(book, VenueStatus.WORKING, 6)
    assert traded(book, "7", 4).filled == 0
    assert (order.filled, order.traded) == (6, 4)


def test_a_trade_proves_that_an_unknown_order_lived():
    book, order = a_book()
    book.answered(ID, Verdict.UNKNOWN, "timeout", NOW)
    assert [o.intent.client_id for o in book.unknown()] == [ID]
    assert not traded(book, "7", 4).surprise
    assert order.state is State.OPEN
    assert not list(book.unknown())


@pytest.mark.parametrize("verdict", [Verdict.REJECTED, Verdict.NOT_SENT])
def test_a_trade_of_a_refused_order_is_counted_and_is_a_surprise(verdict):
    book, order = a_book()
    book.answered(ID, verdict, "no", NOW)
    change = traded(book, "7", 4)
    assert change.surprise
    assert change.filled == 4
    assert order.live
    assert order.at_stake == 6


def test_a_trade_behind_a_cancel_is_counted_without_a_surprise():
    book, order = a_book()
    told(book, VenueStatus.CANCELLED, 0)
    change = traded(book, "7", 4)
    assert not change.surprise
    assert (order.state, order.filled) == (State.CANCELLED, 4)


def test_filling_more_than_was_asked_is_a_surprise_that_tells_both():
    book, order = a_book()
    change = told(book, VenueStatus.FILLED, QTY + 1)
    assert "filled 11 of 10" in change.surprise
    assert ID in change.surprise
    assert order.at_stake == 0


def test_a_surprise_names_order_fact_and_state():
    book, _ = a_book()
    book.answered(ID, Verdict.REJECTED, "no", NOW)
    assert told(book, VenueStatus.WORKING).surprise == f"{ID}: working while rejected"


def test_the_reason_of_a_refusal_is_kept_and_an_ack_has_none():
    book, order = a_book()
    book.answered(ID, Verdict.ACKED, "ignored", NOW)
    assert order.reason == ""
    other, refused = a_book()
    other.answered(ID, Verdict.REJECTED, "insufficient balance", NOW)
    assert refused.reason == "insufficient balance"


def test_facts_about_orders_nobody_knows_are_none():
    book = OrderBook()
    assert book.answered(ID, Verdict.ACKED, "", NOW) is None
    assert told(book, VenueStatus.FILLED, 10) is None
    assert traded(book, "7", 4) is None
    assert book.absent(ID, NOW) is None
    assert not book.teaches(a_report())


def test_an_id_is_never_used_twice():
    book, order = a_book()
    with pytest.raises(AssertionError, match="used twice"):
        book.intend(order.intent, epoch=1, at=NOW)
    told(book, VenueStatus.FILLED, QTY)
    with pytest.raises(AssertionError, match="used twice"):
        book.intend(order.intent, epoch=1, at=NOW)


def test_the_venues_own_id_is_learnt_and_teaches():
    book, order = a_book()
    told(book, VenueStatus.WORKING, venue_order_id="")
    assert book.teaches(a_report(venue_order_id="28"))
    told(book, VenueStatus.WORKING, venue_order_id="28")
    told(book, VenueStatus.WORKING, venue_order_id="")
    assert order.venue_order_id == "28"


@pytest.mark.parametrize(
    ("filled", "confirmed", "settled"),
    [(0, False, False), (4, False, False), (4, True, True), (QTY, False, True)],
)
def test_a_cancel_is_final_once_the_venue_confirmed_it_and_never_by_time(
    filled, confirmed, settled
):
    book, order = a_book()
    told(book, VenueStatus.CANCELLED, filled, at=NOW)
    if confirmed:
        book.settle(ID)
    assert order.settled is settled
    assert order.at_stake == (0 if settled else QTY - filled)


def test_a_fill_behind_the_confirmation_opens_the_window_again():
    book, order = a_book()
    told(book, VenueStatus.CANCELLED, 4, at=NOW)
    book.settle(ID)
    traded(book, "7", 4, at=Wall(NOW + 1))
    assert order.settled
    traded(book, "8", 2, at=Wall(NOW + 2))
    assert order.at_stake == QTY - 6
    assert order.ended_at == NOW + 2


def test_repeating_a_cancel_does_not_open_its_window_again():
    book, order = a_book()
    told(book, VenueStatus.CANCELLED, 4, at=NOW)
    told(book, VenueStatus.CANCELLED, 4, at=Wall(NOW + 2 * SECOND_NS))
    assert order.ended_at == NOW


@pytest.mark.parametrize("status", [VenueStatus.EXPIRED, VenueStatus.REJECTED, VenueStatus.FILLED])
def test_other_ends_are_final_at_once(status):
    book, order = a_book()
    told(book, status, QTY if status is VenueStatus.FILLED else 0)
    assert order.settled
    assert order.at_stake == 0


def test_an_unknown_order_is_never_settled():
    book, order = a_book()
    book.answered(ID, Verdict.UNKNOWN, "timeout", NOW)
    book.settle(ID)
    assert not order.settled
    assert order.at_stake == QTY


def test_an_absent_order_frees_what_it_held():
    book, order = a_book()
    book.answered(ID, Verdict.UNKNOWN, "timeout", NOW)
    book.absent(ID, NOW)
    assert order.state is State.NEVER_ACCEPTED
    assert order.at_stake == 0


def test_an_order_that_lives_again_has_not_ended():
    book, order = a_book()
    book.answered(ID, Verdict.REJECTED, "no", NOW)
    told(book, VenueStatus.WORKING)
    assert order.live
    assert order.ended_at == 0


def test_a_cancel_heard_after_a_refusal_opens_its_own_settle_window():
    book, order = a_book()
    book.answered(ID, Verdict.REJECTED, "no", NOW)
    cancelled_at = Wall(NOW + 60 * SECOND_NS)
    assert told(book, VenueStatus.CANCELLED, 0, at=cancelled_at).surprise
    assert order.at_stake == QTY


def test_only_so_many_ended_orders_are_kept_and_the_oldest_go_first(monkeypatch):
    monkeypatch.setattr(module, "ENDED_KEPT_MAX", 5)
    book = OrderBook()
    for seq in range(1, 13):
        book.intend(an_intent(client_id=an_id(seq)), epoch=1, at=NOW)
    survivor = an_id(12)
    for seq in range(1, 12):
        book.reported(a_report(client_id=an_id(seq), status=VenueStatus.EXPIRED), NOW)
        assert len(book.ended) <= 5
    assert list(book.ended) == [an_id(seq) for seq in range(7, 12)]
    assert list(book.live) == [survivor]
    assert book.get(an_id(1)) is None


def test_the_bound_on_ended_orders_is_generous():
    assert ENDED_KEPT_MAX >= 1_000


def test_an_order_whose_trades_are_not_all_known_is_not_forgotten(monkeypatch):
    monkeypatch.setattr(module, "ENDED_KEPT_MAX", 5)
    book = OrderBook()
    for seq in range(1, 12):
        book.intend(an_intent(client_id=an_id(seq)), epoch=1, at=NOW)
    book.reported(a_report(client_id=an_id(1), status=VenueStatus.FILLED, filled=D(1)), NOW)
    for seq in range(2, 12):
        book.reported(a_report(client_id=an_id(seq), status=VenueStatus.CANCELLED), NOW)
    assert book.get(an_id(1)) is not None


class Books(RuleBasedStateMachine):
    """Many orders, any facts: no order loses quantity, and none is in two places."""

    orders = Bundle("orders")

    def __init__(self):
        super().__init__()
        self.book = OrderBook()
        self.highest: dict[str, int] = {}
        self.trades: dict[str, set[int]] = {}
        self.now = NOW

    @rule(target=orders)
    def intend(self):
        client_id = an_id(len(self.highest) + 1)
        self.book.intend(an_intent(client_id=client_id, qty=D(QTY)), epoch=1, at=self.now)
        self.highest[client_id] = 0
        self.trades[client_id] = set()
        return client_id

    @rule(client_id=orders, status=st.sampled_from(VenueStatus), filled=st.integers(0, QTY))
    def report(self, client_id, status, filled):
        told(self.book, status, filled, self.now, client_id=client_id)
        self.highest[client_id] = max(self.highest[client_id], filled)

    @rule(client_id=orders, trade=st.integers(1, 5))
    def trade(self, client_id, trade):
        execution = an_execution(client_id=client_id, trade_id=str(trade), qty=D(2))
        change = self.book.executed(execution, self.now)
        assert (change is None) == (trade in self.trades[client_id])
        self.trades[client_id].add(trade)

    @rule(client_id=orders, verdict=st.sampled_from(Verdict))
    def answer(self, client_id, verdict):
        self.book.answered(client_id, verdict, "", self.now)

    @rule(client_id=orders)
    def absent(self, client_id):
        self.book.absent(client_id, self.now)

    @rule(by=st.integers(1, SECOND_NS))
    def later(self, by):
        self.now = Wall(self.now + by)

    @invariant()
    def quantities_hold(self):
        for client_id, highest in self.highest.items():
            order = self.book.get(client_id)
            assert order.filled == max(highest, 2 * len(self.trades[client_id]))
            assert order.traded == 2 * len(self.trades[client_id])
            assert (client_id in self.book.live) != (client_id in self.book.ended)
            assert order.live == (client_id in self.book.live)


TestBooks = Books.TestCase


@pytest.mark.parametrize(
    ("verdict", "asked"),
    [
        (Verdict.ACKED, True),
        (Verdict.UNKNOWN, True),
        (Verdict.REJECTED, False),
        (Verdict.NOT_SENT, False),
    ],
)
def test_what_was_to_be_replaced_stands_as_it_did_once_its_successor_is_surely_not_there(
    verdict, asked
):
    book, old = a_book()
    new = book.intend(an_intent(client_id=an_id(2), replaces=ID), epoch=1, at=NOW)
    old.cancel_asked = True
    book.answered(new.intent.client_id, verdict, "why", NOW)
    assert old.cancel_asked is asked


def test_what_was_never_accepted_replaced_nothing():
    book, old = a_book()
    new = book.intend(an_intent(client_id=an_id(2), replaces=ID), epoch=1, at=NOW)
    old.cancel_asked = True
    book.answered(new.intent.client_id, Verdict.UNKNOWN, "why", NOW)
    book.absent(new.intent.client_id, NOW)
    assert not old.cancel_asked
