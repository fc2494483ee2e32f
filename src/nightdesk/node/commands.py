"""What the control socket may ask of a node. A command is answered once its records are durable."""

import asyncio
from collections.abc import Callable

import msgspec

from nightdesk.control.messages import ExitCode, Reply, Request
from nightdesk.desk.events import CancelAll, Event, Flatten, Pause, Resume
from nightdesk.model.mode import Mode
from nightdesk.modes.ladder import DESK
from nightdesk.node.sample import Sampler, order_rows, position_rows
from nightdesk.runtime.shell import Shell

COMMAND_TIMEOUT_S = 10.0


class Commands:
    """Answers requests; every verb works whatever the strategies or the feeds do."""

    def __init__(self, shell: Shell, sampler: Sampler, stop: Callable[[], None]) -> None:
        self._shell = shell
        self._sampler = sampler
        self._stop = stop

    async def answer(self, request: Request) -> Reply:
        """One reply; never raises for what was asked."""
        match request.verb:
            case "status":
                return self._told(self._sampler.sample())
            case "orders":
                return self._told(order_rows(self._shell.desk, self._shell.moment()))
            case "positions":
                return self._told(position_rows(self._shell.desk))
            case "pause" | "resume" | "cancel-all" | "flatten":
                return await self._command(request)
            case "stop":
                self._stop()
                return Reply(ok=True, text="stopping: open orders are cancelled at the venue first")
            case _:
                known = "status, orders, positions, pause, resume, cancel-all, flatten, stop"
                return Reply(
                    ok=False,
                    code=ExitCode.USAGE,
                    text=f"no such command: {request.verb!r}; there are {known}",
                )

    async def _command(self, request: Request) -> Reply:
        if request.verb == "resume" and not request.reason:
            return Reply(ok=False, code=ExitCode.USAGE, text="resume needs a reason")
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._shell.handle(
            _event(request), lambda: None if durable.done() else durable.set_result(None)
        )
        try:
            async with asyncio.timeout(COMMAND_TIMEOUT_S):
                await durable
        except TimeoutError:
            return Reply(
                ok=False,
                code=ExitCode.UNKNOWN,
                text="in force in this node, but the journal did not confirm it in time",
            )
        desk = self._shell.desk
        mode = desk.state.ladder.mode(DESK)
        text = f"{request.verb}: the desk is in {mode.name}"
        if request.verb == "flatten":
            text += f"; {desk.views.flatten_said or 'started'}"
        live = len(desk.state.orders.live)
        data = {"mode": mode.name, "orders_live": live, "flatten": desk.views.flatten_said}
        code = ExitCode.HALTED if mode is Mode.HALTED else ExitCode.OK
        return Reply(ok=True, code=code, text=text, data=data)

    def _told(self, data: object) -> Reply:
        return Reply(ok=True, data=msgspec.to_builtins(data))


def _event(request: Request) -> Event:
    match request.verb:
        case "pause":
            reason = request.reason or "paused by an operator"
            return Pause(reason=reason, by=request.by, keep=request.keep)
        case "resume":
            return Resume(reason=request.reason, by=request.by)
        case "cancel-all":
            return CancelAll(by=request.by, protective=request.protective)
        case _:
            return Flatten(by=request.by, reason=request.reason)
