"""What a run came to: the desk's last sample, held against the venue's log and the journal."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from nightdesk.audit.invariant import Finding
from nightdesk.audit.venue_log import Entry, VenueLog
from nightdesk.audit.verdict import judge
from nightdesk.control.messages import Sample
from nightdesk.model import money
from nightdesk.model.ids import Epoch, InstrumentId, Seq, instrument_key
from nightdesk.model.instrument import Instrument
from nightdesk.model.money import ZERO
from nightdesk.model.records import Configured, Record
from nightdesk.model.time import Wall


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The one JSON object that `nightdesk up --json` prints. Times in ns, money in quote where not said.

    `pnl_realised` is of trades alone, before fees and funding. `pnl` is realised and unrealised, less fees,
    with funding and with what an insurance fund gave or took. `flows` is what venues moved of the wallets
    besides trades and funding, by its kind.

    Positions go by symbol, and by the instrument's id where two instruments have one symbol.
    """

    orders: dict[str, int]
    fills: int
    partial_fills: int
    cancels: int
    volume: Decimal
    fees: dict[str, Decimal]
    fees_quote: Decimal
    pnl: Decimal
    pnl_realised: Decimal
    pnl_unrealised: Decimal
    funding: Decimal
    flows: dict[str, Decimal]
    positions: dict[str, Decimal]
    worst_exposure: dict[str, dict[str, Decimal]]
    feed: dict[str, object]
    latency: dict[str, dict[str, int]]
    refusals: dict[str, int]
    duplicates: int
    unknown: int
    position_diff: dict[str, Decimal]
    findings: list[Finding]
    journal: dict[str, int]
    mode: str
    speed: str
    seed: int
    epochs: int

    @property
    def clean(self) -> bool:
        """Whether nothing is doubled, unknown, different or against a law."""
        return not (self.findings or self.unknown or any(self.position_diff.values()))


def result_of(
    sample: Sample,
    entries: Sequence[Entry],
    account: Mapping[str, Decimal],
    history: Iterable[tuple[Seq, Epoch, Wall, Record]],
    *,
    account_name: str,
    speed: str,
    seed: int,
    feed: Mapping[str, object],
) -> Result:
    """Hold everything together; `account` is what the venue says the account of that name holds now, by the
    names in the books: contracts by their ids."""
    kept = list(history)
    venue = VenueLog(entries, account_name)
    instruments: dict[InstrumentId, Instrument] = {}
    for *_, record in kept:
        if isinstance(record, Configured):
            instruments.update({i.id: i for i in record.instruments})
    keys = _keys([*instruments, *(InstrumentId(row.instrument) for row in sample.positions)])
    verdict = judge(kept, entries, account=account_name)
    return Result(
        orders=dict(sample.funnel),
        fills=sample.fills,
        partial_fills=venue.partial_fills,
        cancels=venue.cancels,
        volume=sample.volume,
        fees=sample.fees,
        fees_quote=sample.fees_quote,
        pnl=sample.profit,
        pnl_realised=sample.realised,
        pnl_unrealised=sample.unrealised,
        funding=sample.funding,
        flows=sample.flows,
        positions=_positions(sample, keys),
        worst_exposure={
            row.limit: {"worst": row.worst, "limit": row.maximum} for row in sample.limits
        },
        feed=_feed(sample, feed),
        latency=sample.latency,
        refusals=sample.refusals,
        duplicates=verdict.duplicates,
        unknown=sample.orders_unknown,
        position_diff={
            keys[i.id]: money.canonical(
                money.subtract(sample.balances.get(i.held_as, ZERO), account.get(i.held_as, ZERO))
            )
            for i in instruments.values()
        },
        findings=verdict.findings,
        journal=sample.journal,
        mode=sample.mode,
        speed=speed,
        seed=seed,
        epochs=sample.epoch,
    )


def _keys(instruments: Iterable[InstrumentId]) -> dict[InstrumentId, str]:
    """How people are told of each: by its symbol, where no other has the same."""
    named = dict.fromkeys(instruments)
    symbols = Counter(instrument_key(each) for each in named)
    return {
        each: instrument_key(each) if symbols[instrument_key(each)] == 1 else each for each in named
    }


def _positions(sample: Sample, keys: Mapping[InstrumentId, str]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for row in sample.positions:
        key = keys[InstrumentId(row.instrument)]
        found[key] = money.canonical(money.add(found.get(key, ZERO), row.qty))
    return found


def _feed(sample: Sample, feed: Mapping[str, object]) -> dict[str, object]:
    counters = sample.counters
    return {
        "events": counters.get("market.events", 0),
        "quarantined": counters.get("market.quarantined", 0),
        "reconnects": counters.get("market.reconnects", 0),
        "clock_offset_ns": sample.clock_offset_ns,
        **feed,
    }
