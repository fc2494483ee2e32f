"""Messages between processes: one line each, money as text, nothing unknown taken."""

from decimal import Decimal

import msgspec
import pytest

from nightdesk.control.messages import Reply, Request, decode_reply, decode_request, encode


def test_a_message_is_one_line_and_comes_back() -> None:
    request = Request(verb="pause", by="me", reason="a\nline\u2028break", keep=True)
    line = encode(request)
    assert line.count(b"\n") == 1
    assert decode_request(line) == request
    reply = Reply(ok=True, code=10, text="t", data={"a": [1, None]})
    assert decode_reply(encode(reply)) == reply


def test_money_is_text() -> None:
    assert b'"0.10"' in encode(Reply(ok=True, data={"x": Decimal("0.10")}))


@pytest.mark.parametrize(
    "line", [b"", b"null", b'{"verb":null}', b'{"verb":"x","extra":1}', b'{"by":"me"}']
)
def test_what_is_no_request_is_refused(line: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_request(line)
