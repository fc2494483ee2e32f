"""Where a world plays: a lab, what its account holds, the desk that trades there; its options and its end."""

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from random import Random

import msgspec

from nightdesk.config.schema import Config
from nightdesk.lab.core import Lab
from nightdesk.lab.generated import GeneratedMarket
from nightdesk.lab.settings import (
    KNOWN_SYMBOLS,
    AccountSettings,
    HeldBy,
    LabSettings,
    SymbolSettings,
    default_symbol,
)
from nightdesk.lab.usdm.settings import KNOWN_PERPS, UsdmSettings, default_perp
from nightdesk.model.account import Margin
from nightdesk.model.ids import InstrumentId, VenueId, instrument_key, venue_of
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.node.compose import signed_codecs
from nightdesk.node.plan import Outside
from nightdesk.node.practice import BALANCES, held_by, practice_text
from nightdesk.ports.boards import WHOLE
from nightdesk.ports.venue import Http, Streams
from nightdesk.resilience.budget import Limit
from nightdesk.simulation.boards import Boards, allowance_on
from nightdesk.simulation.capping import drawn_caps, drawn_margin_caps
from nightdesk.simulation.contracts import with_contracts
from nightdesk.simulation.faults import Fault
from nightdesk.simulation.guarded import guarded_text
from nightdesk.simulation.hungry import hungry_text
from nightdesk.simulation.resting import resting_text
from nightdesk.venues.binance_sign import HmacSigner

KEY, SECRET = "simulated-key", "simulated-secret"
PACE = 0.1  # of the practice market: two quotes a second and symbol, and a trade now and then
HELD = Decimal(1_000)  # of an asset the practice account does not name
TIGHT_SHARE = 0.25  # of all venues: what they allow bites
TIGHT_PARTS = (3, 4)  # of six, an unknown exit may not be resolved in the time that a flatten has
CONTRACTS_SHARE = 0.25  # of all desks
RESTING_SHARE = 0.25  # of those
GUARDED_SHARE = 0.6  # of the others; the rest leans
PROTECTS_SHARE = 0.25  # of the others
LOSSES_SHARE = 0.3  # of the desks that lean: the rest trades on
COPIES_SHARE = 0.3  # of all desks
NODES = (1, 1, 2, 2, 2, 3)
ENDS_ALGOS_SHARE = 0.5  # of all venues: no document says whether a countdown does
DEAD_MAN_S = (0, 10, 15, 20, 30, 60)  # the last is the default
CAPS_SHARE = 0.5  # of the desks that lean: these have limits that may be set or not


# A fixed beginning: the calendar must not change a world. Funding is settled at midnight.
START = Wall(1_723_161_254 * SECOND_NS)
TO_MIDNIGHT_NS = 310 * SECOND_NS  # of the 346 s until then


class WorldOptions(msgspec.Struct, frozen=True, kw_only=True):
    """One world. `seconds` is how long faults may strike; the rest phase follows."""

    seed: int
    faults: Sequence[Fault]
    seconds: float = 300.0
    config: str = ""  # the practice desk's where empty
    base: str = "."
    shuffle: bool = False
    symbols: tuple[str, ...] = ()  # the only ones traded, where there are any
    parts: int = 1  # one of so many of its limits is what the venue allows
    nodes: int = 1  # of the desk, on one journal


class Ended(msgspec.Struct, kw_only=True):
    """How a world ended."""

    virtual_s: float
    turns: int
    trace: str  # hash of everything said, the same on every Python
    flat_s: float | None  # after the heal, None when it never was
    orders: dict[str, int]
    fills: int
    epochs: int
    torn: int
    broke: str = ""  # an exception that no desk may end with


def drawn_config(seed: int) -> str:
    """A drawn desk, that now and then hears its private streams twice; its entries in contracts end sooner or
    later after it."""
    text = _drawn_desk(seed)
    if (
        drawn_parts(seed) == 1
    ):  # else a renewal every few seconds would be most of what the venue allows
        after_s = Random(f"{seed}/dead_man").choice(DEAD_MAN_S)
        text = text.replace("dead_man_s = 60", f"dead_man_s = {after_s}")
    if Random(f"{seed}/copies").random() < COPIES_SHARE:
        return text.replace("private_copies = 1", "private_copies = 2")
    return text


def _drawn_desk(seed: int) -> str:
    """The practice desk, or one that protects what it holds, or one that leans on every limit, now and then
    until it may lose no more; some of the last two trade perpetuals beside spot, and so does one whose orders
    rest."""
    practice = practice_text("http://lab", list(KNOWN_SYMBOLS))
    traded = [f"binance:{symbol}" for symbol in KNOWN_SYMBOLS]
    draw = Random(f"{seed}/contracts")
    if draw.random() < CONTRACTS_SHARE:
        both, spot = with_contracts(practice), next(iter(KNOWN_SYMBOLS))
        traded = [f"binance:{spot}", *(f"usdm:{symbol}" for symbol in KNOWN_PERPS)]
        if Random(f"{seed}/resting").random() < RESTING_SHARE:
            return resting_text(both, traded)
        if draw.random() < GUARDED_SHARE:
            return guarded_text(both, traded)
        caps, own = drawn_margin_caps(Random(f"{seed}/margin"))
        return hungry_text(both, traded, caps=caps, strategies={"hungry": own})
    if Random(f"{seed}/protects").random() < PROTECTS_SHARE:
        return guarded_text(practice, traded)
    if Random(f"{seed}/config").random() < 0.5:
        return practice
    losing = Random(f"{seed}/losses").random() < LOSSES_SHARE
    draw = Random(f"{seed}/caps")
    if draw.random() >= CAPS_SHARE:
        return hungry_text(practice, traded, losses=losing)
    caps, strategies = drawn_caps(draw)
    return hungry_text(practice, traded, losses=losing, caps=caps, strategies=strategies)


def drawn_wallet(seed: int) -> Decimal:
    """What stands behind the contracts of a world: plenty, or what little leaves the gate no room."""
    return Decimal(Random(f"{seed}/wallet").choice((150, 1_000, 100_000)))


def narrowed(config: Config, symbols: Sequence[str]) -> Config:
    """The config with these symbols alone, and the strategies that trade one of them; of none, as it is."""
    if not symbols:
        return config
    ids = {i.id for i in config.instrument if instrument_key(InstrumentId(i.id)) in symbols}
    strategies = [
        s.model_copy(update={"instruments": [i for i in s.instruments if i in ids]})
        for s in config.strategy
        if ids & set(s.instruments)
    ]
    instruments = [i for i in config.instrument if i.id in ids]
    return config.model_copy(update={"instrument": instruments, "strategy": strategies})


def contracts_of(config: Config) -> dict[str, HeldBy]:
    """How the account holds the contracts that `config` trades."""
    return {
        symbol: HeldBy(leverage=terms.leverage, isolated=terms.margin is Margin.ISOLATED)
        for symbol, terms in held_by(config).items()
    }


def drawn_parts(seed: int) -> int:
    """One in how many of its limits the venue allows: all, or so few that a desk has to keep house."""
    draw = Random(f"{seed}/quota")
    return draw.choice(TIGHT_PARTS) if draw.random() < TIGHT_SHARE else 1


def drawn_nodes(seed: int) -> int:
    """How many nodes the desk of a world has: one alone, a pair, or three."""
    return Random(f"{seed}/nodes").choice(NODES)


def longer_s(parts: int) -> float:
    """How much longer a desk may need there: what it spent on answers that never came is given back after a
    window, and until then even the way out has nothing left to ask with."""
    return 0.0 if parts == 1 else 60.0


def limited(limits: Sequence[Limit], parts: int) -> tuple[Limit, ...]:
    """The limits of a codec whose venue allows a part of them."""
    return tuple(msgspec.structs.replace(each, most=each.most // parts) for each in limits)


def lab_of(seed: int, config: Config, parts: int = 1) -> Lab:
    """A lab with a generated market of what `config` trades, perpetuals beside spot, and one account; it allows
    one part of the venue's limits."""
    symbols = tuple(default_symbol(name) for name in traded(config, contracts=False))
    perps = tuple(default_perp(name) for name in traded(config, contracts=True))
    account = AccountSettings(
        name="practice",
        api_key=KEY,
        secret=SECRET,
        balances=balances_of(symbols),
        usdm={"USDT": drawn_wallet(seed)} if perps else {},
        contracts=contracts_of(config),
    )
    plenty, contracts = LabSettings(), UsdmSettings()
    settings = LabSettings(
        seed=seed,
        accounts=(account,),
        symbols=symbols,
        usdm=UsdmSettings(
            symbols=perps,
            weight_per_minute_max=contracts.weight_per_minute_max // parts,
            orders_per_10s_max=contracts.orders_per_10s_max // parts,
            orders_per_minute_max=contracts.orders_per_minute_max // parts,
            countdown_ends_algos=Random(f"{seed}/countdown").random() < ENDS_ALGOS_SHARE,
        ),
        weight_per_minute_max=plenty.weight_per_minute_max // parts,
        orders_per_10s_max=plenty.orders_per_10s_max // parts,
        orders_per_day_max=plenty.orders_per_day_max // parts,
    )
    market = GeneratedMarket(perps, seed, PACE, venue="usdm") if perps else None
    return Lab(settings, GeneratedMarket(symbols, seed, PACE), market)


def traded(config: Config, *, contracts: bool) -> list[str]:
    """The symbols that `config` trades as contracts, or the others."""
    ids = [InstrumentId(i.id) for i in config.instrument]
    return [instrument_key(i) for i in ids if config.venue[venue_of(i)].contracts is contracts]


def begin_of(config: Config) -> Wall:
    """When the world of such a desk begins: where contracts are traded, shortly before they are settled."""
    return Wall(START + (TO_MIDNIGHT_NS if traded(config, contracts=True) else 0))


def outside(
    config: Config,
    https: Sequence[Http],
    streams: Streams,
    boards: Boards | None = None,
    parts: int = 1,
    *,
    alone: bool = False,
) -> dict[VenueId, Outside]:
    """The ways to the venues of `config`, played by one lab that knows one key, all by the same lanes; `boards`
    are those of the machine, where several processes may be; the venues allow a part of their limits, and say
    so; `alone`, nothing dies: each private stream has one connection and no venue a dead man's switch, whatever
    `config` wants."""
    lanes = {f"endpoint {number}": http for number, http in enumerate(https, 1)}
    codecs = signed_codecs(config, HmacSigner(KEY, SECRET), partial(limited, parts=parts))
    return {
        name: Outside(
            http=https[0],
            lanes=lanes,
            market=streams,
            private=streams,
            codec=codec,
            private_copies=1 if alone else config.venue[name].private_copies,
            allowance=WHOLE if boards is None else allowance_on(boards, name, codec.limits),
            dead_man_ns=0 if alone else config.venue[name].dead_man_ns,
        )
        for name, codec in codecs.items()
    }


def balances_of(symbols: Sequence[SymbolSettings]) -> dict[str, Decimal]:
    """The practice desk's, and something of every asset that it does not know."""
    held = {symbol.base: HELD for symbol in symbols} | {symbol.quote: HELD for symbol in symbols}
    return held | {asset: Decimal(amount) for asset, amount in BALANCES.items()}


def names_of(lab: Lab) -> frozenset[str]:
    """The symbols and assets that a lab's venues have."""
    perps = () if lab.usdm is None else lab.usdm.exchange.rules.values()
    listed = (*lab.exchange.rules.values(), *perps)
    return frozenset(n for rules in listed for n in (rules.symbol, rules.base, rules.quote))
