"""What a disk that does not answer is asked: one thing, and nothing behind it."""

import asyncio
import threading

import pytest

from nightdesk.guardian import patience
from nightdesk.guardian.patience import Patience
from nightdesk.model.errors import AppendRefused


def test_what_is_answered_is_told_and_so_is_what_it_raises() -> None:
    async def main() -> None:
        eyes = Patience("test")
        assert await eyes.ask(lambda: 3) == 3
        with pytest.raises(ZeroDivisionError):
            await eyes.ask(lambda: 1 // 0)

    asyncio.run(main())


def test_who_does_not_answer_is_asked_nothing_else_until_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "WITHIN_S", 0.05)
    answers, asked = threading.Event(), list[str]()

    def slow() -> str:
        asked.append("slow")
        answers.wait(20)
        return "too old"

    def quick() -> str:
        asked.append("quick")
        return "new"

    async def main() -> None:
        eyes = Patience("test")
        for _ in range(3):
            with pytest.raises(AppendRefused, match="has not answered"):
                await eyes.ask(slow)
        assert asked == ["slow"]
        answers.set()
        monkeypatch.setattr(patience, "WITHIN_S", 20.0)
        async with asyncio.timeout(20):
            while eyes._late is not None and not eyes._late.done():
                await asyncio.sleep(0)
        assert await eyes.ask(quick) == "new"
        assert asked == ["slow", "quick"]

    asyncio.run(main())
