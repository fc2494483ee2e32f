"""What is made of bars is as fresh as bars can be: a quote stands for its whole minute.

Owns how old a quote of bars may be in a replay, and how often one is told again. Refuses to overrule a config
that says it itself.
"""

from collections.abc import Mapping

from nightdesk.config.schema import Config, Instrument
from nightdesk.lab.market import Market
from nightdesk.lab.recorded import RecordedMarket
from nightdesk.model.ids import InstrumentId, instrument_key, venue_of
from nightdesk.model.time import MS_NS
from nightdesk.recordings.rows import MINUTE_NS

_MINUTE_MS = MINUTE_NS // MS_NS
Markets = Mapping[bool, Market]  # by whether they are of contracts


def held_to_bars(config: Config, markets: Markets) -> tuple[Config, list[str]]:
    """`config` with `stale_after_ms` counted from a bar's end where it was left to itself, and what to say
    of it. Behind the last bar before a gap a quote is too old as soon as a live one would be."""
    told = "stale_after_ms" in config.limits.model_fields_set
    held_ms = _MINUTE_MS + config.limits.stale_after_ms
    instruments, held, slow = list[Instrument](), list[str](), list[str]()
    for instrument in config.instrument:
        kept, market = instrument, _recorded(config, instrument, markets)
        if market is not None and instrument_key(InstrumentId(instrument.id)) in market.bars:
            if not told and instrument.limits.stale_after_ms is None:
                limits = instrument.limits.model_copy(update={"stale_after_ms": held_ms})
                kept = instrument.model_copy(update={"limits": limits})
                held.append(instrument.id)
            elif _stale_ms(config, instrument) <= _MINUTE_MS:
                slow.append(instrument.id)
        instruments.append(kept)
    said = []
    if held:
        said.append(f"played by bars: {', '.join(held)}; stale_after_ms is {held_ms} for it")
    if slow:
        said.append(
            f"played by bars: {', '.join(slow)}; the config's stale_after_ms is below a minute, so that quotes "
            f"are repeated, which is slow: left out of the config, it is {held_ms} for bars alone"
        )
    return config.model_copy(update={"instrument": instruments}), said


def repeat_quotes(config: Config, markets: Markets, every_ns: int | None) -> None:
    """Let quotes that stand be told again as often as the desk needs it, or `every_ns`: none is ever taken for
    a dead feed. Bars tell a new one each minute, which may be enough."""
    for instrument in config.instrument:
        market, symbol = (
            _recorded(config, instrument, markets),
            instrument_key(InstrumentId(instrument.id)),
        )
        if market is None or symbol not in market.symbols:
            continue
        stale_ms = _stale_ms(config, instrument)
        enough = symbol in market.bars and stale_ms > _MINUTE_MS
        market.pulse(symbol, every_ns or (None if enough else stale_ms * MS_NS // 2))


def _recorded(config: Config, instrument: Instrument, markets: Markets) -> RecordedMarket | None:
    venue = config.venue[venue_of(InstrumentId(instrument.id))]
    market = markets.get(venue.contracts)
    return market if isinstance(market, RecordedMarket) else None


def _stale_ms(config: Config, instrument: Instrument) -> int:
    return instrument.limits.stale_after_ms or config.limits.stale_after_ms
