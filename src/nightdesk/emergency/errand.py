"""One account, round by round, until nothing is left to do there and stays so.

A round asks what is open and held, cancels what has to go, and closes one order's worth of each thing that is
held. Nothing of the answers is believed for longer than the round, but two things: what our own orders closed,
until the venue's answers cannot lag behind it any more; and that an order of ours may exist, until the venue
was asked for it by its id. It is done when a whole span passed in which every round found nothing: so long
after its decision an order of a dead desk may still arrive, and a fill be told.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import partial

import msgspec

from nightdesk.emergency.asking import (
    NEVER_LEFT,
    Asking,
    Silent,
    mono,
    refused_key,
    said,
)
from nightdesk.emergency.decide import (
    Kept,
    Left,
    Task,
    Verb,
    exposed_of,
    left_of,
    to_cancel,
)
from nightdesk.model.errors import OperatingError
from nightdesk.model.ids import ClientOrderId
from nightdesk.model.instrument import Instrument
from nightdesk.model.money import ZERO, add, plain
from nightdesk.model.outcome import Outcome, Verdict
from nightdesk.model.time import SECOND_NS, Mono, Wall
from nightdesk.venues.protocol import NoAnswer, NotFound, Unlisted
from nightdesk.venues.way_out import Account, Close, OpenOrder, Traded

WINDOW_NS = 5 * SECOND_NS  # how late one of our orders may reach the venue
SETTLE_NS = 2 * SECOND_NS  # how late after a cancel a fill may still be booked
ABSENT_AFTER = 2  # "not found" answers that are believed, past window and lag: one may lag more
CANCELS_MAX = 50  # in one round
PACE_NS = SECOND_NS
REFUSED_WAIT_MAX_NS = 16 * SECOND_NS
KEY_REFUSED_MAX = 3  # in a row: then nobody can get out by it
MINUTE_NS = 60 * SECOND_NS
HALF = 2  # of what an address may ask: others may share it


class Ordered(msgspec.Struct, kw_only=True):
    """One order of ours. `traded` is None while nobody knows whether it exists; `counted_from` is when the
    venue's answers tell all of it; `void` says that it was never accepted."""

    close: Close
    name: str
    sent: Mono
    traded: Traded | None = None
    void: str = ""
    counted_from: Mono = Mono(0)
    absent: int = 0

    @property
    def open(self) -> bool:
        """Whether it may still trade."""
        return not self.void and (self.traded is None or not self.traded.ended)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What the last whole round found. `why` is what is waited for."""

    going: tuple[OpenOrder, ...] = ()
    kept: tuple[Kept, ...] = ()
    left: tuple[Left, ...] = ()
    why: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether nothing is left to do."""
        return not self.why and not self.going and all(each.dust for each in self.left)


class Unreachable(OperatingError):
    """Nothing that was named can be got out of there."""


class Errand:
    """One place's; `round` is called when it is `due`, until it is `done` or `failed`."""

    def __init__(
        self,
        asking: Asking,
        task: Task,
        *,
        name: str,
        quiet_ns: int,
        read_lag_ns: int,
        new_id: Callable[[], ClientOrderId],
        say: Callable[[str], None],
    ) -> None:
        self.task, self.name = task, name
        self.ordered: list[Ordered] = []
        self.standing: Standing | None = None  # None before the first whole round
        self.done = False
        self.failed = ""  # why it was given up
        self.due = Mono(0)
        self.unlisted: tuple[str, ...] = ()  # what was named and the venue does not list
        self._asking = asking
        self._codec = asking.codec
        self._quiet_ns, self._read_lag_ns = quiet_ns, read_lag_ns
        self._new_id = new_id
        self._say = say
        self._rules: Mapping[str, Instrument] | None = None
        self._clean_since: Mono | None = None
        self._refused: dict[tuple[str, str], tuple[int, Mono]] = {}  # how often, and not before
        self._keys_refused = 0

    @property
    def key_refused(self) -> bool:
        """Whether nobody gets out by this key."""
        return self._keys_refused >= KEY_REFUSED_MAX

    def look(self) -> Standing:
        """What a round would do, without doing it; raises `Silent`."""
        return self._looked()

    def round(self) -> None:
        """One round; what the venue does not answer is asked again by the next."""
        self._asking.spent = 0
        began = mono()
        try:
            self._resolve()
            standing = self._looked()
            self._cancel(standing.going)
            self._close(standing.left)
            self._judge(standing, began)
            self._keys_refused = 0
            if standing.going and not self._codec.contracts:
                return  # what they bound can be sold at once
        except Silent as silent:
            self._silent(silent.outcome)
            self.due = Mono(2 * mono() - began)  # as long as it kept others waiting it waits itself
        except Unreachable as error:
            self.failed = str(error)
        allowed = self._codec.weight_per_minute // HALF
        paced = Mono(began + max(PACE_NS, self._asking.spent * MINUTE_NS // allowed))
        self.due = max(self.due, paced, self._asking.not_before)

    def _silent(self, outcome: Outcome) -> None:
        self._clean_since = None
        self._asking.heed(outcome)
        self._keys_refused = self._keys_refused + 1 if refused_key(outcome) else 0
        self._say(f"{self.name} did not answer: {said(outcome)}")
        if self.key_refused:
            self.failed = f"the venue refuses the key: {said(outcome)}"

    def _judge(self, standing: Standing, began: Mono) -> None:
        self.standing = standing
        if not standing.clean:
            self._clean_since = None
            return
        if self._clean_since is None:
            self._clean_since = began
            self._say(
                f"{self.name}: nothing left; watching for {self._quiet_ns / SECOND_NS:.1f} s that it stays so"
            )
        self.done = began - self._clean_since >= self._quiet_ns

    # --- what there is ------------------------------------------------------------------------

    def _looked(self) -> Standing:
        rules = self._known_rules()
        orders = self._opened()
        asked = mono()
        account = self._account()
        bids = self._bids(account, rules)
        exposed = exposed_of(account, self.task, rules, bids, contracts=self._codec.contracts)
        going, kept = to_cancel(orders, self.task, exposed)
        left: list[Left] = []
        if self.task.verb is Verb.FLATTEN:
            left = left_of(account, self.task, rules, self._sold(asked), bids)
        why = [f"{each.name}: {each.why}" for each in left if each.why]
        why += [
            f"{each.close.client_id}: nobody knows yet whether it traded"
            for each in self.ordered
            if each.open
        ]
        return Standing(going=tuple(going), kept=tuple(kept), left=tuple(left), why=tuple(why))

    def _known_rules(self) -> Mapping[str, Instrument]:
        """By symbol; one that the venue does not list keeps nobody from getting out of the others."""
        if self._rules is None:
            symbols = self.task.symbols
            if not symbols and not self._codec.contracts:
                return {}  # of the whole account nobody asks for more than what is open
            told = self._ruled(symbols)
            if told is None:
                each = [self._ruled((symbol,)) or {} for symbol in symbols]
                told = {symbol: rule for rules in each for symbol, rule in rules.items()}
            self._rules = told
            self.unlisted = tuple(symbol for symbol in symbols if symbol not in told)
            if self.unlisted:
                self._say(f"{self.name} lists no {', '.join(self.unlisted)}; going on without")
                listed = tuple(symbol for symbol in symbols if symbol in told)
                self.task = msgspec.structs.replace(self.task, symbols=listed)
        if self.unlisted and not self.task.symbols:  # never the whole account instead
            raise Unreachable(f"it lists no {', '.join(self.unlisted)}")
        if self.task.verb is Verb.FLATTEN and not self._codec.contracts:
            bases = (self._rules[symbol].base for symbol in self.task.symbols)
            unknown = [base for base in bases if base not in self.task.baseline]
            if unknown:
                raise Unreachable(no_baseline(unknown))
        return self._rules

    def _ruled(self, symbols: tuple[str, ...]) -> Mapping[str, Instrument] | None:
        """None where it does not list all of them."""
        told = self._codec.ruled(self._asking.send(self._codec.rules(symbols)))
        if isinstance(told, NoAnswer):
            raise Silent(told.outcome)
        return None if isinstance(told, Unlisted) else told

    def _opened(self) -> list[OpenOrder]:
        found: list[OpenOrder] = []
        for symbol in self.task.symbols or ("",):
            results = [self._asking.ask(sign) for sign in self._codec.open_orders(symbol)]
            told = self._codec.opened(results)
            if isinstance(told, NoAnswer):
                raise Silent(told.outcome)
            found += told
        return found

    def _account(self) -> Account:
        told = self._codec.told_account(self._asking.ask(self._codec.account))
        if isinstance(told, NoAnswer):
            raise Silent(told.outcome)
        return told

    def _bids(self, account: Account, rules: Mapping[str, Instrument]) -> dict[str, Decimal]:
        """Prices of what is held on spot, where an order has a least worth; one that is not told is missing."""
        if self._codec.contracts:
            return {}
        names = {held.name for held in account.held}
        held = [s for s in self.task.symbols if s in rules and rules[s].base in names]
        bids = {}
        for symbol in held:
            bid = self._codec.priced(self._asking.send(self._codec.price(symbol)))
            if not isinstance(bid, NoAnswer):
                bids[symbol] = bid
        return bids

    def _sold(self, asked: Mono) -> dict[tuple[str, str], Decimal]:
        """What an account that was asked for then may not tell yet; of an order in doubt all of it."""
        found: dict[tuple[str, str], Decimal] = {}
        for each in self.ordered:
            key = (each.name, each.close.mode_side)
            if each.open:
                qty = each.close.qty
            elif each.traded is not None and asked < each.counted_from:
                qty = each.traded.filled
            else:
                continue
            found[key] = add(found.get(key, ZERO), qty)
        return found

    # --- what is done about it ----------------------------------------------------------------

    def _cancel(self, going: tuple[OpenOrder, ...]) -> None:
        for order in going[:CANCELS_MAX]:
            result = self._asking.ask(partial(self._codec.cancel, order, self._new_id()))
            outcome = self._asking.heed(self._codec.cancelled(result))
            what = f"{self.name}: cancel {order.symbol} {order.side} {plain(order.qty)} ({order.client_id})"
            if outcome.verdict is Verdict.ACKED:
                self._say(f"{what}: done")
            else:
                self._say(f"{what}: {outcome.verdict}, {said(outcome)}")

    def _close(self, left: tuple[Left, ...]) -> None:
        for each in left:
            key = (each.name, each.mode_side)
            in_doubt = any((o.name, o.close.mode_side) == key and o.open for o in self.ordered)
            _, again_from = self._refused.get(key, (0, Mono(0)))
            if each.qty > 0 and not in_doubt and mono() >= again_from:
                self._order(each)

    def _order(self, left: Left) -> None:
        """One order, sent once. Its id is drawn for it alone: no answer about it is ever another's."""
        deadline = Wall(self._asking.now() + WINDOW_NS)
        close = Close(
            client_id=self._new_id(),
            symbol=left.symbol,
            side=left.side,
            qty=left.qty,
            mode_side=left.mode_side,
            deadline=deadline,
        )
        request = self._codec.close(close, self._asking.now())
        ordered = Ordered(close=close, name=left.name, sent=mono())
        self.ordered.append(ordered)
        outcome: Traded | Outcome = NEVER_LEFT
        if request is not None:
            outcome = self._codec.closed(close, self._asking.send(request))
        self._ended(ordered, outcome)

    def _ended(self, ordered: Ordered, outcome: Traded | Outcome) -> None:
        close = ordered.close
        key = (ordered.name, close.mode_side)
        what = f"{self.name}: {close.side} {plain(close.qty)} {close.symbol} at the market ({close.client_id})"
        if isinstance(outcome, Traded):
            self._traded(ordered, outcome)
            self._refused.pop(key, None)
            self._say(f"{what}: {plain(outcome.filled)} traded")
            return
        self._asking.heed(outcome)
        if outcome.verdict in (Verdict.REJECTED, Verdict.NOT_SENT):
            ordered.void = said(outcome)
            times, _ = self._refused.get(key, (0, Mono(0)))
            wait_ns = min(SECOND_NS << min(times, 10), REFUSED_WAIT_MAX_NS)
            self._refused[key] = (times + 1, Mono(mono() + wait_ns))
        self._say(f"{what}: {outcome.verdict}, {said(outcome)}")
        if refused_key(outcome):
            raise Silent(outcome)

    def _traded(self, ordered: Ordered, traded: Traded) -> None:
        ordered.traded = traded
        ordered.counted_from = Mono(mono() + self._read_lag_ns)

    def _resolve(self) -> None:
        """Ask for each of our orders that may exist, by its id; it is given up only when the venue, asked twice
        after it could neither arrive nor be hidden any more, does not know it."""
        for each in self.ordered:
            if not each.open:
                continue
            asked = mono()
            result = self._asking.ask(partial(self._codec.query, each.close))
            told = self._codec.queried(each.close, result)
            if isinstance(told, Traded):
                self._traded(each, told)
                self._say(
                    f"{self.name}: {each.close.client_id} is there: {plain(told.filled)} traded"
                )
            elif isinstance(told, NotFound):
                if asked > each.sent + WINDOW_NS + self._read_lag_ns:
                    each.absent += 1
                if each.absent >= ABSENT_AFTER:
                    each.void = "the venue never had it"
                    self._say(f"{self.name}: {each.close.client_id}: {each.void}")
            else:
                raise Silent(told.outcome)


def no_baseline(assets: Iterable[str]) -> str:
    """What to do where nobody said how much of an asset is not the desk's."""
    typed = " ".join(f"--baseline {asset}=QUANTITY" for asset in assets)
    return (
        f"how much is not the desk's to sell? say it with {typed} (0 sells all of it), with [baseline] in the "
        "config, or with --baseline-from and what status --json told when the desk held nothing"
    )


def quiet_ns(ttl_ns: int, read_lag_ns: int) -> int:
    """How long nothing may be found before it is over: an order of a desk that died may arrive so late, and
    what it or a cancelled one traded be told so late."""
    return ttl_ns + read_lag_ns + SETTLE_NS
