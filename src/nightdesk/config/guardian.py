"""What `desk.toml` may say of the guardian."""

from typing import Annotated, Literal

from pydantic import Field

from nightdesk.config.strict import Strict
from nightdesk.config.venue import Account


class Guardian(Strict):
    """[guardian], and a key of its own for each venue under [guardian.account.VENUE]."""

    policy: Literal["tell", "cancel", "flatten"] = Field(
        default="tell",
        description='what it does once nobody has led for `after_s`: "tell" nothing more than tell, "cancel" '
        'the entries, "flatten" all that the desk holds',
    )
    after_s: Annotated[int, Field(ge=10, le=86_400)] = Field(
        default=60, description="how long nobody may lead before it acts, in seconds"
    )
    blind: bool = Field(
        default=False,
        description="act also where the journal could not be read for as long, and no desk answers",
    )
    notify: list[str] = Field(
        default=[],
        description="a command and its arguments, run for each alert with the text on its standard input; "
        "ended after ten seconds",
    )
    account: dict[str, Account] = Field(
        default={},
        description="key and secret by venue, as references: `env:NAME` or `file:PATH`; needed "
        'unless policy is "tell"',
    )
