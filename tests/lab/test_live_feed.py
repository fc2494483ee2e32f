"""A live market over a real socket: another lab is the venue, and its stream breaks."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from msgspec import structs

from lab.markets import ScriptedMarket
from lab.running import SETTINGS, running_lab
from nightdesk.lab.live import LiveMarket
from nightdesk.lab.live_feed import (
    PING_EVERY_S,
    NotListed,
    VenueAway,
    follow,
    listing,
    perp_listing,
    rules_of,
)
from nightdesk.lab.live_frames import USDM
from nightdesk.lab.settings import KNOWN_SYMBOLS, MS_NS, LabSettings
from nightdesk.lab.usdm.settings import KNOWN_PERPS, UsdmSettings
from nightdesk.node.practice import BALANCES

USDM_FEES = UsdmSettings()
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "what-the-lab-does-not-model.md"

WITHIN_S = 20.0
Use = Callable[[str, LiveMarket, asyncio.Event], Awaitable[None]]


def followed(use: Use) -> None:
    async def main() -> None:
        woken = asyncio.Event()
        async with running_lab(ScriptedMarket(beating=True)) as url:
            live = LiveMarket(url, ["BTCUSDT"])
            live.start(0)
            async with asyncio.timeout(WITHIN_S), asyncio.TaskGroup() as group:
                stream = url.replace("http", "ws", 1)
                task = group.create_task(follow([(live, stream)], time.time_ns, woken.set))
                await use(url, live, woken)
                task.cancel()

    asyncio.run(main())


async def until(test: Callable[[], bool], woken: asyncio.Event) -> None:
    while not test():
        woken.clear()
        await woken.wait()


def test_quotes_come_through_and_a_broken_stream_is_told_and_found_again() -> None:
    async def use(url: str, live: LiveMarket, woken: asyncio.Event) -> None:
        await until(lambda: live.report().good_lines > 2, woken)
        assert live.report().connected
        async with aiohttp.ClientSession() as session:
            spec = {"kind": "stream_drop", "which": "market", "duration_ms": 600}
            async with session.post(f"{url}/lab/faults", json=spec) as reply:
                assert reply.status == 200, await reply.text()
        await until(lambda: live.report().losses > 0, woken)
        heard = live.report().good_lines
        await until(lambda: live.report().good_lines > heard + 2, woken)
        assert live.report().connected
        assert live.report().bad_lines == 0

    followed(use)


def test_contracts_are_heard_on_both_of_their_streams() -> None:
    async def main() -> None:
        woken = asyncio.Event()
        perps = structs.replace(SETTINGS, usdm=UsdmSettings(symbols=(KNOWN_PERPS["BTCUSDT"],)))
        venue = ScriptedMarket(beating=True)
        async with running_lab(ScriptedMarket(), perps, venue) as url:
            live = LiveMarket(url, ["BTCUSDT"], USDM)
            live.start(0)
            async with asyncio.timeout(WITHIN_S), asyncio.TaskGroup() as group:
                stream = url.replace("http", "ws", 1)
                task = group.create_task(follow([(live, stream)], time.time_ns, woken.set))
                await until(lambda: live.told_mark("BTCUSDT") is not None, woken)
                await until(lambda: live.next_at_ns() is not None, woken)
                assert (live.report().connected, live.report().bad_lines) == (True, 0)
                loop = asyncio.get_running_loop()
                problems: list[str] = []
                symbols = ["DOGEUSDT", "BTCUSDT"]
                found = await loop.run_in_executor(None, perp_listing, url, symbols, problems)
                assert found == (KNOWN_PERPS["BTCUSDT"],)
                assert problems == [f"{url} does not list DOGEUSDT; change it, or leave it out"]
                task.cancel()

    asyncio.run(main())


def test_nobody_there_is_no_reason_to_end() -> None:
    async def main() -> None:
        live = LiveMarket("ws://127.0.0.1:1", ["BTCUSDT"])
        tries: list[int] = []
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await follow([(live, "ws://127.0.0.1:1")], time.time_ns, lambda: tries.append(1))
        assert len(tries) >= 2
        assert (live.report().connected, live.report().losses) == (False, 0)

    asyncio.run(main())


def test_rules_are_the_venues_and_what_it_does_not_list_is_told_by_name() -> None:
    async def main() -> None:
        async with running_lab(ScriptedMarket()) as url:
            loop = asyncio.get_running_loop()
            rules = await loop.run_in_executor(None, rules_of, url, "BTCUSDT")
            assert rules == KNOWN_SYMBOLS["BTCUSDT"]
            with pytest.raises(NotListed):
                await loop.run_in_executor(None, rules_of, url, "DOGEUSDT")
            problems: list[str] = []
            symbols = ["DOGEUSDT", "BTCUSDT"]
            found = await loop.run_in_executor(None, listing, url, symbols, problems)
            assert [each.symbol for each in found] == ["BTCUSDT"]
            assert problems == [f"{url} does not list DOGEUSDT; change it, or leave it out"]

    asyncio.run(main())


def test_a_venue_that_is_away_is_nobodys_mistake() -> None:
    problems: list[str] = []
    with pytest.raises(
        VenueAway, match=r"127.0.0.1:1 does not tell the rules of BTCUSDT: .*refused"
    ):
        listing("http://127.0.0.1:1", ["BTCUSDT", "ETHUSDT"], problems)
    with pytest.raises(VenueAway, match=r"the rules of BTCUSDT, ETHUSDT: .*refused"):
        perp_listing("http://127.0.0.1:1", ["BTCUSDT", "ETHUSDT"], problems)
    assert problems == []


def test_the_page_about_what_is_left_out_has_the_numbers_of_the_code() -> None:
    page, settings = PAGE.read_text(), LabSettings()
    assert f"{settings.processing_ns // MS_NS} ms inside the venue" in page
    assert settings.maker_fee == settings.taker_fee
    assert f"{(settings.maker_fee * 100).normalize():f} % each" in page
    rates = [f"{(rate * 100).normalize():f}" for rate in (USDM_FEES.maker_fee, USDM_FEES.taker_fee)]
    assert f"of perpetuals {' and '.join(rates)} %" in page
    assert f"within {PING_EVERY_S * 1.5:g} seconds" in page  # the answer to a ping has half as long
    held = [f"{int(amount):,} {asset}" for asset, amount in BALANCES.items()]
    assert f"{', '.join(held[:-1])} and {held[-1]}" in page
