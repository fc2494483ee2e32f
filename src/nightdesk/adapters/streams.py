"""Websocket streams through picows: frames are stamped and handed over inside the socket's own callback."""

import asyncio
from collections.abc import Callable

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

CONNECT_TIMEOUT_S = 5.0
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
    """Opens streams under one base address."""

    def __init__(self, base_url: str, clock: Clock) -> None:
        self._base = base_url.rstrip("/")
        self._clock = clock

    async def run(
        self, path: str, opened: Callable[[Send], None], frame: Callable[[bytes, Mono], None]
    ) -> str:
        """See the port."""
        url = f"{self._base}{path}"
        listener = _Listener(self._clock, opened, frame)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                transport, _ = await ws_connect(
                    lambda: listener,
                    url,
                    enable_auto_ping=True,
                    auto_ping_idle_timeout=PING_AFTER_S,
                    auto_ping_reply_timeout=PONG_WITHIN_S,
                    auto_ping_strategy=WSAutoPingStrategy.PING_WHEN_IDLE,
                    enable_auto_pong=False,
                )
        except (OSError, WSError, TimeoutError) as error:
            raise ConnectFailed(f"{url}: {str(error) or 'no answer in time'}") from error
        try:
            await transport.wait_disconnected()
        finally:
            transport.disconnect()
        if listener.error is not None:
            raise listener.error
        return listener.closed or "connection lost"
