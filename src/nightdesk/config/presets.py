"""Where the venues of each kind are reached: for real money, and for play.

Sources, read 2026-11-22: Binance's rest-api.md, web-socket-api.md and web-socket-streams.md (production), its
USD-M "General Info" and "Important WebSocket Change Notice" (production), the constants of its own connector
(binance-connector-python; USD-M testnet), testnet/general-info.md (Spot Test Network; `/sapi` is not there) and
demo-mode/general-info.md (Demo Mode). What a key may do is told below /sapi, for all of the venue's markets at
one place: wallet, "Get API Key Permission".
"""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

Preset = Literal["production", "testnet", "demo"]
PRODUCTION: Preset = "production"


class Addresses(NamedTuple):
    """Scheme, host and port; the codec knows the paths."""

    rest: str
    stream: str
    private: str


PRESETS: Mapping[str, Mapping[str, Addresses]] = {
    "binance-spot": {
        "production": Addresses(
            rest="https://api.binance.com",
            stream="wss://stream.binance.com:9443",
            private="wss://ws-api.binance.com:443",
        ),
        "testnet": Addresses(
            rest="https://testnet.binance.vision",
            stream="wss://stream.testnet.binance.vision:9443",
            private="wss://ws-api.testnet.binance.vision:443",
        ),
        "demo": Addresses(
            rest="https://demo-api.binance.com",
            stream="wss://demo-stream.binance.com:9443",
            private="wss://demo-ws-api.binance.com:443",
        ),
    },
    "binance-usdm": {
        "production": Addresses(
            rest="https://fapi.binance.com",
            stream="wss://fstream.binance.com",
            private="wss://fstream.binance.com",
        ),
        "testnet": Addresses(
            rest="https://testnet.binancefuture.com",
            stream="wss://fstream.binancefuture.com",
            private="wss://fstream.binancefuture.com",
        ),
    },
}


WALLET = "https://api.binance.com"
# More hosts of a preset (rest-api.md, "General API Information"): they weigh what an address sends together.
_MORE: Mapping[str, tuple[str, str]] = {
    f"{host}.binance.com": ("binance-spot", PRODUCTION)
    for host in ("api-gcp", "api1", "api2", "api3", "api4")
}


def place_of(rest: str) -> tuple[str, str] | None:
    """The kind and preset that a REST host belongs to; None for one of somebody's own."""
    host = _host(rest).rstrip(".")
    for kind, presets in PRESETS.items():
        for preset, known in presets.items():
            if host == _host(known.rest):
                return kind, preset
    return _MORE.get(host)


def rights_at(kind: str, addresses: Addresses) -> str:
    """Where a key's rights are told, if that follows from where orders go; else empty: a key is shown to no
    host that was not named, and one of play to no real one."""
    if kind != "binance-usdm":
        return addresses.rest
    return WALLET if addresses.rest == PRESETS[kind][PRODUCTION].rest else ""


def moves_money(kind: str, addresses: Addresses) -> bool:
    """Whether orders sent there may cost real money: yes, unless the hosts are this machine or a preset's for
    play. The market's address does not count; nothing is ordered there."""
    play = {
        _host(address)
        for preset, known in PRESETS.get(kind, {}).items()
        if preset != PRODUCTION
        for address in known
    }
    hosts = {_host(addresses.rest), _host(addresses.private)}
    return any(host not in play and not _here(host) for host in hosts)


def _host(address: str) -> str:
    return urlsplit(address).hostname or ""


def _here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
