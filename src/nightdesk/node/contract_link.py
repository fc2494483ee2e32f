"""The node's questions to a venue of contracts: on which terms, and what it moved by itself."""

from collections.abc import Callable, Mapping
from functools import partial

from nightdesk.desk.events import AskFlows, AskForced, Event, FlowsTold, ForcedTold, TermsSeen
from nightdesk.model.account import AccountTerms, ForcedFill, Terms
from nightdesk.model.errors import BadInput
from nightdesk.model.ids import InstrumentId
from nightdesk.reconcile.terms import faults
from nightdesk.runtime.alarms import Alarms
from nightdesk.runtime.requester import Requester
from nightdesk.venues.protocol import ContractCodec, NoAnswer


class ContractLink:
    """Questions of one account of contracts. An answer becomes an event; silence becomes nothing."""

    def __init__(self, codec: ContractCodec, requester: Requester, alarms: Alarms) -> None:
        self._codec = codec
        self._requester = requester
        self._alarms = alarms

    async def terms(self) -> AccountTerms | NoAnswer:
        """On which terms the account holds what is traded."""
        results = [await self._requester.request(ask) for ask in self._codec.terms()]
        return self._codec.termed(results)

    async def agreed(self, wanted: Mapping[InstrumentId, Terms]) -> str:
        """Why the terms are not known yet, or nothing; raises `BadInput` where they are not the config's."""
        told = await self.terms()
        if isinstance(told, NoAnswer):
            return f"the venue does not tell the account's terms: {told.outcome.text}"
        found = faults(told, wanted)
        if found:
            raise BadInput(f"{self._codec.venue}: " + "; ".join(found))
        return ""

    async def ask_terms(self, tell: Callable[[Event], None]) -> bool:
        """The same while the desk runs: somebody may have changed them when nobody listened. Whether they were
        told."""
        told = await self.terms()
        if isinstance(told, NoAnswer):
            self._alarms.unanswered(told)
            return False
        tell(TermsSeen(venue=self._codec.venue, terms=told))
        return True

    async def ask(self, question: AskFlows | AskForced, tell: Callable[[Event], None]) -> None:
        """What moved wallets or positions without an order of ours."""
        match question:
            case AskFlows(kind=kind, since=since):
                request = partial(self._codec.flows, kind, since)
                moves = self._codec.flowed(kind, await self._requester.request(request))
                if isinstance(moves, NoAnswer):
                    self._alarms.unanswered(moves)
                else:
                    tell(FlowsTold(venue=self._codec.venue, moves=moves))
            case AskForced():
                await self._ask_forced(question, tell)

    async def _ask_forced(self, question: AskForced, tell: Callable[[Event], None]) -> None:
        request = partial(self._codec.closes, question.instrument, question.since)
        orders = self._codec.closed(await self._requester.request(request))
        if isinstance(orders, NoAnswer):
            self._alarms.unanswered(orders)
            return
        fills: list[ForcedFill] = []
        for order in orders:
            result = await self._requester.request(partial(self._codec.close_trades, order))
            traded = self._codec.close_traded(order, result)
            if isinstance(traded, NoAnswer):
                self._alarms.unanswered(traded)
            else:
                fills += traded
        tell(ForcedTold(fills=fills))
