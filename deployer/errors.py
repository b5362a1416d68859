"""What can go wrong, as one tree. An error is an address, a sentence and a next step.

DeployerError                     exit
├── UsageError                       2   the command line
│   ├── InventoryError               2   the inventory: every problem at once, each with its place
│   ├── RoleError                    2   a role's tasks or defaults
│   │   ├── TemplateError            2   a template: undefined variable, syntax
│   │   └── PathConflictError        2   two roles render one path
│   └── CertificateError             2   a certificate or key that cannot serve its site
├── UnreachableError                 4   no connection, or it was lost
├── RefusedError                     5   nothing changed: staging or validation said no
├── RevertedError                    6   the switch was taken back, or the undo failed too
├── LockedError                      7   another run holds the host
└── LabError                         8   Docker or the lab is not available

Anything else is a bug of ours: exit 1. Errors of libraries are mapped where they enter, with
`raise ... from`; only the command line catches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, order=True)
class Place:
    """Where something is written: `file` as the operator knows it, `line` and `column` from 1."""

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a file.

    Attributes:
        sentence: What is wrong, without a full stop.
        place: Where, if a file is to blame.
        path: The value's path, such as `sites[0].locations[2].raw`.
        suggestion: What to write instead, without a full stop.
    """

    sentence: str
    place: Place | None = None
    path: str = ""
    suggestion: str = ""

    def __str__(self) -> str:
        address = "  ".join(part for part in (str(self.place or ""), self.path) if part)
        text = f"{address}: {self.sentence}" if address else self.sentence
        return f"{text}; {self.suggestion}" if self.suggestion else text


class DeployerError(Exception):
    """Base of all errors that an operator can act on.

    Args:
        message: One sentence for the operator; never a secret.
        next_step: A command or an action that leads on, if one is known.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step


class UsageError(DeployerError):
    """The request itself is wrong; nothing was contacted."""

    exit_code = 2


class InventoryError(UsageError):
    """The inventory is wrong; `problems` has every mistake found, in file order."""

    def __init__(self, problems: Sequence[Problem], *, next_step: str = "") -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems), next_step=next_step)


class RoleError(UsageError):
    """A role cannot be compiled; says file:line."""

    def __init__(self, problem: Problem, *, next_step: str = "") -> None:
        self.problem = problem
        super().__init__(str(problem), next_step=next_step)


class TemplateError(RoleError):
    """A template names an undefined variable or does not parse; says file:line."""


class PathConflictError(RoleError):
    """Two tasks own the same path; names both."""


class CertificateError(UsageError):
    """A certificate or key cannot serve its site."""

    def __init__(self, problems: Sequence[Problem], *, next_step: str = "") -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems), next_step=next_step)


class UnreachableError(DeployerError):
    """The host cannot be reached, or the connection was lost."""

    exit_code = 4


class RefusedError(DeployerError):
    """Staging or validation said no; the host is as it was."""

    exit_code = 5


class RevertedError(DeployerError):
    """The host was switched and has gone back, or could not go back."""

    exit_code = 6


class LockedError(DeployerError):
    """Another run holds the host, or has changed it since it was observed."""

    exit_code = 7


class LabError(DeployerError):
    """Docker or the lab is not available."""

    exit_code = 8
