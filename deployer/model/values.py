"""The scalar values of the inventory, each checked so strictly that it is safe in an nginx file.

No value admitted here can hold white space, quotes, `;`, `{`, `}` or `$`, so that no value can end a
directive or name a variable. Only `raw:` may say anything.
"""

import ipaddress
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

_HOST_PORT = re.compile(
    r"^(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?):(?P<port>\d{1,5})$"
)
_UNIX = re.compile(r"^unix:/[A-Za-z0-9._/@:+-]+$")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "M": 2592000, "y": 31536000}


class Frozen(BaseModel):
    """Base of all values: immutable, and an unknown key is an error."""

    # Built when it first validates: each is part of another one's schema, and few are ever asked alone.
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, defer_build=True)


def duration_seconds(duration: str) -> float:
    """Return the seconds in an nginx duration.

    >>> duration_seconds("1h"), duration_seconds("1m30s"), duration_seconds("90")
    (3600.0, 90.0, 90.0)
    """
    if duration.isdigit():
        return float(duration)
    return sum(int(number) * _SECONDS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdwMy])", duration))


def _number_to_text(value: object) -> object:
    """YAML reads `90` as a number; nginx's durations and sizes allow it."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def is_address(value: str) -> bool:
    """Tell whether `value` is `host:port` or `unix:/path`, as opposed to a name in `upstreams`."""
    return value.startswith("unix:") or ":" in value


def check_address(value: str) -> str:
    """Return `value` if it is `host:port` or `unix:/path`; ValueError otherwise."""
    if _UNIX.match(value):
        return value
    match = _HOST_PORT.match(value)
    if match is None:
        raise ValueError(f"{value!r} is not host:port or unix:/path")
    if not 1 <= int(match["port"]) <= 65535:
        raise ValueError(f"port {match['port']} is not between 1 and 65535")
    return value


def _check_network(value: str) -> str:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ValueError(f"{value!r} is not an IP address or network such as 10.0.0.0/8") from None
    return value


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _text(pattern: str, example: str, **options: Any) -> Any:  # noqa: ANN401 - an annotation is built
    """An annotated string whose pattern and example appear in the JSON Schema and in messages."""
    return Annotated[str, StringConstraints(pattern=pattern), Field(examples=[example], **options)]


Duration = Annotated[
    str,
    StringConstraints(pattern=r"^(\d+|(\d+(ms|[smhdwMy]))+)$"),
    BeforeValidator(_number_to_text),
    Field(examples=["90s", "1h"], description="An nginx duration."),
]
Size = Annotated[
    str,
    StringConstraints(pattern=r"^\d+[kKmMgG]?$"),
    BeforeValidator(_number_to_text),
    Field(examples=["16m"], description="An nginx size."),
]
Name = _text(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", "abc", description="Letters, digits, `.`, `_`, `-`.")
ServerName = _text(
    r"^(\*\.)?[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$",
    "abc.com",
    description="A DNS name, `*.` in front allowed.",
)
UrlPath = _text(r"^/[A-Za-z0-9._~!&*+,=:@%/-]*$", "/wss", description="A URL path, from `/`.")
Regex = _text(
    r"^\^?/[^\s\"';{}$]*\$?$", "^/v[0-9]+/", description="A PCRE for nginx, from `/`, no quotes or braces."
)
FilePath = _text(r"^/[A-Za-z0-9._/@+,=-]*$", "/srv/www/abc", description="An absolute path on the host.")
FileName = _text(r"^[A-Za-z0-9._@+,=-]+$", "index.php")
Origin = _text(r"^(\*|https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?)$", "https://app.abc.com")
HeaderName = _text(r"^[A-Za-z0-9-]+$", "X-Frame-Options")
HeaderValue = _text(r"^[^\x00-\x1f\x7f\"\\$]*$", "SAMEORIGIN", description="No quotes, `\\` or `$`.")
Target = _text(
    r"^(https?://[A-Za-z0-9._~!&*+,=:@%/?#\[\]-]+|/[A-Za-z0-9._~!&*+,=:@%/?#-]*)$",
    "https://www.abc.com/",
    description="An absolute URL, or a path on the same site.",
)
Email = _text(
    r"^[A-Za-z0-9._%+=-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$", "ops@abc.com", description="An e-mail address."
)
DirectoryUrl = _text(
    r"^https://[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._~%+=@,/-]*)?$",
    "https://ca.example.com/acme/directory",
    description="The URL of an ACME directory.",
)
Rate = _text(r"^[1-9]\d*r/[sm]$", "10r/s", description="Requests per second or minute and client address.")
Network = Annotated[str, AfterValidator(_check_network), Field(examples=["10.0.0.0/8"])]
Address = Annotated[
    str, AfterValidator(check_address), Field(examples=["127.0.0.1:8080", "unix:/run/app.sock"])
]
Port = Annotated[int, Field(ge=1, le=65535)]
OneOrMore = BeforeValidator(_one_or_more)
