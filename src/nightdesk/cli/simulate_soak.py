"""`nightdesk simulate soak`: one long world, a line for every slice of it, and whether it grew."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from nightdesk.audit.verdict import Verdict
from nightdesk.cli.tables import OUT, print_json, say, table
from nightdesk.control.messages import ExitCode
from nightdesk.simulation.flatness import (
    MIB,
    SLICES_MIN,
    Flatness,
    flatness,
    journal_bytes_a_day,
)
from nightdesk.simulation.keeping import code_version
from nightdesk.simulation.lines import Lines
from nightdesk.simulation.patience import OutOfPatience
from nightdesk.simulation.soak import Slice, SoakOptions, soak

_MEMORY = Path("/dev/shm")  # where there is one: five million syncs are not what is measured


class Soaked(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints."""

    days: float
    orders: int
    starts: int
    flatness: list[Flatness]
    grew: list[str]
    violations: list[tuple[str, str]]
    journal_bytes_a_day: float


class _Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What stands in the file: a slice, or the end of a soak. It cannot be gone on with in the middle."""

    code: str
    seed: int
    days: float
    slice_hours: float
    slice: Slice | None = None
    ended: Soaked | None = None


def run_soak(
    days: float, seed: int, slice_hours: float, *, keep: Path | None, as_json: bool
) -> int:
    """To the end, if `keep` does not tell of it already; exit 1 when something grew or a law was broken."""
    line = _Line(code=code_version(), seed=seed, days=days, slice_hours=slice_hours)
    try:
        with nullcontext() if keep is None else Lines(keep, _Line, "soak") as kept:
            soaked = _ended(kept, line) or _soak(line, kept, as_json=as_json)
    except OutOfPatience as error:
        say(str(error))
        return ExitCode.FAILED
    if as_json:
        print_json(soaked)
    else:
        _print(soaked)
    for what in soaked.grew:
        say(f"grew: {what}")
    for law, what in soaked.violations:
        say(f"{law}: {what}")
    return ExitCode.FAILED if soaked.grew or soaked.violations else ExitCode.OK


def _soak(line: _Line, kept: Lines[_Line] | None, *, as_json: bool) -> Soaked:
    slices: list[Slice] = []

    def told(one: Slice) -> None:
        slices.append(one)
        if not as_json:
            OUT.print(_line(slices), markup=False, highlight=False, soft_wrap=True)
        if kept is not None:
            kept.add(msgspec.structs.replace(line, slice=one))

    soaked = _soaked(slices, _run(line, told))
    if kept is not None:
        kept.add(msgspec.structs.replace(line, ended=soaked))
    return soaked


def _run(line: _Line, told: Callable[[Slice], None]) -> Verdict:
    where = str(_MEMORY) if _MEMORY.is_dir() else None
    with TemporaryDirectory(prefix="nightdesk-soak-", dir=where) as folder:
        options = SoakOptions(
            seed=line.seed,
            days=line.days,
            slice_s=line.slice_hours * 3_600,
            folder=Path(folder),
        )
        return soak(options, told)


def _soaked(slices: list[Slice], verdict: Verdict) -> Soaked:
    rows = flatness(slices)
    return Soaked(
        days=slices[-1].day,
        orders=slices[-1].orders,
        starts=slices[-1].starts,
        flatness=rows,
        grew=[
            f"{row.what}: {row.first:.2f} to {row.last:.2f}, allowed {row.allowed:.2f}"
            for row in rows
            if not row.flat
        ],
        violations=[(f.law, f"{f.order} {f.what}".strip()) for f in verdict.findings],
        journal_bytes_a_day=journal_bytes_a_day(slices),
    )


def _line(slices: list[Slice]) -> str:
    now = slices[-1]
    orders, cpu_s = now.orders, now.cpu_s
    if len(slices) > 1:
        orders, cpu_s = orders - slices[-2].orders, cpu_s - slices[-2].cpu_s
    return (
        f"day {now.day:6.2f}  {now.orders:7,} orders  {now.starts:4} starts  "
        f"memory {now.memory_bytes / MIB:6.1f} MiB  journal {now.journal_bytes / MIB:6.1f} MiB  "
        f"snapshot {now.snapshot_bytes / 1024:6.1f} KiB  {cpu_s * 1_000 / max(1, orders):6.1f} ms an order"
    )


def _print(soaked: Soaked) -> None:
    rows: list[dict[str, object]] = [
        {
            "what": row.what,
            "first_third": f"{row.first:.2f}",
            "last_third": f"{row.last:.2f}",
            "allowed": f"{row.allowed:.2f}",
            "flat": "yes" if row.flat else "NO",
        }
        for row in soaked.flatness
    ]
    columns = ("what", "first_third", "last_third", "allowed", "flat")
    if rows:
        OUT.print(table("flat or not", rows, columns))
    else:
        say(f"too few slices to tell growth by: {SLICES_MIN} are needed")
    grows = soaked.journal_bytes_a_day / MIB
    line = f"the journal itself grows by {grows:.2f} MiB a day: nothing is trimmed from it"
    OUT.print(line, markup=False, highlight=False)


def _ended(kept: Lines[_Line] | None, line: _Line) -> Soaked | None:
    """How the same soak of the same code ended before; None when it did not."""
    for old in [] if kept is None else reversed(kept.told):
        if old.ended is not None and msgspec.structs.replace(old, ended=None) == line:
            say("this soak has ended before: its file tells how")
            return old.ended
    return None
