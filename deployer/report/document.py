"""What programs read: one JSON document with stable keys, described in docs/json.md."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from deployer import __version__
from deployer.errors import (
    CertificateError,
    DeployerError,
    InventoryError,
    Problem,
    RoleError,
)
from deployer.outcome import Outcome, State, Verdict

Document = Mapping[str, Any]

_SUMMARY_KEY = {
    State.CHANGED: "changed",
    State.UNCONFIRMED: "unconfirmed",
    State.UNCHANGED: "unchanged",
    State.PLANNED: "planned",
    State.INTERRUPTED: "interrupted",
    State.NOT_STARTED: "not_started",
    State.TAKEN_BACK: "taken_back",
}


def envelope(command: str, exit_code: int, *, warnings: Sequence[str] = ()) -> dict[str, Any]:
    """Return the keys that every document has, in order."""
    return {
        "deployer": __version__,
        "command": command,
        "exit_code": exit_code,
        "message": "",
        "next_step": "",
        "problems": [],
        "warnings": list(warnings),
    }


def of_outcomes(
    command: str, outcomes: Sequence[Outcome], *, exit_code: int, warnings: Sequence[str] = ()
) -> Document:
    """Return the document of a walk over hosts."""
    return envelope(command, exit_code, warnings=warnings) | {
        "hosts": [_of_outcome(outcome) for outcome in outcomes],
        "summary": summary(outcomes),
    }


def of_error(command: str, error: DeployerError) -> Document:
    """Return the document of a run that ended before any host, in the same form."""
    return envelope(command, error.exit_code) | {
        "message": error.message,
        "next_step": error.next_step,
        "problems": [of_problem(problem) for problem in problems(error)],
        "hosts": [],
        "summary": summary(()),
    }


def of_problem(problem: Problem) -> Document:
    """Return one problem; `file`, `line` and `column` are null where no file is to blame."""
    place = problem.place
    return {
        "file": place.file if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
        "path": problem.path,
        "sentence": problem.sentence,
        "suggestion": problem.suggestion,
    }


def problems(error: DeployerError) -> tuple[Problem, ...]:
    """Return the problems an error carries, none for errors that are one sentence."""
    match error:
        case InventoryError() | CertificateError():
            return error.problems
        case RoleError():
            return (error.problem,)
        case _:
            return ()


def summary(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """Count hosts by how they ended; `failed` is every state without a count of its own."""
    hosts = Counter(_SUMMARY_KEY.get(outcome.state, "failed") for outcome in outcomes)
    probes = Counter(probe.verdict for outcome in outcomes for probe in outcome.probes)
    return {
        "hosts": len(outcomes),
        **{key: hosts[key] for key in (*_SUMMARY_KEY.values(), "failed")},
        "drifted": sum(bool(outcome.drift) for outcome in outcomes),
        **{f"probes_{verdict}": probes[verdict] for verdict in Verdict},
    }


def _of_outcome(outcome: Outcome) -> Document:
    return {
        "host": outcome.host,
        "state": outcome.state,
        "phase": outcome.phase,
        "message": outcome.message,
        "said": list(outcome.said),
        "serving": outcome.serving,
        "replaced": outcome.replaced,
        "next_step": outcome.next_step,
        "changes": [asdict(change) for change in outcome.changes],
        "probes": [asdict(probe) for probe in outcome.probes],
        "warnings": list(outcome.warnings),
        "history": [asdict(record) for record in outcome.history],
        "linked": outcome.linked,
        "drift": [asdict(change) for change in outcome.drift],
        "certificates": [asdict(each) for each in outcome.certificates],
        "workers": [asdict(worker) for worker in outcome.workers],
        "live": asdict(outcome.live) if outcome.live else None,
        "quarantined": [asdict(each) for each in outcome.quarantined],
        "seconds": round(outcome.seconds, 3),
    }
