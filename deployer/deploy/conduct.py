"""How the operator wants hosts to be changed."""

from dataclasses import dataclass
from enum import StrEnum


class Policy(StrEnum):
    """What probes decide after a switch."""

    REGRESSIONS = "regressions"
    """What worked must work, what is new must work, what was broken may stay broken."""
    STRICT = "strict"
    """Everything must work."""
    OFF = "off"
    """Nobody asks."""


@dataclass(frozen=True)
class Conduct:
    """How the operator wants hosts to be changed.

    Attributes:
        policy: What probes decide.
        leave: Do not confirm: `deployer confirm` or the host's clock ends it.
        lock_timeout: Seconds to wait for a host that another run holds.
    """

    policy: Policy = Policy.REGRESSIONS
    leave: bool = False
    lock_timeout: float = 0

    @property
    def warnings(self) -> tuple[str, ...]:
        """What an operator should remember of having asked for this."""
        return ("not probed: --probe off",) if self.policy == Policy.OFF else ()
