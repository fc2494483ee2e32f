"""How many strategies a core carries at ten quotes a second each, every one on an instrument of its own.

At the real pace, in one thread: each quote through codec, desk and its strategy, the desk's ticks beside them.
A wish becomes an order once in a hundred seconds and strategy; the venue accepts it and fills nothing. Numbers
of strategies grow until the core's time is used up; what it carries is read between the last two.
"""

import asyncio
import time
from dataclasses import dataclass, field

from bench.measure import Figure, Run, at_least, spread
from bench.node import CONFIG, STRATEGY
from bench.still import StillDesk, still_desk
from bench.venue import quote_frame
from nightdesk.config.load import load
from nightdesk.config.schema import Config
from nightdesk.desk.events import Tick
from nightdesk.model.time import SECOND_NS
from nightdesk.node.plan import TICK_NS

CROWDS = (100, 200, 400, 800, 1600, 3200)
PER_SECOND = 10
FULL = 0.9  # of a core: beyond that lags grow
SOME = 100
AIM = 100
KIND = "bench.strategies:Following"


@dataclass
class Carried:
    """The share of a core that they took; how long after its time each quote was dealt with, in ns."""

    share: float = 0.0
    late: list[int] = field(default_factory=list)


def measure(run: Run) -> list[Figure]:
    """Run it."""
    seconds = run.pick(6, 2)
    found = {0: Carried()}
    for crowd in CROWDS:
        found[crowd] = asyncio.run(_carry(crowd, seconds))
        if found[crowd].share >= FULL:
            break
    few, many = list(found)[-2:]
    used, over = found[few].share, found[many].share
    carried = few + (many - few) * (FULL - used) / (over - used) if over >= FULL else many
    name = f"strategies that {FULL:.0%} of a core carries, {PER_SECOND} quotes a second each"
    share = Figure(
        name=f"... of a core for {SOME} of them", unit="%", value=100 * found[SOME].share, n=seconds
    )
    late = spread(f"... from a quote's time to the end of its handler, {SOME}", found[SOME].late)
    return [
        at_least(Figure(name=name, unit="strategies", value=int(carried), n=seconds), AIM),
        share,
        late,
    ]


def config_of(crowd: int) -> Config:
    """Each strategy on its own instrument."""
    text = CONFIG.format(rest="http://127.0.0.1:1", stream="ws://127.0.0.1:1")
    text = text.partition("[[instrument]]")[0]
    for symbol in symbols_of(crowd):
        text += f'[[instrument]]\nid = "binance:{symbol}"\n'
    for symbol in symbols_of(crowd):
        strategy = STRATEGY.format(kind=KIND).replace('"one"', f'"{symbol.lower()}"')
        text += strategy.replace("BTCUSDT", symbol)
    return load(text, "the bench's config")


def symbols_of(crowd: int) -> list[str]:
    """As many, all in USDT."""
    return [f"C{number:04}USDT" for number in range(crowd)]


async def _carry(crowd: int, seconds: int) -> Carried:
    carried, warm = Carried(), Carried()
    async with asyncio.TaskGroup() as group:
        desk = still_desk(group, config_of(crowd))
        frames = [_frames(crowd, second) for second in range(seconds + 1)]
        await _second(desk, frames[0], warm)
        began = time.thread_time_ns()
        for each in frames[1:]:
            await _second(desk, each, carried)
        carried.share = (time.thread_time_ns() - began) / (seconds * SECOND_NS)
    return carried


def _frames(crowd: int, second: int) -> list[bytes]:
    """A second of quotes, each strategy's evenly spread, in the order of their times."""
    symbols = symbols_of(crowd)
    numbers = range(second * PER_SECOND, (second + 1) * PER_SECOND)
    return [quote_frame(number, symbol) for number in numbers for symbol in symbols]


async def _second(desk: StillDesk, frames: list[bytes], carried: Carried) -> None:
    shell, market, mono = desk.shell, desk.codec.market, desk.clock.mono
    began, turns = mono(), SECOND_NS // TICK_NS
    for turn in range(turns):
        for number in range(turn * len(frames) // turns, (turn + 1) * len(frames) // turns):
            due = began + number * SECOND_NS // len(frames)
            if due > mono():
                await asyncio.sleep((due - mono()) / SECOND_NS)
            event = market(frames[number], mono())
            assert event is not None, "a quote"
            shell.market(event)
            carried.late.append(mono() - due)
        shell.handle(Tick(late_ns=0, journal_ns=0))
        shell.timers()
        await asyncio.sleep(0)
    left = began + SECOND_NS - mono()
    if left > 0:
        await asyncio.sleep(left / SECOND_NS)
