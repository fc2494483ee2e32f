"""How many suppressions of each kind there are, each with its reason; ends with 1 when one has none."""

import re
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
PATTERNS = {
    "noqa": re.compile(r"#\s*noqa:\s*([A-Z0-9, ]+?)\s+(\S.*)?$|#\s*noqa:\s*([A-Z0-9, ]+)$"),
    "type-ignore": re.compile(r"#\s*type:\s*ignore\[([\w, -]+)\](?:\s*#\s*(.*))?"),
}


def main() -> int:
    """Print the table; 1 when a suppression gives no reason."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for folder in ("src", "bench"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                for kind, pattern in PATTERNS.items():
                    match = pattern.search(line)
                    if match:
                        rule = next(filter(None, (match.group(1), match.groups()[-1])), "")
                        reason = (match.group(2) or "").strip()
                        where = f"{path.relative_to(ROOT)}:{number}"
                        found[kind, rule.strip()].append((where, reason))
    missing = 0
    for (kind, rule), places in sorted(found.items()):
        print(f"{kind} {rule}: {len(places)}")
        for where, reason in places:
            print(f"    {where}  {reason or 'NO REASON'}")
            missing += not reason
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    ignored = config["tool"]["ruff"]["lint"]["ignore"]
    print(f"ruff rules ignored everywhere: {', '.join(ignored)} (reasons in pyproject.toml)")
    print(f"suppressions: {sum(map(len, found.values()))}, without a reason: {missing}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
