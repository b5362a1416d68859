"""From options over hosts to an answer: progress, next steps, questions."""

from pathlib import Path

import pytest

from deployer.cli import walks
from deployer.cli.options import Rollback, Walking
from deployer.errors import UnreachableError
from deployer.fleet import Watch
from deployer.model.host import Host
from deployer.outcome import Outcome, Phase, State

HOSTS = (Host("edge1"), Host("edge2"))
OPTIONS = Walking(inventory=Path("lab/inventory.yaml"))


async def walk(host: Host, watch: Watch) -> Outcome:
    watch(host.name, Phase.CONNECT, "")
    if host.name == "edge2":
        raise UnreachableError("edge2 does not answer")
    return Outcome(host.name, State.CHANGED, Phase.CONFIRM)


def test_progress_goes_to_stderr_and_stdout_stays_clean(capsys: pytest.CaptureFixture[str]) -> None:
    walks.walk("apply", HOSTS, OPTIONS, walk)

    printed = capsys.readouterr()
    assert printed.out == ""
    assert "edge1: connect\n" in printed.err
    assert "edge2: unreachable\n" in printed.err


def test_a_failed_host_gets_a_command_to_type_next() -> None:
    good, lost = walks.walk("apply", HOSTS, OPTIONS, walk)

    assert good.next_step == ""
    assert lost.next_step == "when it answers: deployer apply lab/inventory.yaml --limit edge2"


def test_a_rollback_of_several_hosts_is_asked_for_by_their_names() -> None:
    options = Rollback(inventory=Path("inventory.yaml"))

    assert walks.question_before(options, HOSTS) == "Roll back 2 hosts (edge1, edge2)?"


@pytest.mark.parametrize("given", [{"yes": True}, {"check": True}, {"json": True}])
def test_a_rollback_asks_nothing_when_told_so(given: dict[str, bool]) -> None:
    assert walks.question_before(Rollback(inventory=Path("x"), **given), HOSTS) == ""


def test_a_rollback_of_one_host_asks_nothing() -> None:
    assert walks.question_before(Rollback(inventory=Path("x")), HOSTS[:1]) == ""
