"""The modes of graceful degradation; what each allows is decided in `modes`."""

from enum import IntEnum


class Mode(IntEnum):
    """Ordered: higher is stricter."""

    NORMAL = 0
    CAUTIOUS = 1
    REDUCE_ONLY = 2
    CANCEL_ONLY = 3
    FLATTENING = 4
    HALTED = 5
