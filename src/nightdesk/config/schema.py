"""What `desk.toml` may say. Money is written as strings, so that no float touches it; units are in names."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Positive = Annotated[Decimal, Field(gt=0)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_floats_for_money(cls, value: object, info: object) -> object:
        field = cls.model_fields[info.field_name]  # type: ignore[attr-defined]  # pydantic's ValidationInfo
        if isinstance(value, float) and "Decimal" in str(field.annotation):
            raise ValueError(f'write it as a string, "{value}": a float is not an exact amount')
        return value


class Desk(_Strict):
    """[desk]; `order_ttl_ms` is how late an order may reach the venue at most."""

    name: Name
    journal: str
    control: str | None = None
    log: Literal["json", "console"] = "console"
    order_ttl_ms: Annotated[int, Field(ge=100, le=60_000)] = 2_000


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


class Venue(_Strict):
    """[venue.NAME]; `read_lag_ms` is how long the venue's answers may lag behind what it did: an accepted
    order missing, a fill not counted. What a cancelled order may have filled stays held that much longer."""

    kind: Literal["binance-spot"]
    rest: str = "https://api.binance.com"
    stream: str = "wss://stream.binance.com:9443"
    private: str = "wss://ws-api.binance.com:443"
    read_lag_ms: Annotated[int, Field(ge=0, le=600_000)] = 5_000
    account: Account

    @field_validator("rest")
    @classmethod
    def _http(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value

    @field_validator("stream", "private")
    @classmethod
    def _websocket(cls, value: str) -> str:
        if not value.startswith(("ws://", "wss://")):
            raise ValueError("must begin with ws:// or wss://")
        return value


class Limits(_Strict):
    """[limits], and what [[instrument]] overrides of it. Quantities in base, notionals in quote."""

    order_qty_max: Positive
    order_notional_max: Positive
    position_max: Positive
    gross_max: Positive
    open_orders_max: Annotated[int, Field(ge=1, le=1000)] = 20
    orders_per_second_max: Annotated[int, Field(ge=1, le=1000)] = 10
    collar_bps: Positive = Decimal(50)
    stale_after_ms: Annotated[int, Field(ge=10, le=600_000)] = 2_000
    duplicate_window_ms: Annotated[int, Field(ge=0, le=600_000)] = 250


class LimitsOverride(_Strict):
    """[instrument.limits]: only what differs."""

    order_qty_max: Positive | None = None
    order_notional_max: Positive | None = None
    position_max: Positive | None = None
    collar_bps: Positive | None = None
    stale_after_ms: Annotated[int, Field(ge=10, le=600_000)] | None = None
    duplicate_window_ms: Annotated[int, Field(ge=0, le=600_000)] | None = None


class Instrument(_Strict):
    """[[instrument]]"""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*:[A-Z0-9]+$")]
    limits: LimitsOverride = LimitsOverride()


class Strategy(_Strict):
    """[[strategy]]; `class` is "package.module:Class" or "path/to/file.py:Class"."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: Name
    kind: Annotated[str, Field(alias="class", pattern=r"^[^:]+:[A-Za-z_]\w*$")]
    instruments: Annotated[list[str], Field(min_length=1)]
    params: dict[str, object] = {}


class Config(_Strict):
    """The whole file."""

    desk: Desk
    venue: Annotated[dict[str, Venue], Field(min_length=1, max_length=1)]
    limits: Limits
    instrument: Annotated[list[Instrument], Field(min_length=1)]
    strategy: list[Strategy] = []
    baseline: dict[str, Annotated[Decimal, Field(ge=0)]] = {}
