"""The guardian's process: it looks, tells, acts where it is to, and runs until it is told to end."""

import asyncio
import signal
from contextlib import suppress
from functools import partial
from pathlib import Path

import msgspec

from nightdesk.adapters.system import StructLog, SystemClock, SystemProcesses
from nightdesk.config.schema import Config
from nightdesk.control.messages import ExitCode
from nightdesk.guardian.act import Act, End
from nightdesk.guardian.lookout import Lookout
from nightdesk.guardian.patience import Patience
from nightdesk.guardian.telling import Teller
from nightdesk.guardian.watch import Alert, Finding, Policy, Watch, named
from nightdesk.guardian.way import Way, way_out
from nightdesk.model.errors import AppendRefused, BadInput
from nightdesk.model.ids import Epoch
from nightdesk.model.time import SECOND_NS
from nightdesk.ports.journal import LeaseView

LOOK_EVERY_S = 0.2  # less than a step of the watch: time between two looks counts whole
HEAR_EVERY_LOOKS = 5
SAY_EVERY_LOOKS = 300
LAST_WORDS_S = 10.0
DOES = {"tell": "", "cancel": "cancels the entries", "flatten": "flattens"}


class GuardianOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How this process was started: `config` is the desk's file, `journal` the one that it leads."""

    config: Path
    journal: Path
    json_logs: bool = False
    debug: bool = False


def run_guardian(config: Config, options: GuardianOptions) -> int:
    """Run until stopped; returns the exit code. Raises `BadInput` where its policy could not be kept."""
    as_json = options.json_logs or config.desk.log == "json"
    log = StructLog(as_json=as_json, level="debug" if options.debug else "info")
    try:
        return asyncio.run(_Guardian(config, options, log).run())
    finally:
        log.close()


class _Guardian:
    def __init__(self, config: Config, options: GuardianOptions, log: StructLog) -> None:
        asked = config.guardian
        self._clock = SystemClock()
        self._lookout = Lookout(options.journal)
        policy = Policy(
            after_ns=asked.after_s * SECOND_NS, does=DOES[asked.policy], blind=asked.blind
        )
        self._watch = Watch(policy, SystemProcesses().gone, self._lookout.seen_to())
        self._options = options
        self._config = config
        self._way = way_out(config, options.config) if policy.does else None
        self._teller = Teller(config.desk.name, asked.notify, log)
        self._stop = asyncio.Event()
        self._me = SystemProcesses().me("guardian")
        self._eyes: Patience
        self._looks = 0
        what = f"{policy.does} after {asked.after_s} s" if policy.does else "tells"
        self._teller.say("info", "guardian.watches", f"{options.journal}: {what}")
        if shared := _shared(config):
            why = f"its key at {shared} is the desk's: what the venue refuses the one it refuses the other"
            self._teller.say("warning", "guardian.same_key", why)

    async def run(self) -> int:
        """Until a signal ends it."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        self._eyes = Patience("lookout")
        async with asyncio.TaskGroup() as group:
            carrying = group.create_task(self._teller.carry(), name="notify")
            while not self._stop.is_set():
                await self._look()
                if self._watch.due:
                    await self._act()
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_EVERY_S):
                        await self._stop.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_WORDS_S):
                    await self._teller.carried()
            carrying.cancel()
        return ExitCode.OK

    async def _look(self) -> None:
        seen: LeaseView | str
        try:
            seen = await self._eyes.ask(self._lookout.lease)
        except AppendRefused as error:
            seen = f"journal {self._options.journal}: {error}"
        self._tell(self._watch.look(seen, self._clock.mono()))
        if self._looks % HEAR_EVERY_LOOKS == 0:
            with suppress(AppendRefused):  # the next look tells why nothing is read
                nodes = await self._eyes.ask(self._lookout.nodes)
                self._tell(self._watch.stands_by(nodes, self._clock.mono()))
        if self._looks % SAY_EVERY_LOOKS == 0:
            self._teller.say("debug", "guardian.looked", self._stands())
        self._looks += 1

    async def _act(self) -> None:
        self._alert("error", "guardian.acts", f"it {self._does} now: {self._watch.ground}")
        act = Act(
            self._newest_way(),
            self._watch,
            self._clock,
            me=self._me,
            look=self._look,
            stop=self._stop,
            say=partial(self._teller.say, "info", "guardian.getting_out"),
        )
        ended = await act.run(self._options.journal)
        match ended.how:
            case End.DONE:
                self._watch.done(ended.epoch)
                await self._mark(ended.epoch)
                halted = "a desk that starts is HALTED until somebody resumes"
                self._alert("warning", "guardian.done", f"{ended.why}\n{halted}")
            case End.FAILED:
                self._watch.failed()
                again = f"it is tried again in {self._config.guardian.after_s} s"
                self._alert("error", "guardian.failed", f"{ended.why}\n{again}")
            case End.STOOD_BACK:
                self._watch.failed()
                self._alert("warning", "guardian.stood_back", ended.why)
            case End.STOPPED:
                self._alert("warning", "guardian.stopped", f"{ended.why}, before it was done")

    def _newest_way(self) -> Way:
        """As the config says now, where it can be read; else as it said when this process started."""
        assert self._way is not None, "a guardian that acts has read it"
        try:
            self._way = way_out(self._config, self._options.config)
        except BadInput as error:
            self._teller.say("warning", "guardian.config_kept", str(error))
        return self._way

    async def _mark(self, epoch: Epoch | None) -> None:
        view = self._watch.view
        of = epoch if epoch is not None or view is None else view.epoch
        if of is None:
            return  # nobody acts blindly twice, nor before somebody was seen to lead
        try:
            await self._eyes.ask(lambda: self._lookout.mark(of))
        except AppendRefused as error:
            self._teller.say("warning", "guardian.not_marked", str(error))

    def _stands(self) -> str:
        watch = self._watch
        if (
            watch.finding is Finding.LED
            and watch.view is not None
            and watch.view.holder is not None
        ):
            return f"{named(watch.view.holder)} leads, epoch {watch.view.epoch}"
        return f"{watch.finding}: {watch.why}"

    @property
    def _does(self) -> str:
        return DOES[self._config.guardian.policy]

    def _alert(self, level: str, event: str, why: str) -> None:
        self._teller.tell(Alert(level=level, event=event, why=why))

    def _tell(self, alerts: list[Alert]) -> None:
        for alert in alerts:
            self._teller.tell(alert)


def _shared(config: Config) -> str:
    """At which venues the guardian has no key of its own."""
    named = config.guardian.account
    return ", ".join(
        name
        for name, venue in config.venue.items()
        if name in named and venue.account is not None and venue.account.key == named[name].key
    )
