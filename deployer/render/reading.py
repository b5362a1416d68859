"""What rendering read of a host."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Reading:
    """What was asked for.

    Attributes:
        names: Of variables, defined or not.
        paths: Of values of the inventory whose place was asked for.
    """

    names: frozenset[str]
    paths: frozenset[str]


@dataclass
class Reader:
    """Notes what is read; `reading` freezes it."""

    names: set[str] = field(default_factory=set)
    paths: set[str] = field(default_factory=set)

    def reading(self) -> Reading:
        """Return what was read so far."""
        return Reading(frozenset(self.names), frozenset(self.paths))
