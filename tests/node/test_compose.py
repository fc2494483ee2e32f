"""What a strategy that cannot be loaded is told to do about it."""

import sys
from pathlib import Path

import pytest

from nightdesk.model.errors import BadInput
from nightdesk.node.compose import load_strategy


@pytest.mark.parametrize(
    ("where", "then"),
    [
        ("counts.py:Counts", r"it comes with: pip install 'nightdesk\[indicators\]'"),
        ("other.py:Other", "install it where nightdesk is installed, or mend the import"),
        ("no_such_package.mine:Mine", "write class as package.module:Class"),
    ],
)
def test_a_module_that_is_missing_is_told_with_what_brings_it(
    where: str, then: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)  # as where it is not installed
    (tmp_path / "counts.py").write_text("import numpy\n")
    (tmp_path / "other.py").write_text("import no_such_module\n")
    with pytest.raises(BadInput, match=then):
        load_strategy(where, tmp_path)
