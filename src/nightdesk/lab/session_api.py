"""Session methods of the WebSocket API: log on and off, subscribe to account events.

Owns the methods that change only the session they arrive on. Refuses everything else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nightdesk.lab import params
from nightdesk.lab.auth import Keyring, window, ws_payload
from nightdesk.lab.catalogue import FaultKind
from nightdesk.lab.faults import Target
from nightdesk.lab.refusals import Refused, unknown_key
from nightdesk.lab.sessions import Session, Sessions
from nightdesk.lab.settings import AccountSettings
from nightdesk.lab.views import Json

Method = Callable[[Session, Mapping[str, str], int], object]

WEIGHT = 2
_SIGNED = frozenset({"apiKey", "signature", "timestamp", "recvWindow"})


@dataclass(slots=True)
class SessionApi:
    """The session methods of one lab."""

    sessions: Sessions
    keyring: Keyring
    venue_ns: Callable[[int], int]

    def methods(self) -> dict[str, Method]:
        """Every session method by name."""
        return {
            "session.logon": self.logon,
            "session.status": self.status,
            "session.logout": self.logout,
            "session.subscriptions": self.subscriptions,
            "userDataStream.subscribe": self.subscribe,
            "userDataStream.subscribe.signature": self.subscribe_signed,
            "userDataStream.unsubscribe": self.unsubscribe,
        }

    def logon(self, session: Session, sent: Mapping[str, str], now_ns: int) -> object:
        """Authenticate the connection; Ed25519 keys only."""
        account = self._signer("session.logon", sent, now_ns)
        if account.secret is not None:
            raise Refused(-1002, "You are not authorized to execute this request.", status=401)
        session.api_key = account.api_key
        session.authorized_ns = now_ns
        return self.status(session, {}, now_ns)

    def _signer(self, method: str, sent: Mapping[str, str], now_ns: int) -> AccountSettings:
        faults = self.sessions.faults
        target = Target(sent, ws=method, name=method)
        if faults.faults and faults.pick((FaultKind.UNAUTHORIZED,), target, now_ns) is not None:
            raise unknown_key()
        params.check_names(sent, _SIGNED, signed=True)
        account = self.keyring.owner(params.required(sent, "apiKey"))
        asked = window(sent)
        self.keyring.verify(account, ws_payload(sent), sent.get("signature"))
        asked.check_on_receipt(self.venue_ns(now_ns))
        return account

    def status(self, session: Session, sent: Mapping[str, str], now_ns: int) -> object:
        """Who this connection is."""
        params.check_names(sent, (), signed=False)

        def stamp(at_ns: int) -> int:
            return self.venue_ns(at_ns) // session.unit_ns

        shown: Json = {
            "apiKey": session.api_key,
            "authorizedSince": (
                None if session.authorized_ns is None else stamp(session.authorized_ns)
            ),
            "connectedSince": stamp(session.connected_ns),
            "returnRateLimits": session.show_limits,
            "serverTime": stamp(now_ns),
            "userDataStream": bool(session.subscriptions),
        }
        return shown

    def logout(self, session: Session, sent: Mapping[str, str], now_ns: int) -> object:
        """Forget the key; the subscription that came with it ends."""
        session.api_key = session.authorized_ns = None
        if session.logon_subscription is not None:
            self._end(session, session.logon_subscription, now_ns)
        return self.status(session, sent, now_ns)

    def subscriptions(self, session: Session, sent: Mapping[str, str], now_ns: int) -> object:
        """Which subscriptions this connection has."""
        return [{"subscriptionId": number} for number in session.subscriptions]

    def subscribe(self, session: Session, sent: Mapping[str, str], now_ns: int) -> object:
        """Listen to the account that is logged on."""
        params.check_names(sent, (), signed=False)
        if session.api_key is None:
            raise unknown_key()
        number = session.subscribe(self.keyring.owner(session.api_key).name)
        session.logon_subscription = number
        return {"subscriptionId": number}

    def subscribe_signed(self, session: Session, sent: Mapping[str, str], now_ns: int) -> object:
        """Listen to the account that signs."""
        return {
            "subscriptionId": session.subscribe(
                self._signer("userDataStream.subscribe.signature", sent, now_ns).name
            )
        }

    def unsubscribe(self, session: Session, sent: Mapping[str, str], now_ns: int) -> object:
        """Stop listening: to one subscription, or to all."""
        params.check_names(sent, ("subscriptionId",), signed=False)
        number = params.long(sent, "subscriptionId")
        if number is not None and number not in session.subscriptions:
            raise Refused(-2036, "User Data Stream subscription not active.")
        ending = list(session.subscriptions) if number is None else [number]
        for ended in ending:
            self._end(session, ended, now_ns)
        return {}

    def _end(self, session: Session, number: int, now_ns: int) -> None:
        session.subscriptions.pop(number, None)
        if session.logon_subscription == number:
            session.logon_subscription = None
        self.sessions.tell_session(
            session,
            number,
            now_ns,
            lambda stamp: {"e": "eventStreamTerminated", "E": stamp(now_ns)},
        )
