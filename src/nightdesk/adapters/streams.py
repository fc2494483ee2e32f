"""Websocket streams through picows: frames are stamped and handed over inside the socket's own callback."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import product

from picows import (
    WSAutoPingStrategy,
    WSCloseCode,
    WSError,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
)

from nightdesk.model.time import Mono
from nightdesk.ports.clock import Clock
from nightdesk.ports.venue import ConnectFailed, Send
from nightdesk.resilience.rotation import Rotation

CONNECT_TIMEOUT_S = 5.0
CONNECT_NEXT_S = 2.0  # where another way is left to try
PING_AFTER_S = 5.0  # a half-open connection is found within twice this
PONG_WITHIN_S = 5.0


class _Listener(WSListener):
    """Bridges picows' callbacks to ours; the first failure is kept for the caller."""

    def __init__(
        self, clock: Clock, opened: Callable[[Send], None], frame: Callable[[bytes, Mono], None]
    ) -> None:
        self._clock = clock
        self._opened = opened
        self._frame = frame
        self.error: Exception | None = None
        self.closed = ""

    def on_ws_connected(self, transport: WSTransport) -> None:
        """picows' callback."""
        self._opened(lambda text: transport.send(WSMsgType.TEXT, text.encode()))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """picows' callback."""
        received = self._clock.mono()
        if frame.msg_type == WSMsgType.TEXT:
            try:
                self._frame(frame.get_payload_as_bytes(), received)
            except Exception as error:  # noqa: BLE001 carried to run()'s caller
                self.error = error
                transport.disconnect()
        elif frame.msg_type == WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.CLOSE:
            self.closed = f"closed by the venue: {frame.get_close_code()}"
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()


class PicowsStreams:
    """Opens streams under any of some base addresses, over any of some links (IP addresses of this host)."""

    def __init__(self, base_urls: Sequence[str], clock: Clock, links: Sequence[str] = ()) -> None:
        self._ways = [(url.rstrip("/"), link) for url, link in product(base_urls, links or ("",))]
        self._rotation = Rotation(len(self._ways))
        self._clock = clock

    async def run(
        self, path: str, opened: Callable[[Send], None], frame: Callable[[bytes, Mono], None]
    ) -> str:
        """See the port. A way on which it failed is followed by the next one at once."""
        causes: list[str] = []
        order = self._rotation.order(path, self._clock.mono())
        for number in order:
            last = number == order[-1]
            listener = _Listener(self._clock, opened, frame)
            began = self._clock.mono()
            self._rotation.begun(number, path)
            try:
                within_s = CONNECT_TIMEOUT_S if last else CONNECT_NEXT_S
                transport = await self._connected(number, path, listener, within_s)
                return await _lived(transport, listener)
            except ConnectFailed as error:
                causes.append(str(error))
            finally:
                now = self._clock.mono()
                self._rotation.ended(number, path, now, now - began)
        raise ConnectFailed("; ".join(causes))

    async def _connected(
        self, number: int, path: str, listener: _Listener, within_s: float
    ) -> WSTransport:
        base, link = self._ways[number]
        url = f"{base}{path}"
        try:
            async with asyncio.timeout(within_s):
                transport, _ = await ws_connect(
                    lambda: listener,
                    url,
                    enable_auto_ping=True,
                    auto_ping_idle_timeout=PING_AFTER_S,
                    auto_ping_reply_timeout=PONG_WITHIN_S,
                    auto_ping_strategy=WSAutoPingStrategy.PING_WHEN_IDLE,
                    enable_auto_pong=False,
                    local_addr=(link, 0) if link else None,
                )
        except (OSError, WSError, TimeoutError) as error:
            via = f" from {link}" if link else ""
            raise ConnectFailed(f"{url}{via}: {str(error) or 'no answer in time'}") from error
        return transport


async def _lived(transport: WSTransport, listener: _Listener) -> str:
    """How a stream ended that was opened."""
    try:
        await transport.wait_disconnected()
    finally:
        transport.disconnect()
    if listener.error is not None:
        raise listener.error
    return listener.closed or "connection lost"
