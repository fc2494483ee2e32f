"""Finished worlds in a file, a line each: a run that was interrupted goes on where it was.

A line counts for the options and the code that made it. Others stay in the file, uncounted.
"""

from functools import cache
from hashlib import blake2b
from pathlib import Path

import msgspec

import nightdesk
from nightdesk.config.load import load
from nightdesk.simulation.campaign import ENDS, Outcome, SeedOptions
from nightdesk.simulation.lines import Lines


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One world. What is said twice is there for people and for programs that know no more than JSON.

    `config` is a hash over the desk's config and the strategies it names by file.
    """

    seed: int
    clean: bool
    law: str
    what: str
    profile: str
    seconds: float
    shuffle: bool
    config: str
    code: str
    outcome: Outcome


class Keep:
    """One file, this process's alone while it is open; `known` are the worlds that need not be run again."""

    def __init__(self, path: Path, options: SeedOptions) -> None:
        self.known: dict[int, Outcome] = {}
        self.others = 0  # lines of other options or another version of the code
        self._options = options
        self._config = config_hash(options)
        self._lines = Lines(path, Line, "world")
        for line in self._lines.told:
            if self._counts(line):
                self.known[line.seed] = line.outcome
            else:
                self.others += 1
        self.torn = self._lines.torn  # bytes of a last line that was never finished

    def __enter__(self) -> "Keep":
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()

    def add(self, outcome: Outcome) -> None:
        """Write one more; it is there when this returns, whatever becomes of this process."""
        line = Line(
            seed=outcome.seed,
            clean=outcome.clean,
            law=outcome.law,
            what=outcome.what,
            profile=self._options.profile,
            seconds=self._options.seconds,
            shuffle=self._options.shuffle,
            config=self._config,
            code=code_version(),
            outcome=outcome,
        )
        self._lines.add(line)

    def _counts(self, line: Line) -> bool:
        options = self._options
        theirs = (line.profile, line.seconds, line.shuffle, line.config, line.code)
        ours = (options.profile, options.seconds, options.shuffle, self._config, code_version())
        # A world that took too long may be a busy machine's doing: it is tried again.
        return theirs == ours and line.law != ENDS


@cache
def code_version() -> str:
    """A hash over the sources of this package as they are on the disk."""
    package = Path(str(nightdesk.__file__)).parent
    digest = blake2b(digest_size=8)
    for path in sorted(package.rglob("*.py")):
        data = path.read_bytes()
        digest.update(f"{path.relative_to(package).as_posix()} {len(data)}\n".encode() + data)
    return digest.hexdigest()


def config_hash(options: SeedOptions) -> str:
    """A hash over the config, the strategies' files in it, the symbols and the faults; "" where a world has
    nothing of its own."""
    if not (options.config or options.symbols or options.faults is not None):
        return ""
    digest = blake2b(options.config.encode(), digest_size=8)
    digest.update(msgspec.json.encode((options.symbols, options.faults)))
    if not options.config:
        return digest.hexdigest()
    for strategy in load(options.config, "the world's config").strategy:
        file = strategy.kind.partition(":")[0]
        if file.endswith(".py"):
            path = Path(options.base) / file
            digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()
