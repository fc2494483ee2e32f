"""What accounts are told of their orders and lists: one step each.

Owns the words for steps, and lists as they stand. Refuses shapes: `views` writes them.
"""

from enum import StrEnum

import msgspec

from nightdesk.lab.orders import Fill, Order


class Execution(StrEnum):
    """What an execution report reports."""

    NEW = "NEW"
    TRADE = "TRADE"
    CANCELED = "CANCELED"
    REPLACED = "REPLACED"
    EXPIRED = "EXPIRED"
    TRADE_PREVENTION = "TRADE_PREVENTION"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One step of one order, to be told to its owner; `old_id` is the name it had before, if it
    has another now."""

    execution: Execution
    execution_id: int
    order: Order
    fill: Fill | None
    at_ns: int
    old_id: str = ""


class Contingency(StrEnum):
    """What the orders of a list have to do with each other: one cancels, or triggers, the other."""

    OCO = "OCO"
    OTO = "OTO"


class ListStatus(StrEnum):
    """Where an order list stands, or what happened to it."""

    EXEC_STARTED = "EXEC_STARTED"
    UPDATED = "UPDATED"
    ALL_DONE = "ALL_DONE"


class OrderList(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an order list. The first order of an OTO is the working one; the last two
    of three, or both of an OCO, are a pair."""

    list_id: int
    account: str
    symbol: str
    client_list_id: str
    contingency: Contingency
    orders: tuple[int, ...]
    client_ids: tuple[str, ...]
    created_ns: int
    updated_ns: int
    status: ListStatus = ListStatus.EXEC_STARTED

    @property
    def open(self) -> bool:
        """Whether any of its orders can still trade."""
        return self.status is not ListStatus.ALL_DONE


class ListReport(msgspec.Struct, frozen=True, kw_only=True):
    """One step of an order list, to be told to its owner."""

    group: OrderList
    at_ns: int
