"""What a node is told to run, and the world it is given."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from hashlib import blake2b

import msgspec

from nightdesk.desk.settings import DeskSettings, StrategySettings
from nightdesk.model.account import Terms
from nightdesk.model.errors import BadInput
from nightdesk.model.ids import InstrumentId, StrategyId, VenueId
from nightdesk.model.instrument import Instrument
from nightdesk.model.mode import Mode
from nightdesk.model.time import MS_NS, SECOND_NS
from nightdesk.ports.boards import WHOLE, Allowance
from nightdesk.ports.clock import Clock, Entropy
from nightdesk.ports.journal import JournalEngine
from nightdesk.ports.latch import NOWHERE, LatchPlace
from nightdesk.ports.process import LogSink, Processes
from nightdesk.ports.spool import Spool
from nightdesk.ports.venue import Http, Streams
from nightdesk.risk.limits import Limits, StrategyLimits
from nightdesk.risk.losses import LossLimits
from nightdesk.runtime.lease import Term
from nightdesk.strategy.api import Strategy
from nightdesk.venues.protocol import KeyCodec, VenueCodec

SNAPSHOT_EVERY = 20_000  # records: replaying so many takes well under a second
TICK_NS = 50 * MS_NS
CLOCK_EVERY_S = 10.0
VERSION = "0.1.0"


class StrategyPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One strategy to run."""

    name: StrategyId
    kind: type[Strategy]
    params: Mapping[str, object]
    instruments: tuple[InstrumentId, ...]
    losses: LossLimits = LossLimits()
    limits: StrategyLimits = StrategyLimits()
    capital: Decimal | None = None


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How often a node looks after itself where nothing happens; the defaults are the live ones.

    `look_every_ns` is the longest time between two ticks, and so the bound of everything that only a look
    can find: a stepped clock, a process that stood still. What the desk itself has to do in time is done within
    one tick (`TICK_NS`) of its moment at every pace: the tick knows when that is.
    """

    look_every_ns: int = TICK_NS
    lease: Term = Term()
    clock_every_s: float = CLOCK_EVERY_S
    journal_every_s: float = 1.0
    account_every_ns: int = 10 * SECOND_NS
    mirror_every_ns: int = 2 * MS_NS  # how often a standby looks for what is new while anything is
    streams_watched: bool = True  # whether one may die unseen, or be ended for its age


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """How a node was started beside others of its desk. One that does not stand by leads at once or not at all;
    of several that do, the one of the least `rank` goes first. `rest_ns` is how long a lease that was handed
    over is left to others."""

    stands_by: bool = False
    rank: int = 0
    rest_ns: int = 0


ALONE = Role()


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A desk before its venues have named the instruments' rules."""

    name: str
    limits: Mapping[InstrumentId, Limits]
    baseline: Mapping[str, Decimal]
    strategies: tuple[StrategyPlan, ...]
    read_lag_ns: int
    order_ttl_ns: int
    snapshot_every: int = SNAPSHOT_EVERY
    losses: LossLimits = LossLimits()
    real: Mapping[VenueId, str] = {}  # the kinds of venues where an order costs real money
    live: str = ""  # the fingerprint that was typed
    pace: Pace = Pace()
    asset_max: Mapping[str, Decimal] = {}  # by base asset
    terms: Mapping[InstrumentId, Terms] = {}
    uncovered: Mode = Mode.NORMAL  # of the desk while nobody stands by who could lead
    hot: bool = True  # who stands by holds connections and hears the venues
    digest: str = ""  # of all that a person wrote down of this desk

    def hash(self, settings: DeskSettings) -> str:
        """Equal for nodes that may lead the same desk: by the same config, whatever the venues said of their
        instruments meanwhile."""
        told = f"{settings.plan_hash()} {self.digest}"
        return blake2b(told.encode(), digest_size=16).hexdigest()

    def settled(
        self,
        rules: Sequence[Instrument],
        replacing: Iterable[VenueId] = (),
        amending: Iterable[VenueId] = (),
    ) -> DeskSettings:
        """The settings once the rules are known, and which venues replace and amend orders; raises `BadInput`
        where positions could not be told apart."""
        bases: dict[str, str] = {}
        for instrument in rules:
            if instrument.contract:
                continue  # its position is its own, whatever else is traded on the same asset
            other = bases.setdefault(instrument.base, instrument.symbol)
            if other != instrument.symbol:
                raise BadInput(
                    f"{instrument.symbol} and {other} both hold {instrument.base}: one account cannot tell "
                    "their positions apart; trade one of them, or use two accounts"
                )
        return DeskSettings(
            name=self.name,
            limits=self._limits(rules),
            instruments={i.id: i for i in rules},
            baseline=self.baseline,
            strategies={
                s.name: StrategySettings(
                    name=s.name,
                    instruments=s.instruments,
                    losses=s.losses,
                    limits=s.limits,
                    capital=s.capital,
                )
                for s in self.strategies
            },
            read_lag_ns=self.read_lag_ns,
            order_ttl_ns=self.order_ttl_ns,
            losses=self.losses,
            account_every_ns=self.pace.account_every_ns,
            terms=self.terms,
            replacing=frozenset(replacing),
            amending=frozenset(amending),
        )

    def _limits(self, rules: Sequence[Instrument]) -> dict[InstrumentId, Limits]:
        """With that of its base asset beside each instrument: only the venue tells which that is."""
        most = {i.id: self.asset_max.get(i.base) for i in rules}
        return {
            instrument: msgspec.structs.replace(limits, asset_max=most.get(instrument))
            for instrument, limits in self.limits.items()
        }


class Outside(msgspec.Struct, frozen=True, kw_only=True):
    """The way to one venue, and how it speaks; `rights` leads to who tells of its key, None where nobody
    is known. `key` is None in worlds whose venue was made with them. `private_copies` is how many connections
    carry its private stream at once. `lanes`, where there are several, are all the ways of requests by name,
    `http` being the first. `dead_man_ns` is after which time the venue cancels entries that nobody looks after,
    0 where it does not."""

    http: Http
    market: Streams
    private: Streams
    codec: VenueCodec
    key: KeyCodec | None = None
    rights: Http | None = None
    private_copies: int = 1
    lanes: Mapping[str, Http] = {}
    allowance: Allowance = WHOLE
    dead_man_ns: int = 0


class World(msgspec.Struct, frozen=True, kw_only=True):
    """Everything outside: production or simulation. The clock of the first of the `venues` is the desk's."""

    clock: Clock
    entropy: Entropy
    processes: Processes
    log: LogSink
    journal: JournalEngine
    venues: Mapping[VenueId, Outside]
    log_dropped: Callable[[], int]
    latch: LatchPlace = NOWHERE
    spool: Spool | None = None
