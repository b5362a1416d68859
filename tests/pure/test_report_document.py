"""The JSON document: stable keys, no secrets, every host."""

import json

from deployer import __version__
from deployer.errors import CertificateError, InventoryError, Place, Problem, RoleError, UnreachableError
from deployer.outcome import Action, Change, Outcome, Phase, ProbeResult, State, Verdict
from deployer.report import document

KEYS = [
    "deployer",
    "command",
    "exit_code",
    "message",
    "next_step",
    "problems",
    "warnings",
    "hosts",
    "summary",
]
HOST_KEYS = [
    "host",
    "state",
    "phase",
    "message",
    "said",
    "serving",
    "replaced",
    "next_step",
    "changes",
    "probes",
    "warnings",
    "history",
    "linked",
    "drift",
    "certificates",
    "workers",
    "live",
    "quarantined",
    "seconds",
]


def outcome(host: str, state: State) -> Outcome:
    probe = ProbeResult("abc", "/", "static", "https://abc.test/", Verdict.PASSED, "200 in 4 ms")
    change = Change(Action.CREATE, "file", "/etc/nginx/nginx.conf")
    return Outcome(host, state, Phase.CONFIRM, changes=(change,), probes=(probe,), seconds=1.23456)


def test_the_keys_of_a_document_are_those_that_are_documented() -> None:
    told = document.of_outcomes("apply", [outcome("edge1", State.CHANGED)], exit_code=0)

    assert list(told) == KEYS
    assert list(told["hosts"][0]) == HOST_KEYS


def test_a_document_survives_json() -> None:
    told = document.of_outcomes(
        "apply", [outcome("edge1", State.CHANGED)], exit_code=0, warnings=("careful",)
    )

    read = json.loads(json.dumps(told))

    assert (read["deployer"], read["command"], read["exit_code"]) == (__version__, "apply", 0)
    assert read["warnings"] == ["careful"]
    host = read["hosts"][0]
    assert (host["host"], host["state"], host["phase"], host["seconds"]) == (
        "edge1",
        "changed",
        "confirm",
        1.235,
    )
    assert host["changes"][0] == {
        "action": "create",
        "kind": "file",
        "subject": "/etc/nginx/nginx.conf",
        "detail": "",
        "diff": "",
        "drift": "",
        "backup": "",
    }
    assert host["probes"][0]["verdict"] == "passed"


def test_the_summary_counts_every_host_once() -> None:
    states = [State.CHANGED, State.UNCHANGED, State.PLANNED, State.LOCKED, State.FAILED, State.INTERRUPTED]

    counts = document.summary([outcome(f"edge{n}", state) for n, state in enumerate(states)])

    assert counts == {
        "hosts": 6,
        "changed": 1,
        "unconfirmed": 0,
        "unchanged": 1,
        "planned": 1,
        "interrupted": 1,
        "not_started": 0,
        "taken_back": 0,
        "failed": 2,
        "drifted": 0,
        "probes_passed": 6,
        "probes_failed": 0,
        "probes_off": 0,
    }


def test_an_error_before_any_host_has_the_same_form() -> None:
    problem = Problem(
        "unknown key 'site'", Place("inventory.yaml", 3, 5), "all.vars", "did you mean 'sites'?"
    )

    told = document.of_error("plan", InventoryError([problem, Problem("no place")]))

    assert list(told) == KEYS
    assert (told["exit_code"], told["hosts"]) == (2, [])
    assert told["problems"][0] == {
        "file": "inventory.yaml",
        "line": 3,
        "column": 5,
        "path": "all.vars",
        "sentence": "unknown key 'site'",
        "suggestion": "did you mean 'sites'?",
    }
    assert told["problems"][1]["file"] is None


def test_every_error_with_problems_lists_them() -> None:
    problem = Problem("wrong")

    assert document.problems(RoleError(problem)) == (problem,)
    assert document.problems(CertificateError([problem])) == (problem,)
    assert document.problems(UnreachableError("gone")) == ()
