"""Drawing without the care that the standard library takes of every other type: worlds draw all the time."""

from random import Random


def between(draw: Random, low: int, high: int) -> int:
    """The number that `draw.randint(low, high)` would be, on every Python that runs this."""
    span = high - low + 1
    bits = span.bit_length()
    drawn = draw.getrandbits(bits)
    while drawn >= span:
        drawn = draw.getrandbits(bits)
    return low + drawn
