"""The durable state as bytes: what a snapshot holds, and what the hashes of two nodes compare."""

from decimal import Decimal
from hashlib import blake2b

import msgspec

from nightdesk.desk.protection import Protection
from nightdesk.desk.state import DeskState
from nightdesk.desk.target import TargetState
from nightdesk.model.account import Flow
from nightdesk.model.ids import Epoch, InstrumentId, Seq, StrategyId, VenueId, venue_of
from nightdesk.model.instrument import Instrument
from nightdesk.model.records import LimitSet
from nightdesk.model.time import Wall
from nightdesk.modes.ladder import Cause
from nightdesk.orders.book import Order
from nightdesk.portfolio.exits import Exits
from nightdesk.portfolio.position import Position
from nightdesk.risk.losses import Marks


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """Everything `DeskState` folds; what follows from it (exposure, holds) is left out."""

    seq: Seq
    epoch: Epoch
    nonce: int
    nonces: list[tuple[int, int]]
    config_hash: str
    instruments: list[Instrument]
    live: list[Order]
    ended: list[Order]
    positions: list[tuple[str, str, Position]]
    balances: dict[str, Decimal]
    opened: dict[str, Decimal]
    causes: dict[str, dict[str, Cause]]
    targets: list[tuple[str, str, TargetState]]
    kept: dict[StrategyId, bytes]
    intents_at: list[Wall]
    kept_versions: dict[StrategyId, int] = {}
    counts: dict[str, int]
    marks: dict[str, Marks] = {}
    exits: dict[str, Exits] = {}
    protections: list[tuple[str, str, Protection]] = []
    traffic_second: list[tuple[int, dict[str, int]]] = []
    traffic_minute: list[tuple[int, dict[str, int]]] = []
    limits_set: list[LimitSet] = []
    booked: list[tuple[str, Wall]] = []  # in the order in which it was booked
    booked_from: Wall = Wall(0)  # of the one venue of older journals
    compared: dict[VenueId, Wall] = {}
    flows: dict[Flow, Decimal] = {}
    plan_hash: str = ""
    generation: int = 0


_ENCODER = msgspec.msgpack.Encoder(order="deterministic")
_DECODER = msgspec.msgpack.Decoder(Image)


def encode_state(state: DeskState) -> bytes:
    """The state's bytes; equal states have equal bytes."""
    image = Image(
        seq=state.seq,
        epoch=state.epoch,
        nonce=state.nonce,
        nonces=sorted(state.nonces.items()),
        config_hash=state.config_hash,
        instruments=list(state.instruments.values()),
        live=list(state.orders.live.values()),
        ended=list(state.orders.ended.values()),
        positions=[(s, i, p) for (s, i), p in sorted(state.positions.items())],
        balances=state.funds.balances,
        opened=state.opened,
        causes=state.ladder.causes,
        targets=[(s, i, t) for (s, i), t in sorted(state.targets.items())],
        kept=state.kept,
        kept_versions=state.kept_versions,
        intents_at=list(state.intents_at),
        counts=state.counts,
        marks=state.marks,
        exits=state.exits,
        protections=[(s, i, p) for (s, i), p in sorted(state.protections.items())],
        traffic_second=list(state.traffic.second.buckets),
        traffic_minute=list(state.traffic.minute.buckets),
        limits_set=[
            each
            for _, named in sorted(state.limits_set.items())
            for _, each in sorted(named.items())
        ],
        booked=list(state.booked.at.items()),
        compared=state.booked.since,
        flows=state.funds.flows,
        plan_hash=state.plan_hash,
        generation=state.generation,
    )
    return _ENCODER.encode(image)


def decode_state(body: bytes, now: Wall) -> DeskState:
    """The state in `body`; exposure and holds are counted anew. Raises `msgspec.ValidationError`."""
    image = _DECODER.decode(body)
    state = DeskState()
    state.seq, state.epoch, state.nonce = image.seq, image.epoch, image.nonce
    state.nonces, state.config_hash = dict(image.nonces), image.config_hash
    state.plan_hash, state.generation = image.plan_hash, image.generation
    state.instruments = {i.id: i for i in image.instruments}
    state.orders.live = {o.intent.client_id: o for o in image.live}
    state.orders.ended = {o.intent.client_id: o for o in image.ended}
    state.positions = {(StrategyId(s), InstrumentId(i)): p for s, i, p in image.positions}
    state.funds.balances, state.opened = image.balances, image.opened
    state.funds.flows = image.flows
    state.ladder.causes = image.causes
    state.targets = {(StrategyId(s), InstrumentId(i)): t for s, i, t in image.targets}
    state.protections = {(StrategyId(s), InstrumentId(i)): p for s, i, p in image.protections}
    for owner in state.protections:  # an older image does not say for which side they are
        state.protection_noted(owner)
    state.kept, state.kept_versions = image.kept, image.kept_versions
    state.counts = image.counts
    state.marks, state.exits = image.marks, image.exits
    state.booked.at, state.booked.since = dict(image.booked), image.compared
    if image.opened and not image.compared:
        state.booked.since = {venue_of(i.id): image.booked_from for i in image.instruments[:1]}
    state.intents_at.extend(image.intents_at)
    state.traffic.second.load(image.traffic_second)
    state.traffic.minute.load(image.traffic_minute)
    for each in image.limits_set:
        state.limits_set.setdefault(each.scope, {})[each.limit] = each
    state.recount(now)
    return state


def state_hash(state: DeskState) -> str:
    """A short name of the state; two nodes that folded the same journal agree on it."""
    return blake2b(encode_state(state), digest_size=16).hexdigest()
