"""Where a desk keeps orders that cannot wait for a journal that stalls: small files on another disk."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import msgspec


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """A file that another life of this desk left there."""

    name: str
    data: bytes


class Spool(Protocol):
    """One life's. Futures raise `OSError`, nothing else; while its disk is away they may never be done."""

    def open(self, life: str) -> "asyncio.Future[list[Left]]":
        """Make a file that is named by `life`, and tell of all others of the desk."""
        ...

    def keep(self, data: bytes) -> "asyncio.Future[None]":
        """Durable behind what is in the file; what failed is not in it."""
        ...

    def empty(self) -> "asyncio.Future[None]":
        """Nothing that is in the file is needed any more."""
        ...

    def drop(self, names: Sequence[str]) -> "asyncio.Future[None]":
        """Nor are these files of other lives."""
        ...
