"""Alerts to the log, and to the command that a person named for them."""

import asyncio
import subprocess

from nightdesk.guardian.watch import Alert
from nightdesk.ports.process import LogSink

NOTIFY_WITHIN_S = 10.0
WAITING_MAX = 100  # alerts that a slow command may leave waiting; the log has them all


class Teller:
    """`notify` is a command and its arguments, none where nobody is to be told; it is run for one alert after
    the other."""

    def __init__(self, desk: str, notify: list[str], log: LogSink) -> None:
        self._desk = desk
        self._notify = notify
        self._log = log
        self._waiting: asyncio.Queue[Alert] = asyncio.Queue(WAITING_MAX)

    def tell(self, alert: Alert) -> None:
        """Say it now, and let it be carried on."""
        self._log.log(alert.level, alert.event, {"why": alert.why})
        if not self._notify:
            return
        try:
            self._waiting.put_nowait(alert)
        except asyncio.QueueFull:
            self._failed("too many alerts wait for it")

    def say(self, level: str, event: str, why: str) -> None:
        """To the log alone."""
        self._log.log(level, event, {"why": why})

    async def carry(self) -> None:
        """Hand alerts to the command, for ever."""
        while True:
            alert = await self._waiting.get()
            await asyncio.to_thread(self._run, alert)
            self._waiting.task_done()

    async def carried(self) -> None:
        """Return once nothing waits."""
        await self._waiting.join()

    def _run(self, alert: Alert) -> None:
        text = f"desk {self._desk}: {alert.level}: {alert.event}\n{alert.why}\n"
        try:
            done = subprocess.run(
                self._notify,
                input=text.encode(),
                capture_output=True,
                timeout=NOTIFY_WITHIN_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            self._failed(f"it did not end within {NOTIFY_WITHIN_S:.0f} s")
        except OSError as error:
            self._failed(error.strerror or str(error))
        else:
            if done.returncode:
                self._failed(f"it ended with {done.returncode}: {done.stderr[-300:]!r}")

    def _failed(self, why: str) -> None:
        self._log.log("error", "guardian.not_notified", {"command": self._notify[0], "why": why})
