"""Two clocks read together."""

from hypothesis import given
from hypothesis import strategies as st

from nightdesk.model.time import Moment, Mono, Wall


@given(st.integers(0, 2**60), st.integers(0, 2**60), st.integers(-(2**50), 2**50))
def test_a_moment_translates_this_hosts_clock_to_utc(mono, wall, ahead):
    moment = Moment(mono=Mono(mono), wall=Wall(wall), lease_until=Mono(0))
    assert moment.wall_at(Mono(mono + ahead)) - wall == ahead
