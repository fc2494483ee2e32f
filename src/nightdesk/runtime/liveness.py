"""Whether a stream's data lives, subscription by subscription; the age of the socket says nothing of it.

A quiet market and a dead subscription look alike from one connection. So silence is only a doubt: another
connection is opened beside the first, and a doubt that proves nothing makes patience longer.
"""

from collections.abc import Hashable, Mapping

from nightdesk.model.time import SECOND_NS, Mono

PATIENCE_MAX_NS = 600 * SECOND_NS  # what says nothing for ten minutes is looked after all the same


class Liveness:
    """When each subscription of one stream spoke last. `patience_ns` is how long each may be silent before it
    is doubted."""

    def __init__(self, patience_ns: Mapping[Hashable, int]) -> None:
        self._first_ns = patience_ns
        self._patience_ns = dict(patience_ns)
        self.last = dict.fromkeys(patience_ns, Mono(0))
        self._spoke: set[Hashable] = set()  # on this connection, since its patience changed last

    def begin(self, now: Mono) -> None:
        """A connection was opened: what came before says nothing of it."""
        for key in self.last:
            self.last[key] = max(self.last[key], now)
        self._spoke.clear()

    def heard(self, key: Hashable, at: Mono) -> None:
        """A subscription told something."""
        self.last[key] = at
        self._spoke.add(key)

    def doubted(self, now: Mono) -> list[Hashable]:
        """The subscriptions that were silent for longer than they may. Each may then be silent for twice as
        long, until it has shown that it is lively."""
        silent = []
        for key, first_ns in self._first_ns.items():
            age_ns, patience_ns = now - self.last[key], self._patience_ns[key]
            if age_ns >= patience_ns:
                silent.append(key)
                self._patience_ns[key] = min(2 * patience_ns, PATIENCE_MAX_NS)
            elif key in self._spoke and age_ns < first_ns < patience_ns:
                self._spoke.discard(key)
                self._patience_ns[key] = max(first_ns, patience_ns // 2)
        return silent

    def due(self) -> Mono | None:
        """When the next one is to be doubted, if nothing is heard; None where none ever is."""
        dues = [Mono(self.last[key] + patience) for key, patience in self._patience_ns.items()]
        return min(dues, default=None)
