"""Listen keys: what an account's events are subscribed by.

Owns the keys and their sixty minutes: one per account, shared by all that ask. Refuses the events.
Source: "User Data Streams" of the venue's documents, 2026-08.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from string import ascii_letters, digits

from nightdesk.lab.agenda import Agenda
from nightdesk.lab.api import Ask, Route, Stage
from nightdesk.lab.refusals import Refused

_LETTERS = ascii_letters + digits
_LENGTH = 64

Expired = Callable[[str, int], None]


@dataclass(slots=True)
class ListenKeys:
    """The listen keys of one venue."""

    agenda: Agenda
    life_ns: int
    seed: int
    # Told of a key whose time is over, while it is still subscribed.
    expired: Expired
    by_account: dict[str, str] = field(default_factory=dict)
    _until_ns: dict[str, int] = field(default_factory=dict)
    _draws: Random = field(init=False)

    def __post_init__(self) -> None:
        self._draws = Random(f"{self.seed}/usdm/listen-keys")

    def routes(self) -> list[Route]:
        """Start, keep alive, close: with a key and without a signature."""
        path, names = "/fapi/v1/listenKey", frozenset({"listenKey"})
        return [
            Route(method=method, path=path, stage=Stage.KEYED, run=run, names=names)
            for method, run in (("POST", self.start), ("PUT", self.keep), ("DELETE", self.close))
        ]

    def start(self, ask: Ask) -> object:
        """A key for the account: the one it has, valid anew, or a new one."""
        account = ask.client.name
        key = self.by_account.get(account)
        if key is None:
            key = self.by_account[account] = "".join(self._draws.choices(_LETTERS, k=_LENGTH))
        self._prolong(account, key, ask.now_ns)
        return {"listenKey": key}

    def keep(self, ask: Ask) -> object:
        """Sixty minutes more."""
        account = ask.client.name
        key = self.by_account.get(account)
        if key is None:
            raise Refused(
                -1125,
                "This listenKey does not exist. Please use POST /fapi/v1/listenKey to recreate "
                "listenKey",
            )
        self._prolong(account, key, ask.now_ns)
        return {"listenKey": key}

    def close(self, ask: Ask) -> object:
        """End the key; nothing more comes under it."""
        key = self.by_account.pop(ask.client.name, None)
        if key is not None:
            del self._until_ns[key]
        return {}

    def _prolong(self, account: str, key: str, now_ns: int) -> None:
        until_ns = now_ns + self.life_ns
        self._until_ns[key] = until_ns

        def end(at_ns: int) -> None:
            if self._until_ns.get(key) == until_ns:
                del self._until_ns[key]
                del self.by_account[account]
                self.expired(key, at_ns)

        self.agenda.at(until_ns, end)
