"""What is measured in which order: hosts, delay, tools, jobs, how often, for how long."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.job import FIRST, JOBS, NOTHING, Tool
from tests.bench.ours import AsyncSsh, Deployer, OpenSsh
from tests.bench.peers import Ansible, Mitogen, Pyinfra

TOOLS: dict[str, Callable[[], Tool]] = {
    "deployer": Deployer,
    "pyinfra": Pyinfra,
    "mitogen": Mitogen,
    "ansible": Ansible,
    "openssh": OpenSsh,
    "asyncssh": AsyncSsh,
}
FLOORS = ("openssh", "asyncssh")
"""Measured before each turn of a tool."""

PEERS = ("pyinfra", "mitogen", "ansible")
DEPLOYER = "deployer"


@dataclass(frozen=True)
class Setup:
    """One interleaved measurement.

    Attributes:
        hosts: How many.
        delay: Milliseconds added to each round trip.
        tools: Beside the floors, in the order of the first round.
        jobs: Of each tool; a job that another one needs is done unmeasured.
        repeat: Rounds.
        budget: Seconds after which no tool begins a turn that would not end in time; each has one at least.
    """

    hosts: int
    delay: int = 0
    tools: tuple[str, ...] = (DEPLOYER, *PEERS)
    jobs: tuple[str, ...] = JOBS
    repeat: int = 5
    budget: float = float("inf")


SHORT = (
    Setup(1, tools=(DEPLOYER,)),
    Setup(10, tools=(DEPLOYER, "pyinfra"), budget=90),
    Setup(10, tools=("mitogen", "ansible"), jobs=(FIRST, NOTHING), repeat=1),
    Setup(10, 50, tools=(DEPLOYER,), budget=30),
    Setup(100, tools=(DEPLOYER,), budget=60),
)
"""Ten minutes with the served sites: slow peers once and not in all jobs, none of them at 100 hosts."""

FULL = (
    Setup(1, tools=(DEPLOYER,)),
    Setup(1, 50, tools=(DEPLOYER,)),
    Setup(10),
    Setup(10, 50),
    Setup(100),
    Setup(100, 50),
)
"""Some hours, nearly all of them Ansible's at 100 hosts."""

FLEETS = (100, 1000)
"""Simulated hosts, in the full form: half an hour."""
