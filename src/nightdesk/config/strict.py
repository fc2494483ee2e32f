"""What every section of `desk.toml` is: no key that nobody knows, no money in floats."""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

Positive = Annotated[Decimal, Field(gt=0)]
Count = Annotated[int, Field(ge=1, le=100_000)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]


class Strict(BaseModel):
    """One section."""

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
