"""What a desk refuses to start with, as facts: which command mends it, the command line says (`cli.errors`)."""

from collections.abc import Sequence

from nightdesk.config.presets import WALLET
from nightdesk.model.errors import BadInput, OperatingError


class NodeAlone(BadInput):
    """A node was started for a practice venue, which only exists beside a desk that was started with it."""

    def __init__(self, venue: str) -> None:
        super().__init__(venue)
        self.venue = venue

    def __str__(self) -> str:
        return f"venue {self.venue!r} is a practice exchange, which a node alone does not have"


class NoStrategyFile(BadInput):
    """A config names a strategy's file that is not there; `path` is as it was named."""

    def __init__(self, where: str, path: str) -> None:
        super().__init__(where, path)
        self.path = path

    def __str__(self) -> str:
        return f"strategy class {self.args[0]!r}: no file {self.path}"


class NotListed(BadInput):
    """Instruments that their venue does not have; `listed` is what it has, where that is a short list."""

    def __init__(self, symbols: Sequence[str], listed: Sequence[str] = ()) -> None:
        super().__init__(tuple(symbols), tuple(listed))
        self.symbols, self.listed = tuple(symbols), tuple(listed)

    def __str__(self) -> str:
        has = f"lists {', '.join(self.listed)}" if self.listed else "does not list it"
        missing = ", ".join(self.symbols)
        return f"no market for {missing}: the venue {has}. Change the [[instrument]] in the config"


class MayWithdraw(BadInput):
    """A key with which money could be taken away."""

    def __init__(self, tail: str) -> None:
        super().__init__(tail)

    def __str__(self) -> str:
        return (
            f"the key that ends in {self.args[0]} may withdraw: a desk never needs that. Switch withdrawals "
            "off at the venue, or make a key that may only read and trade"
        )


class NobodyToAsk(BadInput):
    """Real money, and the config has no address where the rights of a venue's key could be asked."""

    def __init__(self, venue: str) -> None:
        super().__init__(venue)

    def __str__(self) -> str:
        return (
            f"nobody is known who tells what the key of [venue.{self.args[0]}] may do, and a desk with real "
            "money does not start on a guess: write in it where the wallet of that account is asked, for "
            f'Binance rights = "{WALLET}"'
        )


class NotNamed(BadInput):
    """Real money, and the fingerprint that was typed is not this desk's; `given` is empty where none was."""

    def __init__(self, given: str, found: str = "") -> None:
        super().__init__(given, found)
        self.given, self.found = given, found

    def __str__(self) -> str:
        if not self.given:
            return "this desk trades real money, and starts only when its fingerprint is named"
        return (
            f"the fingerprint {self.given} is not this desk's, which is {self.found}: "
            f"{_difference(self.given, self.found)}. Look at what changed before you name it"
        )


class Untold(OperatingError):
    """The venue did not say what must be known before real money is risked; the next start asks again."""


PARTS = ("venue", "account", "key", "limits")


def written(venues: int) -> str:
    """How the fingerprint of a desk with real money at so many venues is written."""
    *of_venue, last = (part.upper() for part in PARTS)
    return f"{'+'.join([':'.join(of_venue)] * venues)}:{last}"


def _difference(given: str, found: str) -> str:
    """Which parts of two fingerprints differ."""
    theirs, ours = parts_of(given), parts_of(found)
    if len(theirs) != len(ours):
        return f"it is written {written(len(ours) // 3)}"
    names = [*PARTS[:-1] * (len(ours) // 3), PARTS[-1]]
    parts = [name for name, a, b in zip(names, theirs, ours, strict=True) if b not in (a, "?")]
    return f"another {' and another '.join(dict.fromkeys(parts))}"


def parts_of(fingerprint: str) -> list[str]:
    """Venue, account and key of each venue, then the limits of all."""
    return fingerprint.replace("+", ":").split(":")
