"""What the control socket may ask of a node. A command is answered once its records are durable."""

import asyncio
from collections.abc import Callable

import msgspec

from nightdesk.control.messages import ExitCode, Reply, Request
from nightdesk.desk.events import CancelAll, Event, Flatten, Pause, Resume, SetLimit
from nightdesk.desk.set_limits import changes
from nightdesk.model.errors import BadInput
from nightdesk.model.mode import Mode
from nightdesk.modes.ladder import DESK
from nightdesk.node.cover import Cover
from nightdesk.node.sample import Sampler, order_rows, position_rows
from nightdesk.runtime.shell import Shell

COMMAND_TIMEOUT_S = 10.0


class Commands:
    """Answers requests; every verb works whatever the strategies or the feeds do."""

    def __init__(
        self,
        shell: Shell,
        sampler: Sampler,
        cover: Cover,
        stop: Callable[[], None],
        hand_over: Callable[[], None],
    ) -> None:
        self._shell = shell
        self._sampler = sampler
        self._cover = cover
        self._stop = stop
        self._hand_over = hand_over

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
            case "limit":
                return await self._limit(request)
            case "stop":
                self._stop()
                return Reply(ok=True, text="stopping: open orders are cancelled at the venue first")
            case "switchover":
                return self._switch_over()
            case _:
                known = "status, orders, positions, pause, resume, cancel-all, flatten, limit, switchover, stop"
                return Reply(
                    ok=False,
                    code=ExitCode.USAGE,
                    text=f"no such command: {request.verb!r}; there are {known}",
                )

    def _switch_over(self) -> Reply:
        """To whoever stands by and could lead; nobody's orders are cancelled by it."""
        fit = [node for node in self._cover.standbys if not node.unfit]
        if not fit:
            why = "; ".join(f"{n.holder.name}: {n.unfit}" for n in self._cover.standbys)
            text = f"no node stands by that could lead{': ' if why else ''}{why}; this one goes on"
            return Reply(ok=False, code=ExitCode.REFUSED, text=text)
        first = min(fit, key=lambda node: (node.rank, node.holder.started))
        self._hand_over()
        text = f"handing over; first to lead is {first.holder.name} (pid {first.holder.pid})"
        return Reply(ok=True, text=text, data={"pid": first.holder.pid})

    async def _command(self, request: Request) -> Reply:
        if request.verb == "resume" and not request.reason:
            return Reply(ok=False, code=ExitCode.USAGE, text="resume needs a reason")
        late = await self._done(_event(request))
        if late is not None:
            return late
        desk = self._shell.desk
        mode = desk.state.ladder.mode(DESK)
        text = f"{request.verb}: the desk is in {mode.name}"
        if request.verb == "flatten":
            text += f"; {desk.views.flatten_said or 'started'}"
        live = len(desk.state.orders.live)
        data = {"mode": mode.name, "orders_live": live, "flatten": desk.views.flatten_said}
        code = ExitCode.HALTED if mode is Mode.HALTED else ExitCode.OK
        return Reply(ok=True, code=code, text=text, data=data)

    async def _limit(self, request: Request) -> Reply:
        """Another limit, at once; what is no limit, or looser without a reason, changes nothing."""
        desk, asked = self._shell.desk, _set_limit(request)
        try:
            made = changes(desk.settings, desk.state.limits_set, asked)
        except BadInput as error:
            return Reply(ok=False, code=ExitCode.USAGE, text=str(error))
        if not made:
            held = f"{asked.limit} is {asked.value} already"
            return Reply(ok=True, text=held, data=[])
        late = await self._done(asked)
        if late is not None:
            return late
        text = "; ".join(
            f"{each.limit} of {each.scope} is {'off' if each.value is None else each.value} now, the file says "
            f"{'off' if each.file is None else each.file}"
            for each in made
        )
        return self._told(made, text)

    async def _done(self, event: Event) -> Reply | None:
        """Decide it, and wait until it is durable; a reply when that is not known in time."""
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._shell.handle(event, lambda: None if durable.done() else durable.set_result(None))
        try:
            async with asyncio.timeout(COMMAND_TIMEOUT_S):
                await durable
        except TimeoutError:
            return Reply(
                ok=False,
                code=ExitCode.UNKNOWN,
                text="in force in this node, but the journal did not confirm it in time",
            )
        return None

    def _told(self, data: object, text: str = "") -> Reply:
        return Reply(ok=True, text=text, data=msgspec.to_builtins(data))


def _set_limit(request: Request) -> SetLimit:
    return SetLimit(
        limit=request.limit,
        value=request.value,
        by=request.by,
        why=request.reason,
        kind=request.kind,
        of=request.of,
    )


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
