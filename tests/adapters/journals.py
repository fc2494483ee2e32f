"""Frames and holders that the journal's tests plant in it, and a look at the whole chain."""

from builders import NOW
from nightdesk.adapters.sqlite_journal import SqliteJournal
from nightdesk.journal.chain import Chain, Head
from nightdesk.journal.frame import GENESIS, digest_of, encode_frame
from nightdesk.model.ids import Epoch, Seq
from nightdesk.model.time import SECOND_NS, Wall
from nightdesk.ports.journal import Holder

ME = Holder(name="me", machine="m", boot="b", pid=11, started=1)
OTHER = Holder(name="other", machine="m", boot="b", pid=12, started=2)
TTL = 3 * SECOND_NS


def frames(
    count: int, *, epoch: int = 1, head: Head | None = None, at: Wall = NOW
) -> tuple[list[bytes], Head]:
    """`count` frames that follow `head`, each with a small record, and the head behind them."""
    head = head or Head(seq=Seq(0), digest=GENESIS, epoch=Epoch(0))
    made: list[bytes] = []
    digest, seq = head.digest, head.seq
    for _ in range(count):
        seq = Seq(seq + 1)
        frame = encode_frame(
            seq=seq, epoch=Epoch(epoch), at=at, previous=digest, body=f"record {seq}".encode()
        )
        digest = digest_of(frame)
        made.append(frame)
    return made, Head(seq=seq, digest=digest, epoch=Epoch(epoch))


def whole_chain(journal: SqliteJournal) -> int:
    """How many slots the journal holds, after checking that every one follows the one before."""
    chain = Chain(Head(seq=Seq(0), digest=GENESIS, epoch=Epoch(0)))
    count = sum(1 for _ in chain.read(journal.rows(Seq(0), 10_000_000)))
    assert chain.torn is None, chain.torn
    return count
