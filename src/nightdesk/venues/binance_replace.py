"""Binance spot's cancel-replace: one request that ends an order and places another, answered by halves.

Source: rest-api.md ("Cancel an Existing Order and Send a New Order") and errors.md (-2021, -2022), read
2026-11-22, of 2026-07-21. Always `STOP_ON_FAILURE`: the new order is not attempted unless the old one could be
ended, so both never stand together by one request.
"""

import msgspec

from nightdesk.model.order import Intent
from nightdesk.model.outcome import Outcome, Reason, Verdict
from nightdesk.venues import binance_wire as wire
from nightdesk.venues.binance_kinds import terms
from nightdesk.venues.http import HttpAnswer, HttpResult

PATH = "/api/v3/order/cancelReplace"
_DONE, _FAILED, _NOT_TRIED = "SUCCESS", "FAILURE", "NOT_ATTEMPTED"
# Every documented answer with halves, as status, what became of the cancel, and of the new order. An account
# over its order limit is refused as a whole ("DO_NOTHING", the default).
_DOCUMENTED = frozenset(
    {
        (200, _DONE, _DONE),
        (400, _FAILED, _NOT_TRIED),
        (409, _DONE, _FAILED),
    }
)
_NOT_ATTEMPTED = Outcome(
    verdict=Verdict.NOT_SENT, reason=Reason.BY_STATE, text="the old order could not be ended"
)


def replace_terms(intent: Intent) -> str:
    """The new order, and which one ends for it."""
    return (
        f"{terms(intent)}&newClientOrderId={intent.client_id}"
        f"&cancelReplaceMode=STOP_ON_FAILURE&cancelOrigClientOrderId={intent.replaces}"
    )


def halves(result: HttpResult) -> tuple[HttpAnswer | Outcome, HttpAnswer | Outcome] | None:
    """What the answer says of the new order and of the cancel, each as if it had been asked for alone; None
    where it is none of the documented ones."""
    if not isinstance(result, HttpAnswer) or not result.complete:
        return None
    try:
        if result.status == 200:
            told = msgspec.json.decode(result.body, type=wire.ReplaceAnswer)
        else:
            told = msgspec.json.decode(result.body, type=wire.ReplaceRefusal).data
    except wire.UNREADABLE:
        return None
    words = (result.status, told.cancel_result, told.new_order_result)
    if words not in _DOCUMENTED:
        return None
    cancel = _half(told.cancel_result, told.cancel_response)
    if told.new_order_result == _NOT_TRIED:
        return _NOT_ATTEMPTED, cancel
    return _half(told.new_order_result, told.new_order_response), cancel


def undone(refused: Outcome) -> Outcome:
    """What may be believed of the cancel, where the request was answered as a whole: filters and the order
    limit are looked at before anything is ended."""
    if refused.verdict is not Verdict.REJECTED:
        return refused
    return msgspec.structs.replace(refused, verdict=Verdict.NOT_SENT)


def _half(word: str, body: msgspec.Raw) -> HttpAnswer:
    status = 200 if word == _DONE else 400
    return HttpAnswer(status=status, headers={}, body=bytes(body), complete=True)
