"""What a strategy reaches for, found in its source: with file, line and what to use instead."""

import inspect
from pathlib import Path

import pytest

from nightdesk.node.purity import reaches_in, reaches_of
from nightdesk.simulation import hungry
from nightdesk.strategy.examples import maker, trend

REACHES = [
    ("import time", 1, "import time", "ctx.now"),
    ("x = 1\n\nimport time as clock", 3, "import time", "ctx.now"),
    ("def f():\n    import random\n    return random.random()", 2, "import random", "ctx.random"),
    ("import os, socket", 1, "import socket", "what the desk tells"),
    ("from time import monotonic", 1, "from time import monotonic", "ctx.now"),
    ("from random import Random", 1, "from random import Random", "ctx.random"),
    ("from urllib.request import urlopen", 1, "from urllib.request import urlopen", "no network"),
    ("import concurrent.futures", 1, "import concurrent.futures", "handlers"),
    ("from datetime import *", 1, "from datetime import *", "ctx.now"),
    ("import datetime\nx = datetime.datetime.now()", 2, "datetime.datetime.now()", "ctx.now"),
    ("from datetime import datetime as d\nd.utcnow()", 2, "d.utcnow()", "ctx.now"),
    ("from datetime import date\n\n\ndate.today()", 4, "date.today()", "ctx.now"),
    ("import os\nos.urandom(3)", 2, "os.urandom", "ctx.random"),
    ("import os\nkey = os.environ['KEY']", 2, "os.environ", "params"),
    ("def f(path):\n    return open(path).read()", 2, "open", "no handler may wait"),
    ("answer = input('go on?')", 1, "input", "no handler may wait"),
    ("import io\nio.open('x')", 2, "io.open", "no handler may wait"),
    ("import builtins\nbuiltins.input()", 2, "builtins.input", "no handler may wait"),
    ("import uuid", 1, "import uuid", "ctx.place"),
    ("import asyncio", 1, "import asyncio", "handlers"),
    ("try:\n    import requests\nexcept ImportError:\n    pass", 2, "import requests", "network"),
]

CLEAN = [
    "",
    "def on_bar(self, ctx, bar):\n    open, high = bar.open, bar.high\n    return high - open",
    "def change(open, close):\n    return close - open",
    "from decimal import Decimal\nimport math\nimport msgspec",
    "from datetime import datetime, timedelta, UTC\nx = datetime.fromtimestamp(1, UTC)",
    "import datetime\nday = datetime.timedelta(days=1)",
    "import os.path\nname = os.path.join('a', 'b')",
    "def on_quote(self, ctx, quote):\n    later = ctx.now + 5\n    ctx.random.uniform(0, 1)",
    "time = 5\nrandom = time",
    "from nightdesk.model.time import SECOND_NS",
    '"""import time"""\n# import random',
]


@pytest.mark.parametrize(("source", "line", "what", "instead"), REACHES)
def test_reaching_out_is_found_where_it_stands(
    source: str, line: int, what: str, instead: str
) -> None:
    (reach,) = reaches_in(source, "mine.py")
    assert (reach.file, reach.line, reach.what) == ("mine.py", line, what)
    assert instead in reach.instead
    assert str(reach).startswith(f"mine.py:{line}: {what}: use ")


@pytest.mark.parametrize("source", CLEAN)
def test_what_every_world_could_repeat_is_let_through(source: str) -> None:
    assert reaches_in(source, "mine.py") == []


def test_every_place_is_told_in_order() -> None:
    source = (
        "import os\nimport time\nfrom random import random\n\n\ndef f():\n    return os.urandom(1)"
    )
    assert [reach.line for reach in reaches_in(source, "mine.py")] == [2, 3, 7]


@pytest.mark.parametrize("module", [maker, trend, hungry])
def test_our_own_strategies_reach_for_nothing(module: object) -> None:
    assert reaches_of(Path(inspect.getfile(module))) == []  # type: ignore[arg-type]  # a module


def test_what_is_no_python_is_no_strategy(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def (:\n")
    with pytest.raises(SyntaxError, match="invalid"):
        reaches_of(tmp_path / "mine.py")


SPELLINGS = [
    ("from os import urandom\nurandom(3)", 1, "from os import urandom"),
    ("from os import environ", 1, "from os import environ"),
    ("from os import urandom as chance\nchance(3)", 1, "from os import urandom"),
    ("from os import *\nurandom(3)", 1, "from os import *"),
    ("import os as system\nsystem.getenv('KEY')", 2, "system.getenv"),
    ("import os\nother = os\nother.getenv('KEY')", 3, "other.getenv"),
    ("import os\na = os\nb = a\nb.urandom(3)", 4, "b.urandom"),
    ("import os\ngetattr(os, 'urandom')(3)", 2, "getattr(os, 'urandom')"),
    ("from random import *\nrandom()", 1, "from random import *"),
    ("from datetime import datetime\nclock = datetime.now\nclock()", 2, "datetime.now"),
    ("from datetime import datetime as d\nclock = d\nlater = clock.now", 3, "clock.now"),
    ("import datetime as t\nf = t.date.today", 2, "t.date.today"),
    ("from datetime import date\nmap(date.today, [])", 2, "date.today"),
    ("from time import monotonic as clock\nclock()", 1, "from time import monotonic"),
    ("import time as clock\nread = clock.monotonic", 1, "import time"),
    ("__import__('time').time()", 1, "__import__"),
    ("load = __import__\nload('time')", 1, "__import__"),
    ("import builtins\nbuiltins.__import__('time')", 2, "builtins.__import__"),
    ("import importlib\nimportlib.import_module('time').time()", 2, "importlib.import_module"),
    (
        "from importlib import import_module\nimport_module('time')",
        1,
        "from importlib import import_module",
    ),
    ("import importlib as i\ni.import_module('time')", 2, "i.import_module"),
    ("import sys\nsys.modules['time'].time()", 2, "sys.modules"),
    ("exec('import time')", 1, "exec"),
    ("import _thread", 1, "import _thread"),
]

ALIKE = [
    "from os.path import join as urandom\nurandom('a')",
    "import os as system\nsystem.path.join('a')",
    "import importlib.resources",
    "def f(self, ctx):\n    clock = ctx\n    return clock.now",
    "class A:\n    def compile(self):\n        return self.now",
    "from datetime import datetime\nparse = datetime.fromisoformat",
    "getattr(self, 'now')",
    "import sys\nsys.maxsize",
    "import re\nre.compile('x')",
]


@pytest.mark.parametrize(("source", "line", "what"), SPELLINGS)
def test_another_spelling_of_the_same_reach_is_found_too(source: str, line: int, what: str) -> None:
    (reach,) = reaches_in(source, "mine.py")
    assert (reach.line, reach.what) == (line, what)


@pytest.mark.parametrize("source", ALIKE)
def test_what_only_looks_alike_is_let_through(source: str) -> None:
    assert reaches_in(source, "mine.py") == []
