"""The last words of a lab that shuts down.

Owns what every websocket is told before it is closed. Refuses to decide when.
"""

from collections.abc import Iterable

from nightdesk.lab.streams import MarketStreams
from nightdesk.lab.wire import CloseWs, Out, Push

_GOING_AWAY = 1001


def farewell(
    streams: MarketStreams, api_conns: Iterable[int], others: Iterable[int], at_ns: int, at_ms: int
) -> list[Out]:
    """Tell market listeners and api sockets that the venue shuts down, then close them and the
    `others`, whose venue has no words for it."""
    outs: list[Out] = []
    event = f'{{"e":"serverShutdown","E":{at_ms}}}'
    for conn, listener in streams.listeners.items():
        text = f'{{"stream":"!serverShutdown","data":{event}}}' if listener.combined else event
        outs.append(Push(conn=conn, at_ns=at_ns, text=text))
    api_conns = list(api_conns)
    for conn in api_conns:
        outs.append(Push(conn=conn, at_ns=at_ns, text=f'{{"event":{event}}}'))
    for conn in [*streams.listeners, *api_conns, *others]:
        outs.append(CloseWs(conn=conn, at_ns=at_ns, code=_GOING_AWAY, reason="shutdown"))
    return outs
