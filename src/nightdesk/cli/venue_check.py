"""`nightdesk doctor --venue X`: one venue looked at, with a config or without."""

import asyncio
from pathlib import Path

import msgspec

from nightdesk.cli.errors import worded
from nightdesk.cli.places import load_config
from nightdesk.cli.tables import OUT, print_json, table
from nightdesk.config.presets import PRESETS, PRODUCTION
from nightdesk.config.schema import Config
from nightdesk.config.venue import Venue as VenueConfig
from nightdesk.control.messages import ExitCode
from nightdesk.model.errors import BadInput, NightdeskError
from nightdesk.model.ids import InstrumentId, VenueId, instrument_key, venue_of
from nightdesk.model.time import SECOND_NS
from nightdesk.node.compose import KINDS, endpoints_of, facts_of
from nightdesk.node.refused import MayWithdraw
from nightdesk.venues.binance_sign import Unsigned
from nightdesk.venues.capabilities import Capabilities
from nightdesk.wiring.asking import ask_key
from nightdesk.wiring.probing import Result, Row, Venue, probe

WITHIN_S = 60.0  # an address that swallows everything is given up after seconds, and all are asked together
SYMBOL = "BTCUSDT"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed; empty where it was not."""

    venue: str
    preset: str
    symbol: str
    fees: bool


def examine_venue(asked: Asked, config: Path | None, *, as_json: bool) -> int:
    """Look at one venue; exit 1 when a check failed. Raises `BadInput` for a venue that nobody knows."""
    loaded, base = None, Path()
    if config is not None:
        loaded, base = load_config(config), config.resolve().parent
    venue = _by_kind(asked) if loaded is None else _by_name(asked, loaded, base)
    rows = asyncio.run(_within(venue, fees=asked.fees))
    config_of = None if loaded is None else loaded.venue[asked.venue]
    rows.append(_dead_man(venue.codec.capabilities, config_of))
    rows.append(_key(asked.venue, loaded, base))
    if as_json:
        print_json(rows)
    else:
        told = [msgspec.structs.asdict(row) for row in rows]
        OUT.print(table(f"doctor: {asked.venue}", told, ("check", "result", "what")))
    failed = any(row.result is Result.FAILED for row in rows)
    return ExitCode.FAILED if failed else ExitCode.OK


async def _within(venue: Venue, *, fees: bool) -> list[Row]:
    try:
        async with asyncio.timeout(WITHIN_S):
            return await probe(venue, fees=fees)
    except TimeoutError:
        what = (
            f"{venue.addresses.rest}: not all was answered in {WITHIN_S:.0f} s; look at the network"
        )
        return [Row(check="venue", result=Result.FAILED, what=what)]


def _by_kind(asked: Asked) -> Venue:
    kind, preset = asked.venue, asked.preset or PRODUCTION
    if kind not in KINDS:
        raise BadInput(
            f"--venue {kind}: there is {', '.join(KINDS)}; a venue of a config by its name: "
            "nightdesk doctor --config FILE --venue NAME"
        )
    addresses = PRESETS[kind].get(preset)
    if addresses is None:
        raise BadInput(f"--preset {preset}: {kind} has {', '.join(PRESETS[kind])}")
    symbol, where = asked.symbol or SYMBOL, VenueId(kind)
    return Venue(
        codec=KINDS[kind](where, Unsigned(), {symbol: InstrumentId(f"{kind}:{symbol}")}),
        facts=facts_of(kind, None, Path()),
        addresses=addresses,
        alternates=KINDS[kind].capabilities.alternates if preset == PRODUCTION else (),
        symbol=symbol,
        keyed=False,
        place="--preset",
    )


def _by_name(asked: Asked, config: Config, base: Path) -> Venue:
    name, found = asked.venue, config.venue.get(asked.venue)
    if found is None:
        raise BadInput(f"--venue {name}: the config has {', '.join(config.venue)}")
    if asked.preset:
        raise BadInput(f"--preset {asked.preset}: the config says where {name} is; leave it out")
    if found.practises:
        raise BadInput(
            f"--venue {name}: the practice exchange is started with its desk; what it speaks like: "
            "nightdesk venues"
        )
    ids = [InstrumentId(instrument.id) for instrument in config.instrument]
    traded = [instrument_key(each) for each in ids if venue_of(each) == name]
    symbol = asked.symbol or next(iter(traded), SYMBOL)
    codec = KINDS[found.kind]
    return Venue(
        codec=codec(VenueId(name), Unsigned(), {symbol: InstrumentId(f"{name}:{symbol}")}),
        facts=facts_of(found.kind, found.account if asked.fees else None, base),
        addresses=found.addresses,
        alternates=endpoints_of(name, found).rest[1:],
        symbol=symbol,
        keyed=True,
        place=f"rest or preset in [venue.{name}]",
    )


def _dead_man(can: Capabilities, config: VenueConfig | None) -> Row:
    """Whether the venue cancels what a desk that is gone has left, and after how long."""
    check = "dead man"
    if not can.dead_man:
        what = "the venue has no dead man's switch: entries of a desk that is gone stay open there"
        return Row(check=check, result=Result.SKIPPED, what=what)
    if config is None:
        return Row(check=check, result=Result.OK, what=can.dead_man)
    if not config.dead_man_ns:
        what = f"switched off (dead_man_s = 0); the venue has one: {can.dead_man}"
        return Row(check=check, result=Result.SKIPPED, what=what)
    what = f"entries end {config.dead_man_ns // SECOND_NS} s after the desk ({can.dead_man})"
    return Row(check=check, result=Result.OK, what=what)


def _key(name: str, config: Config | None, base: Path) -> Row:
    """Withdrawals must be off. What is not told is no failure here: a desk with real money refuses by
    itself."""
    if config is None:
        what = "a key's rights need a config: nightdesk doctor --config FILE --venue NAME"
        return Row(check="key", result=Result.SKIPPED, what=what)
    try:
        facts = ask_key(config, base, VenueId(name))
    except NightdeskError as error:
        return Row(check="key", result=Result.FAILED, what=worded(error))
    if facts.may_withdraw:
        return Row(check="key", result=Result.FAILED, what=str(MayWithdraw(facts.tail)))
    if facts.may_withdraw is None:
        what = f"it is not told what the key ending in {facts.tail} may do: {facts.why}"
        return Row(check="key", result=Result.SKIPPED, what=what)
    what = f"the key ending in {facts.tail} may not withdraw; account {facts.account or 'not told'}"
    return Row(check="key", result=Result.OK, what=what)
