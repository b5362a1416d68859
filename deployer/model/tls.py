"""What a site says of TLS besides where its certificate comes from."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from deployer.model.values import Duration, Frozen, duration_seconds

Policy = Annotated[
    Literal["modern", "intermediate"],
    Field(
        description="Mozilla's guideline: modern is TLS 1.3 alone, intermediate also TLS 1.2. "
        "Sites on one port have one policy."
    ),
]


class Hsts(Frozen):
    """HTTP Strict Transport Security (RFC 6797): for `max_age` browsers know the site by HTTPS only.

    It cannot be taken back from browsers that have seen it, but by `max_age: 0` and a visit.
    """

    max_age: Duration
    include_subdomains: bool = False

    @property
    def header(self) -> str:
        """The value of Strict-Transport-Security; never `preload`, which is a promise of the whole domain."""
        value = f"max-age={int(duration_seconds(self.max_age))}"
        return f"{value}; includeSubDomains" if self.include_subdomains else value


def _as_mapping(value: object) -> object:
    """`hsts: 1y` is short for `hsts: {max_age: 1y}`, and false is none."""
    if value is True:
        raise ValueError(
            "say for how long, such as hsts: 1y; browsers keep to it whatever the site says later"
        )
    if value is False:
        return None
    return {"max_age": value} if isinstance(value, str | int) else value


HstsSetting = Annotated[
    Hsts | None,
    BeforeValidator(_as_mapping, json_schema_input_type=Hsts | Duration | Literal[False]),
    Field(
        description="How long browsers insist on HTTPS: a duration, or max_age and include_subdomains.",
        examples=["1y"],
    ),
]
