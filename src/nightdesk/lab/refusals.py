"""Refusals in the venue's words.

Owns the codes and texts of the venue's error documentation. Refuses to decide: whoever finds
the reason raises the refusal, and the edge turns it into an answer.
"""


class Refused(Exception):
    """The venue says no: its code, its text, and the HTTP status it comes with."""

    def __init__(
        self,
        code: int,
        msg: str,
        *,
        status: int = 400,
        data: object = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(f"{code} {msg}")
        self.code = code
        self.msg = msg
        self.status = status
        self.data = data
        self.retry_after_s = retry_after_s

    def body(self) -> dict[str, object]:
        """The documented error payload."""
        payload: dict[str, object] = {"code": self.code, "msg": self.msg}
        if self.data is not None:
            payload["data"] = self.data
        return payload


def new_order_rejected(msg: str) -> Refused:
    """The matching engine does not accept the order."""
    return Refused(-2010, msg)


def cancel_rejected(msg: str) -> Refused:
    """The matching engine does not cancel."""
    return Refused(-2011, msg)


def amend_rejected(msg: str) -> Refused:
    """The matching engine leaves the order as it is."""
    return Refused(-2038, msg)


def filter_failure(name: str) -> Refused:
    """An order breaks a rule of its symbol; it never reached the matching engine."""
    return Refused(-1013, f"Filter failure: {name}")


def mandatory(name: str) -> Refused:
    """A parameter is missing or unreadable."""
    return Refused(
        -1102,
        f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.",
    )


def not_required(name: str) -> Refused:
    """A parameter was sent that this request must not have."""
    return Refused(-1106, f"Parameter '{name}' sent when not required.")


def illegal_characters(name: str, legal: str) -> Refused:
    """A parameter is written in a way the venue does not read."""
    return Refused(
        -1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."
    )


def unknown_key() -> Refused:
    """No account has this key."""
    return Refused(-2015, "Invalid API-key, IP, or permissions for action.", status=401)


INSUFFICIENT_BALANCE = "Account has insufficient balance for requested action."
DUPLICATE_ORDER = "Duplicate order sent."
WOULD_TAKE = "Order would immediately match and take."
WOULD_TRIGGER = "Order would trigger immediately."
BAD_PRICES = "The relationship of the prices for the orders is not correct."
UNKNOWN_ORDER = "Unknown order sent."
MARKET_CLOSED = "Market is closed."
RESTRICTED_LOCATION = (
    "Service unavailable from a restricted location according to 'b. Eligibility' in "
    "https://www.binance.com/en/terms. Please contact customer service if you believe you "
    "received this message in error."
)
