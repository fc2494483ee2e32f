"""A world written down: what a shrunk failure becomes, and what a person may write by hand."""

from pathlib import Path

import msgspec

from nightdesk.simulation.campaign import SeedOptions
from nightdesk.simulation.faults import Fault


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What cannot be drawn from the seed alone. `seconds` is how long faults may strike before the heal."""

    seed: int
    faults: list[Fault] = []
    seconds: float = 300.0
    symbols: list[str] = []  # the only ones traded; none: all of the desk's
    shuffle: bool = False
    parts: int = 1  # one of so many of its limits is what the venue allows
    nodes: int = 1  # of the desk, on one journal
    config: str = ""  # a desk.toml, found from where the scenario is; none: the practice desk's
    strategy: str = ""  # your.py:Class alone on the practice desk, found from where the scenario is
    law: str = ""  # what it once broke
    note: str = ""

    def within(self, options: SeedOptions) -> SeedOptions:
        """What was typed, for this world."""
        return msgspec.structs.replace(
            options,
            seconds=self.seconds,
            shuffle=options.shuffle or self.shuffle,
            symbols=tuple(self.symbols),
            parts=self.parts,
            nodes=self.nodes,
            faults=tuple(self.faults),
        )


def read_scenario(path: Path) -> Scenario:
    """The scenario in a TOML file; raises `msgspec.ValidationError` naming what does not fit."""
    return msgspec.toml.decode(path.read_bytes(), type=Scenario)


def scenario_text(scenario: Scenario) -> str:
    """The scenario as TOML, by hand: no writer is worth a dependency for a flat list."""
    lines = [
        f"seed = {scenario.seed}",
        f"seconds = {scenario.seconds}",
        *([f"symbols = [{', '.join(map(_quoted, scenario.symbols))}]"] if scenario.symbols else []),
        *(["shuffle = true"] if scenario.shuffle else []),
        *([f"parts = {scenario.parts}"] if scenario.parts != 1 else []),
        *([f"nodes = {scenario.nodes}"] if scenario.nodes != 1 else []),
        *([f"config = {_quoted(scenario.config)}"] if scenario.config else []),
        *([f"strategy = {_quoted(scenario.strategy)}"] if scenario.strategy else []),
        f"law = {_quoted(scenario.law)}",
        f"note = {_quoted(scenario.note)}",
    ]
    for fault in scenario.faults:
        lines += ["", "[[faults]]", f'kind = "{fault.kind}"', f"at_s = {fault.at_s}"]
        lines += [f"for_s = {fault.for_s}"]
        if fault.args:
            lines.append(f"args = {_inline(fault.args)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    # DEL may stand in a JSON string as it is, in a TOML string it may not.
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")


def _inline(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {_inline(v)}" for k, v in value.items()) + " }"
    return _quoted(value) if isinstance(value, str) else str(value).lower()
