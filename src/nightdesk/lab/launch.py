"""Start a lab from options: files and command lines become settings and a market.

Owns reading accounts files and opening recordings. Refuses half-right input: everything
wrong with it is reported at once, each with its place.
"""

import tomllib
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from itertools import islice

import msgspec

from nightdesk.lab.auth import Keyring
from nightdesk.lab.generated import GeneratedMarket
from nightdesk.lab.live import LiveMarket
from nightdesk.lab.live_feed import follow, listing, perp_listing
from nightdesk.lab.live_frames import USDM
from nightdesk.lab.market import Market
from nightdesk.lab.recorded import RecordedMarket
from nightdesk.lab.replay import ReplayMarket
from nightdesk.lab.server import serve
from nightdesk.lab.settings import (
    KNOWN_SYMBOLS,
    AccountSettings,
    HeldBy,
    LabSettings,
    SymbolSettings,
    check_contracts,
    default_symbol,
)
from nightdesk.lab.usdm.settings import KNOWN_PERPS, PerpSettings, UsdmSettings, default_perp
from nightdesk.recordings.files import Meter, open_lines
from nightdesk.recordings.recognise import HEAD_LINES, recognise
from nightdesk.recordings.report import BrokenCapture
from nightdesk.recordings.table import TableReader

DAY_NS = 24 * 3600 * 1_000_000_000
APART_MAX_NS = DAY_NS  # two recordings that begin further apart show no common market
# Without an accounts file there is one account, whose keys are no secret.
PRACTICE_ACCOUNT = AccountSettings(
    name="practice",
    api_key="practice-key",
    secret="practice-secret",
    balances={"BTC": Decimal(1), "ETH": Decimal(10), "USDT": Decimal(100_000)},
    usdm={"USDT": Decimal(100_000)},
)


class LiveVenue(msgspec.Struct, frozen=True, kw_only=True):
    """Whose public side is the market: its rules by REST, its quotes and trades by stream."""

    rest: str
    stream: str
    symbols: list[str]


class LaunchOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a person may choose when starting a lab."""

    host: str = "127.0.0.1"
    port: int = 0
    replay: list[str] = []
    live: LiveVenue | None = None
    speed: float = 1.0
    seed: int = 1
    accounts_file: str | None = None
    maker_fee: Decimal = Decimal("0.001")
    taker_fee: Decimal = Decimal("0.001")
    start_on_subscriber: bool | None = None
    # A USD-M venue beside spot, with a generated market, recorded ones or a live one.
    usdm: bool = False
    usdm_replay: list[str] = []
    usdm_live: LiveVenue | None = None


Replay = ReplayMarket | RecordedMarket


class LaunchRefused(Exception):
    """The lab cannot start; one line for each thing that is wrong."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class _AccountsFile(msgspec.Struct, forbid_unknown_fields=True):
    account: list[dict[str, object]]


class _AccountRow(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: str
    api_key: str
    secret: str | None = None
    ed25519_public_key: str | None = None
    balances: dict[str, Decimal] = {}
    may_withdraw: bool = False
    usdm: dict[str, Decimal] = {}
    contracts: dict[str, HeldBy] = {}


def prepare(options: LaunchOptions) -> tuple[LabSettings, Market]:
    """Settings and spot market of these options. Raises `LaunchRefused` and `VenueAway`."""
    settings, market, _ = prepare_both(options)
    return settings, market


def prepare_both(options: LaunchOptions) -> tuple[LabSettings, Market, Market | None]:
    """Settings, spot market and perpetual market, where one is asked for; raises as `prepare` does."""
    problems: list[str] = []
    accounts = _accounts(options.accounts_file, problems)
    if (options.live and options.replay) or (options.usdm_live and options.usdm_replay):
        raise LaunchRefused(["a live market plays no recording: leave one of them out"])
    if not options.speed > 0:
        problems.append(f"speed: above 0, not {options.speed}")
    replay = _replay(options.replay, options.speed, problems)
    symbols = _symbols(options.live, replay, problems)
    perp_replay = _replay(options.usdm_replay, options.speed, problems)
    perps = _perps(options.usdm_live, perp_replay, problems)
    _align(replay, perp_replay, problems)
    _check_contracts(accounts, UsdmSettings(symbols=perps), problems)
    for name, fee in (("maker fee", options.maker_fee), ("taker fee", options.taker_fee)):
        if not 0 <= fee < 1:
            problems.append(f"{name}: a rate from 0 to below 1, not {fee}")
    if problems:
        raise LaunchRefused(problems)
    recorded = replay is not None or perp_replay is not None
    waits = options.start_on_subscriber
    settings = LabSettings(
        seed=options.seed,
        accounts=accounts,
        symbols=symbols,
        maker_fee=options.maker_fee,
        taker_fee=options.taker_fee,
        # A recording is short: it waits for its audience unless told otherwise.
        start_on_subscriber=recorded if waits is None else waits,
        usdm=UsdmSettings(symbols=perps),
    )
    market: Market
    if options.live is not None:
        market = LiveMarket(options.live.stream, options.live.symbols)
    else:
        market = GeneratedMarket(symbols, options.seed) if replay is None else replay
    perp_market: Market | None = perp_replay
    if options.usdm_live is not None:
        perp_market = LiveMarket(options.usdm_live.stream, options.usdm_live.symbols, USDM)
    elif perp_replay is None and options.usdm:
        perp_market = GeneratedMarket(perps, options.seed, venue="usdm")
    return settings, market, perp_market


def _replay(paths: list[str], speed: float, problems: list[str]) -> Replay | None:
    captures: list[str] = []
    tables: list[TableReader] = []
    for path in paths:
        try:
            reader = recognise(path, list(islice(open_lines(path), HEAD_LINES)))
        except OSError as e:
            problems.append(f"replay {path}: {e.strerror or e}")
        except (ValueError, BrokenCapture) as e:
            problems.append(f"replay: {e}" if path in str(e) else f"replay {path}: {e}")
        else:
            if reader is None:
                captures.append(path)
            else:
                tables.append(reader)
    if captures and tables:
        both = f"{captures[0]} and {tables[0].file}"
        problems.append(f"replay: a raw capture and a table are not one market: {both}")
    if not paths or problems:
        return None
    try:
        return _market(captures, tables, speed)
    except ValueError as e:
        problems.append(f"replay: {e}")
    return None


def _align(spot: Replay | None, perps: Replay | None, problems: list[str]) -> None:
    """Two recordings play side by side, as they were recorded."""
    if spot is None or perps is None:
        return
    first, last = sorted((spot.origin_ns, perps.origin_ns))
    if last - first > APART_MAX_NS:
        days = (last - first) / DAY_NS
        problems.append(f"replay: spot and perpetuals were recorded {days:.0f} days apart")
    spot.origin_ns = perps.origin_ns = first


def _check_contracts(
    accounts: tuple[AccountSettings, ...], usdm: UsdmSettings, problems: list[str]
) -> None:
    for account in accounts:
        try:
            check_contracts(account, usdm)
        except ValueError as e:
            problems.append(str(e))


def _market(captures: list[str], tables: list[TableReader], speed: float) -> Replay:
    meter = Meter()
    if captures:
        return ReplayMarket([(path, open_lines(path, meter)) for path in captures], speed, meter)
    return RecordedMarket(
        [(t, open_lines(t.file, meter)) for t in tables], speed, meter, aligned=True
    )


def _symbols(
    live: LiveVenue | None, replay: Replay | None, problems: list[str]
) -> tuple[SymbolSettings, ...]:
    if live is not None:
        return listing(live.rest, live.symbols, problems)
    if replay is None:
        return tuple(KNOWN_SYMBOLS.values())
    if isinstance(replay, RecordedMarket):
        return replay.rules
    found = []
    for symbol in replay.symbols:
        try:
            found.append(default_symbol(symbol))
        except ValueError as e:
            problems.append(f"replay: {e}")
    return tuple(found)


def _perps(
    live: LiveVenue | None, replay: Replay | None, problems: list[str]
) -> tuple[PerpSettings, ...]:
    """Settings of the perpetuals that are followed, or that a recording holds; else the known ones."""
    if live is not None:
        return perp_listing(live.rest, live.symbols, problems)
    if replay is None:
        return tuple(KNOWN_PERPS.values())
    found = []
    for symbol in replay.symbols:
        try:
            found.append(default_perp(symbol))
        except ValueError as e:
            problems.append(f"replay: {e}")
    if not isinstance(replay, RecordedMarket):
        return tuple(found)
    # A table tells its own grid.
    grids = {rules.symbol: rules for rules in replay.rules}
    return tuple(
        msgspec.structs.replace(
            perp,
            tick=grids[perp.symbol].tick,
            step=grids[perp.symbol].step,
            price_min=grids[perp.symbol].tick,
            quantity_min=grids[perp.symbol].step,
        )
        for perp in found
    )


def _accounts(path: str | None, problems: list[str]) -> tuple[AccountSettings, ...]:
    if path is None:
        return (PRACTICE_ACCOUNT,)
    try:
        with open(path, "rb") as file:
            rows = msgspec.convert(tomllib.load(file), _AccountsFile).account
    except OSError as e:
        problems.append(f"{path}: {e.strerror or e}")
        return ()
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as e:
        problems.append(f"{path}: {e}")
        return ()
    accounts: list[AccountSettings] = []
    for number, row in enumerate(rows, start=1):
        place = f"{path}: [[account]] {number}"
        try:
            account = _account(row)
            _check_unlike(account, accounts)
            accounts.append(account)
        except (msgspec.ValidationError, ValueError) as e:
            problems.append(f"{place}: {e}")
    return tuple(accounts)


def _account(row: dict[str, object]) -> AccountSettings:
    fields = msgspec.convert(row, _AccountRow)
    account = AccountSettings(
        name=fields.name,
        api_key=fields.api_key,
        secret=fields.secret,
        ed25519_public_key=fields.ed25519_public_key,
        balances=fields.balances,
        may_withdraw=fields.may_withdraw,
        usdm=fields.usdm,
        contracts=fields.contracts,
    )
    Keyring((account,))  # reads the public key, if there is one
    return account


def _check_unlike(account: AccountSettings, others: list[AccountSettings]) -> None:
    for other in others:
        if account.name == other.name:
            raise ValueError(f"the name {account.name!r} is taken by an earlier account")
        if account.api_key == other.api_key:
            raise ValueError(f"its api_key is that of account {other.name!r}")


async def serve_from_options(options: LaunchOptions, ready: Callable[[str], None]) -> None:
    """Run a lab until cancelled. Raises `LaunchRefused` before anything is started."""
    settings, market, perp_market = prepare_both(options)
    venues = ((market, options.live), (perp_market, options.usdm_live))
    lives = [
        (each, live.stream)
        for each, live in venues
        if live is not None and isinstance(each, LiveMarket)
    ]
    await serve(
        settings,
        market,
        perp_market=perp_market,
        host=options.host,
        port=options.port,
        ready=ready,
        heard=partial(follow, lives) if lives else None,
    )
