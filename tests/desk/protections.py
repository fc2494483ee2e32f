"""A bench whose strategy protects what it holds on spot, and the venue that carries it out."""

from decimal import Decimal

from benches import Bench, cancels, sent
from builders import BTCUSDT, STRATEGY, D
from nightdesk.desk.events import Decision
from nightdesk.model.order import Intent, Origin, VenueStatus
from nightdesk.strategy.messages import Protect

OWNER = (STRATEGY, BTCUSDT)


def protect(bench: Bench, **terms: str | int) -> Decision:
    """Declare a protection; prices as text."""
    made = {name: D(term) if isinstance(term, str) else term for name, term in terms.items()}
    return bench.propose(Protect(instrument=BTCUSDT, **made))  # type: ignore[arg-type]


def stops(bench: Bench, seconds: float = 1) -> list[Intent]:
    """What protective orders leave meanwhile; all of them rest."""
    made = []
    for decision in bench.ticks(seconds, quoted=True):
        for intent in sent(decision):
            assert intent.origin is Origin.PROTECT
            bench.ack(intent)
            made.append(intent)
    return made


def ended(bench: Bench, *decisions: Decision) -> list[Intent]:
    """The venue carries out every cancel, and confirms it when nothing can be hidden any more."""
    gone = []
    for client_id in dict.fromkeys(cancels(*decisions)):
        order = bench.state.orders.get(client_id)
        assert order is not None
        bench.told(bench.report(order.intent, VenueStatus.CANCELLED, order.filled))
        gone.append(order.intent)
    for intent in gone:
        bench.confirm(intent)
    return gone


def covered(bench: Bench) -> Decimal:
    """What live protective orders would close."""
    return bench.state.guarded(OWNER)


def long_and_covered(**terms: str) -> Bench:
    """One is held, and what protects it rests."""
    bench = Bench().ready()
    bench.buy("1")
    protect(bench, **terms)
    stops(bench)
    return bench
