"""What `desk.toml` may say. Money is written as strings, so that no float touches it; units are in names."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, field_validator

from nightdesk.config.guardian import Guardian
from nightdesk.config.strict import Count, Name, Positive, Strict
from nightdesk.config.venue import Venue


class Desk(Strict):
    """[desk]; `order_ttl_ms` is how late an order may reach the venue at most. `boards` is a directory where
    desks of one user and host tell each other what they use of a venue's allowance. `uncovered` is the desk's
    mode at best while no node stands by that could lead. A `standby` that is hot keeps its connections open and
    hears the venues; a warm one folds the journal alone, and leaves the venues' limits to who leads. `spool` is
    a directory on another disk than the journal's, for ways out while that takes nothing."""

    name: Name
    journal: str
    control: str | None = None
    log: Literal["json", "console"] = "console"
    order_ttl_ms: Annotated[int, Field(ge=100, le=60_000)] = 2_000
    boards: str | None = None
    uncovered: Literal["normal", "cautious", "reduce_only"] = "normal"
    standby: Literal["hot", "warm"] = "hot"
    spool: str | None = None

    @field_validator("spool")
    @classmethod
    def _one_place(cls, spool: str | None) -> str | None:
        """Nodes with configs in several places must mean the same."""
        if spool is not None and not Path(spool).is_absolute():
            raise ValueError(f"write an absolute path, the same for every node; this is {spool!r}")
        return spool


class Limits(Strict):
    """[limits], and what [instrument.limits] overrides of it. Quantities in base, notionals in quote."""

    order_qty_max: Positive = Field(description="quantity of one order, in base")
    order_notional_max: Positive = Field(description="price times quantity of one order, in quote")
    position_max: Positive = Field(
        description="distance from flat of one instrument, in base, if everything open fills on one side"
    )
    gross_max: Positive = Field(
        description="the same of all instruments together, in quote at their last ask"
    )
    open_orders_max: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=20, description="orders of the desk that are open, pending or unknown"
    )
    orders_per_second_max: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=10, description="orders that the desk decides within any second"
    )
    collar_bps: Positive = Field(
        default=Decimal(50), description="distance of an order's price from the touch it would meet"
    )
    stale_after_ms: Annotated[int, Field(ge=10, le=600_000)] = Field(
        default=2_000, description="age of the quote that an order is decided on"
    )
    duplicate_window_ms: Annotated[int, Field(ge=0, le=600_000)] = Field(
        default=250,
        description="time in which the same strategy may not place the same order again",
    )
    notional_max: Positive | None = Field(
        default=None, description="distance from flat of one instrument at worst, in quote"
    )
    instrument_open_orders_max: Count | None = Field(
        default=None, description="orders of one instrument that are open, pending or unknown"
    )
    cancels_per_second_max: Count | None = Field(
        default=None,
        description="cancels asked for of one instrument, and the one that a new order may need",
    )
    cancels_per_minute_max: Count | None = Field(default=None, description="the same in a minute")
    orders_per_fill_max: Positive | None = Field(
        default=None,
        description="orders of one instrument in a minute for each of its trades, one at least",
    )
    asset_max: dict[str, Positive] = Field(
        default={},
        description="distance from flat of a base asset over all its instruments at worst, "
        '`{ BTC = "1.5" }`',
    )
    net_max: Positive | None = Field(
        default=None,
        description="all instruments together, longs against shorts, in quote, whichever side fills",
    )
    concentration_max: Annotated[Decimal, Field(gt=0, le=1)] | None = Field(
        default=None,
        description="share of one instrument at its largest, all others at their smallest: 0.5 is half",
    )
    concentration_floor: Annotated[Decimal, Field(ge=0)] = Field(
        default=Decimal(0),
        description="worst case of an instrument in quote up to which its share does not matter",
    )
    margin_use_max: Annotated[Decimal, Field(gt=0, le=1)] | None = Field(
        default=None,
        description="share of a wallet, less its losses so far, that its contracts bind at worst: 0.5 is half",
    )
    leverage_max: Positive | None = Field(
        default=None,
        description="worst case of all contracts in what the desk has: wallets less losses so far, quote, and "
        "what it holds on spot beyond the baseline",
    )
    orders_per_minute_max: Count | None = Field(
        default=None, description="orders that the desk decides within any minute"
    )
    messages_per_second_max: Count | None = Field(
        default=None, description="orders and cancels of the desk within any second"
    )
    messages_per_minute_max: Count | None = Field(default=None, description="the same in a minute")


class StrategyLimits(Strict):
    """[strategy.limits]: of what one strategy holds and orders itself, whatever others do."""

    position_max: Positive | None = Field(
        default=None, description="distance from flat in each of its instruments at worst, in base"
    )
    gross_max: Positive | None = Field(
        default=None, description="the same of all its instruments together, in quote"
    )
    open_orders_max: Count | None = Field(
        default=None, description="its orders that are open, pending or unknown"
    )
    orders_per_second_max: Count | None = Field(
        default=None, description="orders decided for it within any second"
    )
    net_max: Positive | None = Field(
        default=None, description="its instruments together, longs against shorts, in quote"
    )
    asset_max: Positive | None = Field(
        default=None, description="distance from flat in each base asset that it trades, in base"
    )
    concentration_max: Annotated[Decimal, Field(gt=0, le=1)] | None = Field(
        default=None, description="share of one of its instruments, beyond the desk's floor"
    )
    margin_use_max: Annotated[Decimal, Field(gt=0, le=1)] | None = Field(
        default=None, description="share of a wallet that its own contracts bind at worst"
    )
    leverage_max: Positive | None = Field(
        default=None, description="worst case of its own contracts in what the desk has"
    )


class LimitsOverride(Strict):
    """[instrument.limits]: only what differs."""

    order_qty_max: Positive | None = None
    order_notional_max: Positive | None = None
    position_max: Positive | None = None
    collar_bps: Positive | None = None
    stale_after_ms: Annotated[int, Field(ge=10, le=600_000)] | None = None
    duplicate_window_ms: Annotated[int, Field(ge=0, le=600_000)] | None = None
    notional_max: Positive | None = None
    instrument_open_orders_max: Count | None = None
    cancels_per_second_max: Count | None = None
    cancels_per_minute_max: Count | None = None
    orders_per_fill_max: Positive | None = None


class Losses(Strict):
    """[losses] of the desk, [strategy.losses] of one: in quote, after fees. Once one is reached, nothing new is
    risked until a person resumes."""

    day_max: Positive | None = Field(
        default=None, description="profit lost since 00:00 UTC, what is held valued at the touch"
    )
    drawdown_max: Positive | None = Field(
        default=None, description="profit lost since it was highest"
    )
    losing_exits_max: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None, description="closing orders in a row that lost after fees"
    )


class Paper(Strict):
    """[paper]: what the account of a desk on paper holds, by asset; `wallets` stand behind contracts."""

    balances: dict[str, Annotated[Decimal, Field(ge=0)]] = Field(default={})
    wallets: dict[str, Annotated[Decimal, Field(ge=0)]] = Field(default={})


class Instrument(Strict):
    """[[instrument]]; `leverage` and `margin` are of contracts alone. The desk never sets them at the venue: it
    refuses to start where they differ there."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*:[A-Z0-9]+$")]
    leverage: Annotated[int, Field(ge=1, le=150)] | None = None
    margin: Literal["cross", "isolated"] | None = None
    limits: LimitsOverride = LimitsOverride()


class Strategy(Strict):
    """[[strategy]]; `class` is "package.module:Class" or "path/to/file.py:Class"."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: Name
    kind: Annotated[str, Field(alias="class", pattern=r"^[^:]+:[A-Za-z_]\w*$")]
    instruments: Annotated[list[str], Field(min_length=1)]
    params: dict[str, object] = Field(default={})
    capital: Positive | None = Field(
        default=None,
        description="what it may size by (`ctx.equity`), in quote, before its own profit",
    )
    losses: Losses = Losses()
    limits: StrategyLimits = StrategyLimits()


class Config(Strict):
    """The whole file."""

    desk: Desk
    venue: Annotated[dict[str, Venue], Field(min_length=1)]
    limits: Limits
    losses: Losses = Losses()
    instrument: Annotated[list[Instrument], Field(min_length=1)]
    strategy: list[Strategy] = Field(default=[])
    baseline: dict[str, Annotated[Decimal, Field(ge=0)]] = Field(default={})
    paper: Paper = Paper()
    guardian: Guardian = Guardian()

    @property
    def practises(self) -> bool:
        """Whether the desk trades on a lab that is started with it."""
        return any(venue.practises for venue in self.venue.values())
