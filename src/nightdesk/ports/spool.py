"""Where a desk keeps orders that cannot wait for a journal that stalls: small files on another disk."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import msgspec


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """What another life of this desk left there."""

    life: str
    data: bytes


class Spool(Protocol):
    """One life's. Futures raise `OSError`, nothing else; while its disk is away they may never be done."""

    def open(self, life: str) -> "asyncio.Future[list[Left]]":
        """Make a file for this `life`, and tell of all others of the desk."""
        ...

    def keep(self, data: bytes) -> "asyncio.Future[None]":
        """Durable behind what is in the file; what failed is not in it, nor anything that comes after it."""
        ...

    def empty(self) -> "asyncio.Future[None]":
        """Nothing that is in the file is needed any more."""
        ...

    def drop(self, lives: Sequence[str]) -> "asyncio.Future[None]":
        """Nor is what these other lives left."""
        ...
