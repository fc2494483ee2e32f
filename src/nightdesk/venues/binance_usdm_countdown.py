"""Binance USD-M futures: the countdown that cancels every open order of a contract unless it is begun anew.

Source: "Auto-Cancel All Open Orders" (`POST /fapi/v1/countdownCancelAll`, weight 10, one for each symbol,
looked at about every ten milliseconds, 0 stops it), read 2026-11-22. The page says "all open orders": whether
those that wait for a price are among them is not said, so they are taken to be.
"""

import msgspec

from nightdesk.model.ids import InstrumentId, instrument_key
from nightdesk.model.outcome import Outcome, Verdict
from nightdesk.model.time import MS_NS, Wall
from nightdesk.venues.binance_usdm_account import UsdmAccount
from nightdesk.venues.http import HttpRequest, HttpResult

PATH = "/fapi/v1/countdownCancelAll"


class Begun(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer: what was asked for, in milliseconds and as text."""

    symbol: str
    countdown_time: str | int


class UsdmCountdown(UsdmAccount):
    """The part of the codec that is the venue's dead man's switch."""

    def count_down(
        self, instrument: InstrumentId, length_ns: int, deadline: Wall, now: Wall
    ) -> HttpRequest | None:
        """Begin one of that length in the place of any other, or stop it with 0; None when the deadline of the
        request has passed."""
        parameters = f"symbol={self._names[instrument]}&countdownTime={length_ns // MS_NS}"
        return self._rest.placing(PATH, parameters, deadline, now)

    def counted_down(self, instrument: InstrumentId, length_ns: int, result: HttpResult) -> Outcome:
        """What may be believed after a `count_down`: one that was not understood may run all the same."""
        wanted = (instrument_key(instrument), str(length_ns // MS_NS))

        def acked(told: Begun) -> Outcome:
            if (told.symbol, str(told.countdown_time)) != wanted:
                raise msgspec.ValidationError(
                    f"{told.symbol} for {told.countdown_time} was not asked for"
                )
            return Outcome(verdict=Verdict.ACKED)

        return self._rest.read(result, Begun, acked)
