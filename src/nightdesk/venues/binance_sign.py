"""Binance's request signatures: HMAC-SHA256 in hex, or Ed25519 in base64.

Source: rest-api.md "SIGNED Endpoint security", read 2026-11-21. The signature covers the payload byte for
byte as it is sent; it does not cover the host.
"""

import base64
import hmac
from typing import Protocol
from urllib.parse import quote

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from nightdesk.model.errors import BadInput


class Signer(Protocol):
    """Signs a payload; `key` is public, the secret stays inside."""

    @property
    def key(self) -> str: ...
    def sign(self, payload: str) -> str: ...


class HmacSigner:
    """The common kind of key."""

    def __init__(self, key: str, secret: str) -> None:
        self.key = key
        self._mac = hmac.new(secret.encode(), digestmod="sha256")

    def sign(self, payload: str) -> str:
        """Hex digits, safe in a query as they are."""
        mac = self._mac.copy()
        mac.update(payload.encode())
        return mac.hexdigest()

    def __repr__(self) -> str:
        return f"HmacSigner({self.key[:4]}…)"


class Ed25519Signer:
    """The kind of key the venue recommends; the only one that may log on to a session."""

    def __init__(self, key: str, private_pem: str) -> None:
        self.key = key
        try:
            private = load_pem_private_key(private_pem.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise BadInput(f"the private key is not an unencrypted PEM: {error}") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise BadInput(f"the private key is {type(private).__name__}, not Ed25519")
        self._private = private

    def sign(self, payload: str) -> str:
        """Base64; quote it before it goes into a query."""
        return base64.b64encode(self._private.sign(payload.encode())).decode()

    def __repr__(self) -> str:
        return f"Ed25519Signer({self.key[:4]}…)"


class Unsigned:
    """Signs nothing: for telling what was sent, where the secret is not at hand."""

    key = "notkept"

    def sign(self, _: str) -> str:
        """A word in the signature's place."""
        return "notkept"


def signer_for(key: str, secret: str) -> Signer:
    """Ed25519 when the secret is a PEM, HMAC otherwise."""
    return Ed25519Signer(key, secret) if "PRIVATE KEY" in secret else HmacSigner(key, secret)


def signed_query(signer: Signer, payload: str) -> str:
    """The payload with its signature behind it."""
    signature = signer.sign(payload)
    if not signature.isalnum():  # hex is safe as it is; base64 is not
        signature = quote(signature, safe="")
    return f"{payload}&signature={signature}"
