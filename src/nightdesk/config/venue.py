"""What `desk.toml` may say of a venue: where it is reached, how, by which key, with which share of limits."""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from nightdesk.config.presets import (
    PRESETS,
    PRODUCTION,
    Addresses,
    Preset,
    moves_money,
    place_of,
    rights_at,
)
from nightdesk.config.strict import Strict
from nightdesk.model.time import SECOND_NS


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


DEAD_MAN_S, DEAD_MAN_LEAST_S = 60, 10
Several = Annotated[tuple[str, ...], BeforeValidator(_listed)]  # written as one, or as a list


class Account(Strict):
    """[venue.NAME.account]: references to secrets, never secrets."""

    key: str
    secret: str

    @field_validator("key", "secret")
    @classmethod
    def _reference(cls, value: str) -> str:
        if not value.startswith(("env:", "file:")):
            raise ValueError("must be a reference, env:NAME or file:PATH, never the secret itself")
        return value


class Budget(Strict):
    """[venue.NAME.budget]: what of a venue's allowance is this host's, and this process's."""

    share_percent: Annotated[int, Field(ge=1, le=100)] = Field(
        default=100,
        description="of every limit: what this host may use; the shares of all hosts at one address or account "
        "are 100 together (never less than a weight of 50 and 11 orders)",
    )
    alone_percent: Annotated[int, Field(ge=1, le=100)] = Field(
        default=50,
        description="of this host's share: what a process uses while it cannot hear the others of its host; "
        "what reduces keeps the whole share",
    )


class Venue(Strict):
    """[venue.NAME]; `read_lag_ms` is how long the venue's answers may lag behind what it did: an accepted
    order missing, a fill not counted. What a cancelled order may have filled stays held that much longer.

    `preset` names its addresses; without it they are those for real money, but for what `rest`, `stream` and
    `private` say. `rights` is where somebody tells what its key may do, where that does not follow from
    the others. `rest`, `stream` and `private` may be several hosts each; who asks alone asks the first.
    `links` are IP addresses of this host, each of which leads there by a way of its own. `dead_man_s` is after
    how long without a desk the venue cancels its entries, 0 for never; only contracts have that. A practice
    venue has neither address nor account: a lab is started in its place."""

    kind: Literal["binance-spot", "binance-usdm", "practice", "practice-usdm"]
    preset: Preset = PRODUCTION
    rest: Several = ()
    stream: Several = ()
    private: Several = ()
    rights: str = ""
    links: Several = ()
    read_lag_ms: Annotated[int, Field(ge=0, le=600_000)] = 5_000
    private_copies: Annotated[int, Field(ge=1, le=3)] = 2  # of 300 connections in five minutes
    dead_man_s: Annotated[int, Field(ge=0, le=3_600)] | None = None
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
    def dead_man_ns(self) -> int:
        """After how long without a desk the venue cancels its entries, in ns; 0 for never."""
        if not self.contracts:
            return 0
        return SECOND_NS * (DEAD_MAN_S if self.dead_man_s is None else self.dead_man_s)

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

    @field_validator("dead_man_s")
    @classmethod
    def _outlasts_a_takeover(cls, value: int | None, info: ValidationInfo) -> int | None:
        """Another node takes over within seconds; until then the orders are still wanted."""
        if value and not str(info.data.get("kind")).endswith("-usdm"):
            raise ValueError("this venue has no dead man's switch; remove it, or write 0")
        if value and value < DEAD_MAN_LEAST_S:
            raise ValueError(
                "would cancel orders that another node is about to take over; write "
                f"{DEAD_MAN_LEAST_S} or more, or 0 for none"
            )
        return value

    @field_validator("rest", "rights")
    @classmethod
    def _http(cls, value: tuple[str, ...] | str) -> tuple[str, ...] | str:
        each = (value,) if isinstance(value, str) else _different(value)
        if not each or not all(one.startswith(("http://", "https://")) for one in each):
            raise ValueError("must begin with http:// or https://")
        return value

    @field_validator("rest")
    @classmethod
    def _of_one_place(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Each order goes to any of them, so they are one exchange."""
        for other in value[1:]:
            if place_of(other) != place_of(value[0]):
                raise ValueError(
                    f"{value[0]!r} is {_called(value[0])}, {other!r} is {_called(other)}: orders would go to "
                    "both; list hosts of one exchange, and write a venue for each"
                )
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


def _called(rest: str) -> str:
    place = place_of(rest)
    return "a host of your own" if place is None else f"{place[1]} of {place[0]}"


def _different(listed: Sequence[str]) -> Sequence[str]:
    for one in listed:
        if listed.count(one) > 1:
            raise ValueError(f"{one!r} is listed twice")
    return listed
