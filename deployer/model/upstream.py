"""What is behind a location: servers, and how requests are spread over them."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from deployer.model.values import Address, Duration, Frozen, OneOrMore, check_address, is_address

Balance = Literal["round_robin", "least_conn", "ip_hash", "random"]


def _check_reference(servers: tuple[str, ...]) -> tuple[str, ...]:
    """One entry may be the name of an upstream; several must all be addresses."""
    for server in servers:
        if len(servers) > 1 or is_address(server):
            check_address(server)
    return servers


UpstreamRef = Annotated[
    tuple[str, ...],
    OneOrMore,
    AfterValidator(_check_reference),
    Field(
        min_length=1,
        examples=["127.0.0.1:8080", ["10.0.0.7:3000", "10.0.0.8:3000"], "a_name_in_upstreams"],
        description="host:port, unix:/path, a list of those, or the name of an entry of `upstreams`.",
        json_schema_extra={"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
    ),
]


class Upstream(Frozen):
    """A named group of servers, an entry of the host's `upstreams:`."""

    servers: Annotated[tuple[Address, ...], OneOrMore, Field(min_length=1)]
    balance: Balance = "round_robin"
    keepalive: Annotated[int, Field(ge=0, le=1024, description="Idle connections kept per worker.")] = 64
    max_fails: Annotated[int, Field(ge=0)] = 1
    fail_timeout: Duration = "10s"
