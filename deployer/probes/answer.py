"""What came back, and what it means."""

from dataclasses import dataclass
from http import HTTPStatus

from deployer.outcome import Verdict

STARTING = frozenset({502, 503, 504})
"""Statuses of a gateway whose backend may be starting still."""


@dataclass(frozen=True)
class Seen:
    """One HTTP answer.

    Attributes:
        status: The status code.
        headers: All header fields, repeated ones included, in the server's order.
        body: The first 64 KiB, as far as they came within a second.
        seconds: From the connect to the end of the header.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    seconds: float = 0.0

    @property
    def words(self) -> str:
        """The status in words, such as `502 Bad Gateway`."""
        return status_words(self.status)

    def fields(self, name: str) -> list[str]:
        """Return the values of all fields of this lower-case name."""
        return [value for field, value in self.headers if field.lower() == name]

    def field(self, name: str) -> str:
        """Return the values of this lower-case name as one list (RFC 9110, 5.3), which may be empty."""
        return ", ".join(self.fields(name))

    @property
    def by_nginx(self) -> bool:
        """Whether the body is a page of nginx itself: an error, or a redirect."""
        return len(self.body) < 2048 and b"<center>nginx" in self.body


@dataclass(frozen=True)
class Answer:
    """A verdict in words.

    Attributes:
        verdict: Passed, failed or off.
        said: One line for people.
        again: Whether a later answer may be better: the backend may be starting still.
    """

    verdict: Verdict
    said: str
    again: bool = False


def passed(said: str) -> Answer:
    """Return a good answer."""
    return Answer(Verdict.PASSED, said)


def failed(said: str, *, again: bool = False) -> Answer:
    """Return a bad answer."""
    return Answer(Verdict.FAILED, said, again)


def off(said: str) -> Answer:
    """Return an answer that proves nothing either way."""
    return Answer(Verdict.OFF, said)


def milliseconds(seconds: float) -> str:
    """Return a time for people: `3 ms`, never 0."""
    return f"{max(1, round(seconds * 1000))} ms"


def status_words(status: int) -> str:
    """Return a status with its reason phrase where it has one.

    >>> status_words(502), status_words(599)
    ('502 Bad Gateway', '599')
    """
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status}"
