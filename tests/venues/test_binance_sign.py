"""Signatures against published known answers.

The venue's own examples cannot be used: the stored rest-api.md has its example keys left out, and what it
prints under "Ed25519 Keys" is 256 bytes long, an RSA signature. RFC 4231 and RFC 8032 are as independent.
"""

import base64
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from nightdesk.model.errors import BadInput
from nightdesk.venues.binance_sign import Ed25519Signer, HmacSigner, signed_query, signer_for


def pem(private, encryption=None) -> str:
    return private.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()
    ).decode()


# RFC 8032, 7.1, TEST 2
RFC8032 = Ed25519PrivateKey.from_private_bytes(
    bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
)
RFC8032_SIGNATURE = (
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


def test_hmac_sha256_is_that_of_rfc_4231_case_2_in_hex():
    signer = HmacSigner("key", "Jefe")
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert signer.sign("what do ya want for nothing?") == expected
    assert signer.sign("what do ya want for nothing?") == expected  # one signature leaves no trace


def test_ed25519_is_that_of_rfc_8032_test_2_in_base64():
    signature = Ed25519Signer("key", pem(RFC8032)).sign("r")
    assert base64.b64decode(signature, validate=True).hex() == RFC8032_SIGNATURE


@pytest.mark.parametrize("signer", [HmacSigner("k", "s"), Ed25519Signer("k", pem(RFC8032))])
def test_the_signature_stands_behind_the_payload_and_survives_a_querys_decoding(signer):
    payload = "symbol=LTCBTC&side=BUY&quantity=1"
    query = signed_query(signer, payload)
    assert query.startswith(payload + "&signature=")
    assert dict(parse_qsl(query, strict_parsing=True))["signature"] == signer.sign(payload)


def test_a_base64_signature_is_percent_encoded():
    signer = Ed25519Signer("k", pem(RFC8032))
    query = signed_query(signer, "r")
    assert "+" in signer.sign("r") or "/" in signer.sign("r") or "=" in signer.sign("r")
    assert not set("+/") & set(query.partition("signature=")[2])
    assert query.endswith("%3D%3D")


def test_a_pem_means_ed25519_and_anything_else_hmac():
    assert isinstance(signer_for("k", pem(RFC8032)), Ed25519Signer)
    assert isinstance(signer_for("k", "secret"), HmacSigner)


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        (pem(ec.generate_private_key(ec.SECP256R1())), "not Ed25519"),
        (pem(RFC8032, BestAvailableEncryption(b"password")), "not an unencrypted PEM"),
        (
            "-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n",
            "not an unencrypted PEM",
        ),
    ],
)
def test_another_kind_of_key_is_refused_in_words(secret, words):
    with pytest.raises(BadInput, match=words):
        signer_for("k", secret)


@pytest.mark.parametrize(
    "signer", [HmacSigner("publicpart", "SECRET"), Ed25519Signer("publicpart", pem(RFC8032))]
)
def test_no_secret_is_printed(signer):
    assert "SECRET" not in repr(signer)
    assert "PRIVATE" not in repr(signer)
    assert "publicpart" not in repr(signer)
