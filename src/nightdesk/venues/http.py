"""HTTP as values: a request to write, and what really happened to it."""

from collections.abc import Mapping

import msgspec

from nightdesk.resilience.budget import Cost

FREE = Cost()  # of what no venue counts
RETRY_AFTER_DIGITS_MAX = (
    6  # the longest ban that a venue of ours documents is three days, 259,200 s
)


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request; `target` is path and query, `body` may be empty. `cost` is what it counts for there."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    cost: Cost = FREE


class HttpAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A status line came back. `complete` is False when the body broke off; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    complete: bool = True

    @property
    def retry_after_s(self) -> int:
        """The seconds that it asks to be left alone for; 0 where it names none."""
        said = self.headers.get("retry-after", "")
        readable = said.isascii() and said.isdecimal() and len(said) <= RETRY_AFTER_DIGITS_MAX
        return int(said) if readable else 0


class HttpFailure(msgspec.Struct, frozen=True, kw_only=True):
    """No status line came back. `written` is whether any byte of the request may have left this host; `tried`
    is False where this host held it back, which says nothing about the venue."""

    written: bool
    timed_out: bool
    cause: str
    tried: bool = True


HttpResult = HttpAnswer | HttpFailure
