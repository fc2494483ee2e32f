"""What is written on a board is read as it was; it counts there long enough, and is forgotten by itself."""

from hypothesis import given
from hypothesis import strategies as st

from nightdesk.model.time import LONG_AGO, SECOND_NS, Mono
from nightdesk.resilience.board import CELLS, SILENT_NS, Column, Row, Rows, stamp_of

LENGTH_NS = 10 * SECOND_NS
START = Mono(1_000 * SECOND_NS)
ROWS = Rows([LENGTH_NS])


def written(column: Column, now: Mono, spent: int = 0, pending: int = 0) -> Row:
    data = ROWS.sealed(7, now, LONG_AGO, [column.words(spent, pending)])
    row = ROWS.opened(data)
    assert row is not None
    assert stamp_of(data) == (7, now)
    return row


def heard(row: Row, now: Mono) -> Column:
    column = Column(LENGTH_NS)
    column.heard({0: (row.written, row.column(0))}, now)
    return column


@given(st.lists(st.tuples(st.integers(0, SECOND_NS), st.integers(1, 50)), max_size=200))
def test_another_counts_no_less_than_what_came_within_a_length_and_forgets_the_rest(
    came: list[tuple[int, int]],
) -> None:
    ours, now, arrivals = Column(LENGTH_NS), START, list[tuple[int, int]]()
    for after, amount in came:
        now = Mono(now + after)
        ours.arrived(amount, now, now)
        arrivals.append((now, amount))
    others = heard(written(ours, now), now).others(now)
    late_ns = LENGTH_NS + 2 * LENGTH_NS // CELLS
    assert others >= sum(amount for at, amount in arrivals if at > now - LENGTH_NS)
    assert others <= sum(amount for at, amount in arrivals if at > now - late_ns)


def test_what_is_given_up_counts_from_ahead_of_now_and_nothing_is_lost_where_cells_meet() -> None:
    ours = Column(LENGTH_NS)
    for _ in range(30):
        ours.arrived(1, Mono(START + 5 * SECOND_NS), START)
        ours.arrived(1, START, START)
    assert heard(written(ours, START), START).others(START) == 60
    then = Mono(START + 5 * SECOND_NS + LENGTH_NS - 1)
    assert heard(written(ours, START), then).others(then) >= 30


def test_what_is_given_up_takes_nothing_from_what_counts_still() -> None:
    ours, cell_ns = Column(LENGTH_NS), LENGTH_NS // CELLS
    for cell in range(CELLS):
        at = Mono(START + cell * cell_ns + cell_ns * 9 // 10)
        ours.arrived(1, at, at)
    now = Mono(START + LENGTH_NS + cell_ns // 10)
    for ahead in range(5 * SECOND_NS // cell_ns + 1):
        ours.arrived(1, Mono(now + ahead * cell_ns), now)
    assert heard(written(ours, now), now).others(now) == CELLS + 5 * SECOND_NS // cell_ns + 1


def test_what_is_pending_in_a_row_that_is_silent_counts_until_it_must_have_come() -> None:
    row = written(Column(LENGTH_NS), START, spent=5, pending=5)
    last = Mono(START + SILENT_NS + LENGTH_NS)
    assert heard(row, START).others(Mono(last - 1)) == 5
    assert heard(row, START).others(last) == 0


def test_all_that_others_ever_spent_is_added_up_over_their_lives() -> None:
    column, words = Column(LENGTH_NS), Column(LENGTH_NS)
    for spent, total in ((5, 5), (9, 9), (2, 11), (3, 12)):
        row = written(words, START, spent=spent)
        column.heard({0: (row.written, row.column(0))}, START)
        assert column.others_spent == total


@given(st.binary(min_size=0, max_size=ROWS.bytes + 8))
def test_bytes_that_are_no_row_are_none(data: bytes) -> None:
    assert ROWS.opened(data) is None


@given(st.integers(0, ROWS.bytes - 1), st.integers(1, 255))
def test_a_row_with_one_other_byte_is_torn(at: int, change: int) -> None:
    data = bytearray(ROWS.sealed(1, START, LONG_AGO, [Column(LENGTH_NS).words(1, 1)]))
    data[at] ^= change
    assert ROWS.opened(bytes(data)) is None


def test_a_row_counts_no_longer_than_it_is_kept() -> None:
    ours = Column(LENGTH_NS)
    ours.arrived(1, Mono(START + SILENT_NS), Mono(START + SILENT_NS))
    row = written(ours, START, spent=2, pending=1)
    kept = Mono(START + ROWS.keep_ns)
    assert heard(row, START).others(kept) == 0
