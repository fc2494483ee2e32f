"""Versions of one thing, kept in a row, so that the venue can answer as of a moment ago.

Owns the looking up. Refuses to know what the thing is.
"""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class Dated(Protocol):
    """Something that says since when it is so."""

    @property
    def updated_ns(self) -> int:
        """Since when."""
        ...


_V = TypeVar("_V", bound=Dated)


@dataclass(slots=True)
class Versions(Generic[_V]):
    """Every version of one thing, oldest first."""

    versions: list[_V]

    @property
    def now(self) -> _V:
        """The newest version."""
        return self.versions[-1]

    def as_of(self, at_ns: int) -> _V | None:
        """The version that was newest at `at_ns`; None when there was none yet."""
        index = bisect_right(self.versions, at_ns, key=lambda version: version.updated_ns)
        return self.versions[index - 1] if index else None
