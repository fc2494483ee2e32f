"""Binance USD-M futures: what an account holds, on which terms, and what moves it without an order of ours.

Sources: the venue's USD-M account, trade and "Start User Data Stream" pages, read 2026-11-22.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from urllib.parse import quote

import msgspec

from nightdesk.model.account import (
    AccountTerms,
    Flow,
    Forced,
    ForcedFill,
    ForcedOrder,
    Terms,
    WalletMove,
)
from nightdesk.model.ids import InstrumentId, VenueId, instrument_key
from nightdesk.model.instrument import wallet_of
from nightdesk.model.market import Trade
from nightdesk.model.outcome import Reason
from nightdesk.model.time import MS_NS, Mono, Wall
from nightdesk.resilience.budget import Limit
from nightdesk.venues import binance_trades
from nightdesk.venues import binance_usdm_wire as usdm
from nightdesk.venues import binance_wire as wire
from nightdesk.venues.binance_costs import USDM, USDM_LIMITS
from nightdesk.venues.binance_rest import TRADES_MAX, BinanceRest, wall_of
from nightdesk.venues.binance_sign import Signer
from nightdesk.venues.binance_usdm_errors import meaning_of
from nightdesk.venues.binance_usdm_streams import UsdmStreams
from nightdesk.venues.http import HttpRequest, HttpResult
from nightdesk.venues.protocol import Holdings, NoAnswer, Sign


class UsdmAccount(UsdmStreams):
    """The half of the codec that asks about the account."""

    limits: Sequence[Limit] = USDM_LIMITS

    def __init__(
        self,
        venue: VenueId,
        signer: Signer,
        symbols: Mapping[str, InstrumentId],
        limits: Sequence[Limit] = USDM_LIMITS,
    ) -> None:
        super().__init__(symbols)
        self.venue = venue
        self.limits = limits
        self._names = {i: quote(symbol, safe="") for symbol, i in symbols.items()}
        self._rest = BinanceRest(signer, meaning_of, USDM)

    def reason_of(self, result: HttpResult) -> Reason:
        """Why a result is no answer, whatever was asked."""
        return self._rest.reason_of(result)

    def account(self, now: Wall) -> HttpRequest:
        """What the account holds: wallets and positions in one answer."""
        return self._rest.signed("GET", "/fapi/v3/account", "", now)

    def held(self, result: HttpResult) -> Holdings | NoAnswer:
        """Wallet balances (profit that is not realised left out) and signed positions. A position of hedge mode
        is no answer: what is long and short at once is no number."""

        def build(answer: usdm.ContractAccount) -> Holdings:
            positions = {}
            for held in answer.positions:
                if held.position_side != "BOTH" and held.position_amt != 0:
                    raise msgspec.ValidationError(f"{held.symbol} is held in hedge mode")
                if held.symbol in self._symbols and held.position_side == "BOTH":
                    positions[self._symbols[held.symbol]] = wire.signed(held.position_amt)
            balances = {
                wallet_of(self.venue, a.asset): wire.signed(a.wallet_balance) for a in answer.assets
            }
            return Holdings(balances=balances, positions=positions)

        return self._rest.answered(result, usdm.ContractAccount, build)

    def past_trades(self, instrument: InstrumentId, from_id: int, count: int) -> HttpRequest:
        """Ask for prints from an id on."""
        query = binance_trades.query(instrument_key(instrument), from_id, count)
        return self._rest.public("/fapi/v1/aggTrades", query)

    def told_trades(
        self, instrument: InstrumentId, result: HttpResult, received: Mono
    ) -> Sequence[Trade] | NoAnswer:
        """The prints of a `past_trades`."""
        return self._rest.answered(
            result,
            list[binance_trades.PastAggTrade],
            lambda rows: binance_trades.of_usdm(rows, instrument, received),
        )

    def private_key(self) -> HttpRequest:
        """Ask for the stream's key, valid for 60 minutes; asked again it is the same one, prolonged. It is
        never closed: the key is the account's, and another desk may read by it."""
        return self._rest.keyed("POST", "/fapi/v1/listenKey")

    def keyed(self, result: HttpResult) -> str | NoAnswer:
        """The key."""

        def build(told: usdm.ListenKey) -> str:
            if not (told.listen_key.isascii() and told.listen_key.isalnum()):
                raise msgspec.ValidationError("a listen key that is no word")
            return told.listen_key

        return self._rest.answered(result, usdm.ListenKey, build)

    def terms(self) -> Sequence[Sign]:
        """Ask how the account is set up, and each contract of it."""
        return [
            partial(self._rest.signed, "GET", path, "")
            for path in ("/fapi/v1/accountConfig", "/fapi/v1/symbolConfig")
        ]

    def termed(self, results: Sequence[HttpResult]) -> AccountTerms | NoAnswer:
        """Position mode, margin mode of the account, and the traded contracts' leverage and margin."""
        first, second = results
        account = self._rest.answered(first, usdm.AccountConfig, lambda told: told)
        if isinstance(account, NoAnswer):
            return account

        def build(answer: list[usdm.SymbolConfig]) -> AccountTerms:
            ours = [told for told in answer if told.symbol in self._symbols]
            return AccountTerms(
                hedge=account.dual_side_position,
                multi_asset=account.multi_assets_margin,
                contracts={
                    self._symbols[told.symbol]: Terms(
                        leverage=told.leverage, margin=usdm.MARGIN[told.margin_type]
                    )
                    for told in ours
                },
            )

        return self._rest.answered(second, list[usdm.SymbolConfig], build)

    def flows(self, kind: Flow, start: Wall, now: Wall) -> HttpRequest:
        """What moved wallets in one way since `start`, at most seven days and a thousand moves."""
        parameters = f"incomeType={usdm.INCOME[kind]}&startTime={start // MS_NS}&limit={TRADES_MAX}"
        return self._rest.signed("GET", "/fapi/v1/income", parameters, now)

    def flowed(self, kind: Flow, result: HttpResult) -> Sequence[WalletMove] | NoAnswer:
        """The moves of a `flows`, those of contracts this desk does not trade included."""

        def build(answer: list[usdm.Income]) -> list[WalletMove]:
            return [
                WalletMove(
                    kind=kind,
                    id=str(told.tran_id),
                    instrument=self._symbols.get(told.symbol),
                    asset=told.asset,
                    amount=wire.signed(told.income),
                    at=wall_of(told.time),
                )
                for told in answer
                if told.income_type == usdm.INCOME[kind]
            ]

        return self._rest.answered(result, list[usdm.Income], build)

    def closes(self, instrument: InstrumentId, start: Wall, now: Wall) -> HttpRequest:
        """Ask for the orders that the venue placed for the account in one contract."""
        parameters = f"symbol={self._names[instrument]}&startTime={start // MS_NS}&limit=100"
        return self._rest.signed("GET", "/fapi/v1/forceOrders", parameters, now)

    def closed(self, result: HttpResult) -> Sequence[ForcedOrder] | NoAnswer:
        """The liquidations and deleveragings of a `closes`."""

        def build(answer: list[usdm.ForceOrder]) -> list[ForcedOrder]:
            return [
                ForcedOrder(
                    kind=usdm.forced_of(told.client_order_id) or Forced.LIQUIDATION,
                    instrument=self._symbols[told.symbol],
                    venue_order_id=str(told.order_id),
                )
                for told in answer
                if told.symbol in self._symbols
            ]

        return self._rest.answered(result, list[usdm.ForceOrder], build)

    def close_trades(self, order: ForcedOrder, now: Wall) -> HttpRequest:
        """Every trade of such an order."""
        return self._trades(order.instrument, f"orderId={order.venue_order_id}", now)

    def close_traded(
        self, order: ForcedOrder, result: HttpResult
    ) -> Sequence[ForcedFill] | NoAnswer:
        """The trades of a `close_trades`."""

        def build(answer: list[usdm.ContractTrade]) -> list[ForcedFill]:
            return [
                ForcedFill(
                    kind=order.kind,
                    instrument=order.instrument,
                    venue_order_id=order.venue_order_id,
                    trade_id=str(trade.id),
                    side=wire.side_of(trade.side),
                    price=wire.amount(trade.price),
                    qty=wire.amount(trade.qty),
                    fee=wire.signed(trade.commission),
                    fee_asset=trade.commission_asset,
                    realised=wire.signed(trade.realized_pnl),
                    at=wall_of(trade.time),
                )
                for trade in answer
            ]

        return self._rest.answered(result, list[usdm.ContractTrade], build)

    def _trades(self, instrument: InstrumentId, which: str, now: Wall) -> HttpRequest:
        parameters = f"symbol={self._names[instrument]}&{which}&limit={TRADES_MAX}"
        return self._rest.signed("GET", "/fapi/v1/userTrades", parameters, now)
