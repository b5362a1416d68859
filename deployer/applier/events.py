"""What the host's script says: one line per event, the last of them `end`."""

from collections.abc import Iterator
from dataclasses import dataclass

MARK = "deployer\t"


@dataclass(frozen=True)
class Event:
    """One line of the script: its kind and its fields."""

    kind: str
    fields: tuple[str, ...] = ()

    def __getitem__(self, index: int) -> str:
        """Return a field, empty where the line has fewer."""
        return self.fields[index] if index < len(self.fields) else ""


def parse_event(line: str) -> Event | None:
    """Read one line; None for lines that are not events, such as a login banner."""
    if not line.startswith(MARK):
        return None
    kind, *fields = line.removeprefix(MARK).split("\t")
    return Event(kind, tuple(fields))


def count(said: str) -> int | None:
    """Read a number of things; None where the script could not count them."""
    return int(said) if said else None


def parse_events(text: str) -> Iterator[Event]:
    """Read all events of a script's output, in order."""
    for line in text.split("\n"):
        if event := parse_event(line):
            yield event
