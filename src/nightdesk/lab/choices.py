"""What the arguments of a fault may be."""

from enum import StrEnum, auto


class How(StrEnum):
    """How an answer does not come: the connection breaks, or nothing happens at all."""

    CLOSE = auto()
    HANG = auto()


class Which(StrEnum):
    """Which streams a stream fault is about."""

    USER = auto()
    MARKET = auto()
    ALL = auto()


class Stream(StrEnum):
    """Which messages of the market a fault is about; `trade` means `aggTrade` as well."""

    QUOTE = "bookTicker"
    DEPTH = "depth"
    TRADE = "trade"


class Text503(StrEnum):
    """A 503 that says nothing about the outcome, or one that says the request failed."""

    UNKNOWN = auto()
    UNAVAILABLE = auto()


class Word(StrEnum):
    """Which of an order's words is one that no document knows."""

    STATUS = "status"
    TYPE = "type"
    TIME_IN_FORCE = "timeInForce"
    SIDE = "side"


class Venue(StrEnum):
    """Which of a lab's venues something is done at."""

    SPOT = auto()
    USDM = auto()


class Mode(StrEnum):
    """A setting of a USD-M account that somebody switches."""

    HEDGE = auto()
    ONE_WAY = auto()
    MULTI_ASSETS = auto()
    SINGLE_ASSET = auto()
    ISOLATED = auto()
    CROSSED = auto()
    LEVERAGE = auto()


class Rule(StrEnum):
    """A rule of a symbol's orders that a venue changes, by its name among ours."""

    TICK = auto()
    STEP = auto()
    NOTIONAL_MIN = auto()
