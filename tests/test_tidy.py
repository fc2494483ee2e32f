"""House rules no linter knows. Adding a rule here beats repeating it in review."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src" / "nightdesk"
MODULES = sorted(SRC.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
LINES_MAX = 400
FUNCTION_LINES_MAX = 60
BANNED_NAMES = {"manager", "helper", "helpers", "utils", "util", "misc", "common"}
# Tests that are about a whole rather than one module.
WHOLE = {"test_tidy.py"}
WHOLE_FOLDERS = {"crash", "drill", "e2e", "regressions"}


def _id(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=_id)
def test_a_module_says_what_it_is_for_and_is_one_idea(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a module starts by saying what it is for"
    assert text.count("\n") <= LINES_MAX, f"over {LINES_MAX} lines: split it, one idea each"
    assert path.stem not in BANNED_NAMES, "name a module after what it owns"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno
            assert length <= FUNCTION_LINES_MAX, f"{node.name} does not fit on a screen"


@pytest.mark.parametrize("path", MODULES, ids=_id)
def test_public_functions_and_classes_have_docstrings(path: Path) -> None:
    tree = ast.parse(path.read_text())
    missing = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            protocol = any(getattr(base, "id", "") == "Protocol" for base in node.bases)
            if not node.name.startswith("_") and not ast.get_docstring(node):
                missing.append(node.name)
            if protocol or node.name.startswith("_"):
                continue
            missing += [
                f"{node.name}.{item.name}"
                for item in node.body
                if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)
                and not item.name.startswith("_")
                and not ast.get_docstring(item)
            ]
    for item in tree.body:
        function = isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)
        if function and not item.name.startswith("_") and not ast.get_docstring(item):
            missing.append(item.name)
    assert not missing, f"without docstring: {', '.join(missing)}"


@pytest.mark.parametrize("path", MODULES + TESTS, ids=_id)
def test_nothing_is_left_for_later(path: Path) -> None:
    if path.name == "test_tidy.py":
        return
    found = re.search(r"\b(TODO|FIXME|XXX|HACK)\b", path.read_text())
    assert not found, f"{found.group() if found else ''}: do it, or say it in an issue"


@pytest.mark.parametrize("path", TESTS, ids=_id)
def test_a_test_mirrors_the_module_it_is_about(path: Path) -> None:
    inside = path.relative_to(ROOT / "tests")
    if path.name in WHOLE or inside.parts[0] in WHOLE_FOLDERS or len(inside.parts) == 1:
        return
    room, stem = inside.parts[:-1], path.stem.removeprefix("test_")
    folder = SRC.joinpath(*room)
    assert folder.is_dir(), f"there is no room {'/'.join(room)}"
    about = [module.stem for module in folder.rglob("*.py")]
    named = any(stem == name or stem.startswith(f"{name}_") for name in about)
    assert named or stem in ROOM_WIDE, f"{folder.name} has no module {stem}"


# Tests about a room as a whole, by stem.
ROOM_WIDE = {
    "strangers_ccxt",
    "strangers_python_binance",
    "strangers_binance_sdk",
    "documented_shapes",
    "examples",
    "binance_recorded",
}


def test_only_the_gate_approves() -> None:
    makers = [
        _id(path) for path in MODULES if re.search(r"(?<![\w.])Approved\(intent=", path.read_text())
    ]
    assert makers == ["src/nightdesk/risk/gate.py"]


def test_no_tracked_file_names_a_registry_or_a_path_of_this_machine() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    # Written so that this file does not find itself.
    bad = re.compile(
        "|".join(["/" + "work/", "/" + "root/", "--index" + "-url", "extra" + "-index"])
    )
    found = []
    for name in filter(None, tracked.split("\0")):
        path = ROOT / name
        if path.suffix in {".gz", ".png"} or not path.is_file():
            continue
        if bad.search(path.read_text(errors="replace")):
            found.append(name)
    assert not found, f"machine paths or registries in {found}"


def test_every_decision_record_has_a_number_of_its_own() -> None:
    names = sorted(path.name for path in (ROOT / "docs" / "adr").glob("*.md"))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
    for name in names:
        heading = (ROOT / "docs" / "adr" / name).read_text(encoding="utf-8").splitlines()[0]
        assert heading.startswith(f"# {int(name[:4])}. ")
