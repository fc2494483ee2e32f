"""What `desk.toml` may say. Money is written as strings, so that no float touches it; units are in names."""

from collections.abc import Sequence
from decimal import Decimal
from ipaddress import ip_address
from typing import Annotated, Literal, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from nightdesk.config.presets import PRESETS, PRODUCTION, Addresses, Preset, moves_money, rights_at

Positive = Annotated[Decimal, Field(gt=0)]
Count = Annotated[int, Field(ge=1, le=100_000)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Several = Annotated[tuple[str, ...], BeforeValidator(_listed)]  # written as one, or as a list


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_floats_for_money(cls, value: object, info: object) -> object:
        field = cls.model_fields[info.field_name]  # type: ignore[attr-defined]  # pydantic's ValidationInfo
        inside = value.values() if isinstance(value, dict) else (value,)
        floats = [each for each in inside if isinstance(each, float)]
        if floats and "Decimal" in str(field.annotation):
            value = floats[0]
            raise ValueError(f'write it as a string, "{value}": a float is not an exact amount')
        return value


class Desk(_Strict):
    """[desk]; `order_ttl_ms` is how late an order may reach the venue at most. `boards` is a directory where
    desks of one user and host tell each other what they use of a venue's allowance."""

    name: Name
    journal: str
    control: str | None = None
    log: Literal["json", "console"] = "console"
    order_ttl_ms: Annotated[int, Field(ge=100, le=60_000)] = 2_000
    boards: str | None = None


class Account(_Strict):
    """[venue.NAME.account]: references to secrets, never secrets."""

    key: str
    secret: str

    @field_validator("key", "secret")
    @classmethod
    def _reference(cls, value: str) -> str:
        if not value.startswith(("env:", "file:")):
            raise ValueError("must be a reference, env:NAME or file:PATH, never the secret itself")
        return value


class Budget(_Strict):
    """[venue.NAME.budget]: what of a venue's allowance is this host's, and this process's."""

    share_percent: Annotated[int, Field(ge=1, le=100)] = Field(
        default=100,
        description="of every limit: what this host may use; the shares of all hosts at one address or account "
        "are 100 together",
    )
    alone_percent: Annotated[int, Field(ge=1, le=100)] = Field(
        default=50,
        description="of this host's share: what a process uses while it cannot hear the others of its host",
    )


class Venue(_Strict):
    """[venue.NAME]; `read_lag_ms` is how long the venue's answers may lag behind what it did: an accepted
    order missing, a fill not counted. What a cancelled order may have filled stays held that much longer.

    `preset` names its addresses; without it they are those for real money, but for what `rest`, `stream` and
    `private` say. `rights` is where somebody tells what its key may do, where that does not follow from
    the others. `rest`, `stream` and `private` may be several hosts each; who asks alone asks the first.
    `links` are IP addresses of this host, each of which leads there by a way of its own. A practice venue has
    neither address nor account: a lab is started in its place."""

    kind: Literal["binance-spot", "binance-usdm", "practice", "practice-usdm"]
    preset: Preset = PRODUCTION
    rest: Several = ()
    stream: Several = ()
    private: Several = ()
    rights: str = ""
    links: Several = ()
    read_lag_ms: Annotated[int, Field(ge=0, le=600_000)] = 5_000
    private_copies: Annotated[int, Field(ge=1, le=3)] = 2  # of 300 connections in five minutes
    account: Annotated[Account | None, Field(validate_default=True)] = None
    budget: Budget = Budget()

    @model_validator(mode="before")
    @classmethod
    def _addressed(cls, value: object) -> object:
        """A preset that the kind has, and alone; what else is wrong with kind or preset, its field says."""
        if not isinstance(value, dict):
            return value
        kind, named = value.get("kind"), value.get("preset", PRODUCTION)
        known = PRESETS.get(str(kind), {})
        preset = known.get(str(named))
        if preset is None:
            if known and named in get_args(Preset):
                raise ValueError(
                    f'kind = "{kind}" has no preset "{named}"; it has {", ".join(known)}'
                )
            return value
        given = sorted({*Addresses._fields} & {*value})
        if "preset" in value and given:
            listed = ", ".join(given)
            raise ValueError(f'preset = "{named}" names every address; remove it, or {listed}')
        return value

    @property
    def addresses(self) -> Addresses:
        """Where it is reached first."""
        first = PRESETS.get(self.kind, {}).get(self.preset) or Addresses("", "", "")
        given = {
            name: hosts[0] for name in Addresses._fields if (hosts := getattr(self, name)) != ()
        }
        return first._replace(**given)

    @property
    def rights_at(self) -> str:
        """Where is asked what its key may do; empty where nobody is known who would say."""
        return self.rights or rights_at(self.kind, self.addresses)

    @property
    def contracts(self) -> bool:
        """Whether what is traded there is held as contracts."""
        return self.kind.endswith("-usdm")

    @property
    def practises(self) -> bool:
        """Whether a lab is started in its place."""
        return self.kind.startswith("practice")

    @property
    def real(self) -> bool:
        """Whether an order there may cost real money."""
        first = self.addresses
        every = [first, *(first._replace(rest=rest) for rest in self.rest)]
        every += [first._replace(private=private) for private in self.private]
        return not self.practises and any(moves_money(self.kind, each) for each in every)

    @field_validator("account")
    @classmethod
    def _of_its_kind(cls, value: Account | None, info: ValidationInfo) -> Account | None:
        if str(info.data.get("kind")).startswith("binance-") and value is None:
            raise ValueError("missing; it has key and secret, as references like env:NAME")
        return value

    @model_validator(mode="after")
    def _practice_is_whole(self) -> "Venue":
        given = self.model_fields_set & {"preset", *Addresses._fields, "rights", "links", "account"}
        if self.practises and given:
            listed = ", ".join(sorted(given))
            real = "binance-usdm" if self.contracts else "binance-spot"
            raise ValueError(
                f'kind = "{self.kind}" takes no {listed}: nightdesk up starts that exchange; remove it, or '
                f'write kind = "{real}"'
            )
        return self

    @field_validator("rest", "rights")
    @classmethod
    def _http(cls, value: tuple[str, ...] | str) -> tuple[str, ...] | str:
        each = (value,) if isinstance(value, str) else _different(value)
        if not each or not all(one.startswith(("http://", "https://")) for one in each):
            raise ValueError("must begin with http:// or https://")
        return value

    @field_validator("links")
    @classmethod
    def _addresses_of_this_host(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for link in _different(value):
            try:
                ip_address(link)
            except ValueError as error:
                raise ValueError(
                    f"{link!r} is no IP address; write one that this host has, like 192.0.2.10"
                ) from error
        return value

    @field_validator("stream", "private")
    @classmethod
    def _websocket(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or not all(one.startswith(("ws://", "wss://")) for one in _different(value)):
            raise ValueError("must begin with ws:// or wss://")
        return value


def _different(listed: Sequence[str]) -> Sequence[str]:
    for one in listed:
        if listed.count(one) > 1:
            raise ValueError(f"{one!r} is listed twice")
    return listed


class Limits(_Strict):
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


class StrategyLimits(_Strict):
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


class LimitsOverride(_Strict):
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


class Losses(_Strict):
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


class Paper(_Strict):
    """[paper]: what the account of a desk on paper holds, by asset; `wallets` stand behind contracts."""

    balances: dict[str, Annotated[Decimal, Field(ge=0)]] = {}
    wallets: dict[str, Annotated[Decimal, Field(ge=0)]] = {}


class Instrument(_Strict):
    """[[instrument]]; `leverage` and `margin` are of contracts alone. The desk never sets them at the venue: it
    refuses to start where they differ there."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*:[A-Z0-9]+$")]
    leverage: Annotated[int, Field(ge=1, le=150)] | None = None
    margin: Literal["cross", "isolated"] | None = None
    limits: LimitsOverride = LimitsOverride()


class Strategy(_Strict):
    """[[strategy]]; `class` is "package.module:Class" or "path/to/file.py:Class"."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: Name
    kind: Annotated[str, Field(alias="class", pattern=r"^[^:]+:[A-Za-z_]\w*$")]
    instruments: Annotated[list[str], Field(min_length=1)]
    params: dict[str, object] = {}
    capital: Positive | None = Field(
        default=None,
        description="what it may size by (`ctx.equity`), in quote, before its own profit",
    )
    losses: Losses = Losses()
    limits: StrategyLimits = StrategyLimits()


class Config(_Strict):
    """The whole file."""

    desk: Desk
    venue: Annotated[dict[str, Venue], Field(min_length=1)]
    limits: Limits
    losses: Losses = Losses()
    instrument: Annotated[list[Instrument], Field(min_length=1)]
    strategy: list[Strategy] = []
    baseline: dict[str, Annotated[Decimal, Field(ge=0)]] = {}
    paper: Paper = Paper()

    @property
    def practises(self) -> bool:
        """Whether the desk trades on a lab that is started with it."""
        return any(venue.practises for venue in self.venue.values())
