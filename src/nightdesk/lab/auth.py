"""Who sent a request, and whether it still counts: keys, signatures, time windows.

Owns verification exactly as the venue documents it. Refuses to sign: that is a client's part.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from nightdesk.lab.refusals import Refused, mandatory, unknown_key
from nightdesk.lab.settings import MS_NS, AccountSettings

_AHEAD_NS_MAX = 1_000 * MS_NS
_RECV_WINDOW_MS_DEFAULT = Decimal(5000)
_RECV_WINDOW_MS_MAX = 60_000
# Timestamps come in milliseconds or microseconds; only the latter have this many digits.
_MICROSECONDS_FROM = 10**14
_TIMESTAMP_RE = re.compile(r"^[0-9]{1,20}$")
_RECV_WINDOW_RE = re.compile(r"^[0-9]{1,10}(\.[0-9]{1,3})?$")


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """The time span in which a signed request counts."""

    timestamp_ns: int
    recv_ns: int

    def check_on_receipt(self, venue_ns: int) -> None:
        """Refuse a request from the future or past its window."""
        if self.timestamp_ns >= venue_ns + _AHEAD_NS_MAX:
            raise Refused(
                -1021, "Timestamp for this request was 1000ms ahead of the server's time."
            )
        self.check_before_matching(venue_ns)

    def check_before_matching(self, venue_ns: int) -> None:
        """Refuse a request past its window."""
        if venue_ns - self.timestamp_ns > self.recv_ns:
            raise Refused(-1021, "Timestamp for this request is outside of the recvWindow.")


def window(params: Mapping[str, str]) -> Window:
    """The window a request asks for."""
    stamp = params.get("timestamp", "")
    if not _TIMESTAMP_RE.match(stamp):
        raise mandatory("timestamp")
    unit_ns = 1_000 if int(stamp) >= _MICROSECONDS_FROM else MS_NS
    recv_ms = _RECV_WINDOW_MS_DEFAULT
    text = params.get("recvWindow")
    if text is not None:
        if not _RECV_WINDOW_RE.match(text):
            raise Refused(-1130, "Data sent for parameter 'recvWindow' is not valid.")
        recv_ms = Decimal(text)
    if recv_ms > _RECV_WINDOW_MS_MAX:
        raise Refused(-1131, "recvWindow must be less than 60000.")
    return Window(timestamp_ns=int(stamp) * unit_ns, recv_ns=int(recv_ms * MS_NS))


def rest_payload(query: str, body: str) -> str:
    """What a REST signature covers: query and body as sent, without the signature itself."""
    return _unsigned(query) + _unsigned(body)


def _unsigned(text: str) -> str:
    if "signature=" not in text:
        return text
    return "&".join(part for part in text.split("&") if not part.startswith("signature="))


def ws_payload(params: Mapping[str, str]) -> str:
    """What a WebSocket API signature covers: the other parameters, sorted by name."""
    return "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "signature")


@dataclass(slots=True)
class Keyring:
    """The API keys of all accounts."""

    accounts: tuple[AccountSettings, ...]
    _by_key: dict[str, AccountSettings] = field(init=False)
    _public: dict[str, Ed25519PublicKey] = field(init=False)

    def __post_init__(self) -> None:
        self._by_key = {a.api_key: a for a in self.accounts}
        self._public = {
            a.api_key: _public_key(a) for a in self.accounts if a.ed25519_public_key is not None
        }

    def owner(self, api_key: str | None) -> AccountSettings:
        """The account of a key."""
        if not api_key:
            raise Refused(-2014, "API-key format invalid.", status=401)
        account = self._by_key.get(api_key)
        if account is None:
            raise unknown_key()
        return account

    def verify(self, account: AccountSettings, payload: str, signature: str | None) -> None:
        """Refuse a signature that is missing or not this account's over `payload`."""
        if not signature:
            raise mandatory("signature")
        good = (
            self._ed25519(account, payload, signature)
            if account.secret is None
            else _hmac(account.secret, payload, signature)
        )
        if not good:
            raise Refused(-1022, "Signature for this request is not valid.")

    def _ed25519(self, account: AccountSettings, payload: str, signature: str) -> bool:
        try:
            raw = base64.b64decode(signature, validate=True)
            self._public[account.api_key].verify(raw, payload.encode())
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


def _hmac(secret: str, payload: str, signature: str) -> bool:
    digest = hmac.digest(secret.encode(), payload.encode(), "sha256").hex()
    return hmac.compare_digest(digest.encode(), signature.lower().encode())


def _public_key(account: AccountSettings) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key((account.ed25519_public_key or "").encode())
    except ValueError as e:
        raise ValueError(f"account {account.name!r}: not a PEM public key: {e}") from e
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError(f"account {account.name!r}: the public key is not an Ed25519 key")  # noqa: TRY004 - a wrong setting, not a wrong type
    return key
