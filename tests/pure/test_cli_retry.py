"""The command for the hosts that are left: what is typed again, what is left out, where many names go."""

import shlex
from pathlib import Path

import pytest

from deployer.cli.loading import read_limit
from deployer.cli.options import Apply, Rollback
from deployer.cli.retry import retry
from deployer.errors import UsageError
from deployer.outcome import MAY_BE_BACK, Outcome, Phase, State

INVENTORY = Path("lab/inventory.yaml")


def outcomes(**states: State) -> list[Outcome]:
    return [Outcome(host, state, Phase.PLAN) for host, state in states.items()]


MIXED = outcomes(web1=State.CHANGED, web2=State.REFUSED, web3=State.UNCHANGED, web4=State.NOT_STARTED)


def test_after_a_run_without_failures_nothing_is_left_to_type() -> None:
    assert retry("apply", outcomes(web1=State.CHANGED), Apply(inventory=INVENTORY)) == ""


def test_the_hosts_that_failed_or_were_not_reached_are_named() -> None:
    assert retry("apply", MIXED, Apply(inventory=INVENTORY)) == (
        "deployer apply lab/inventory.yaml --limit web2,web4"
    )


def test_a_host_that_may_have_gone_back_is_not_sent_back_again() -> None:
    lost = Outcome("web5", State.UNREACHABLE, Phase.CONNECT, message=f"the worker was lost; {MAY_BE_BACK}")

    assert retry("rollback", [*MIXED, lost], Rollback(inventory=INVENTORY)) == (
        "deployer rollback lab/inventory.yaml --limit web2,web4"
    )
    assert retry("rollback", [lost], Rollback(inventory=INVENTORY)) == ""


def test_the_options_are_typed_again_and_the_limit_is_replaced() -> None:
    options = Apply(
        inventory=INVENTORY,
        limit="edge",
        serial="1,25%,100%",
        max_fail="10%",
        revert_all=True,
        parallel=40,
        ask_become_password=True,
    )

    assert shlex.split(retry("apply", MIXED, options))[3:] == [
        *("--parallel", "40", "--ask-become-pass", "--serial", "1,25%,100%", "--max-fail", "10%"),
        *("--revert-all", "--limit", "web2,web4"),
    ]


def test_a_value_of_the_command_line_may_be_a_secret_and_is_not_shown() -> None:
    options = Apply(inventory=INVENTORY, set_values=["token=hunter2", "version=3"])

    assert retry("apply", MIXED, options) == (
        "deployer apply lab/inventory.yaml --set token=... --set version=... --limit web2,web4"
    )


def test_where_no_host_did_well_it_is_the_same_command() -> None:
    failed = outcomes(web1=State.UNREACHABLE, web2=State.REFUSED)

    assert retry("apply", failed, Apply(inventory=INVENTORY)) == "deployer apply lab/inventory.yaml"
    assert retry("rollback", failed, Rollback(inventory=INVENTORY, limit="edge:!web3", to="original")) == (
        "deployer rollback lab/inventory.yaml --to original --limit 'edge:!web3'"
    )


def test_the_names_of_many_hosts_go_into_a_file_that_limit_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    failed = outcomes(good=State.CHANGED, **{f"web{number}": State.UNREACHABLE for number in range(1000)})

    limit = shlex.split(retry("apply", failed, Apply(inventory=INVENTORY)))[-1]

    assert Path(limit.removeprefix("@")).parent == tmp_path
    assert read_limit(limit).split(",") == [f"web{number}" for number in range(1000)]


def test_a_file_of_patterns_goes_with_patterns_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "hosts.retry"
    file.write_text("# of Monday\nweb1\n\n  edge[0:2]\n")

    assert read_limit(f"@{file},!web3") == "web1,edge[0:2],!web3"


@pytest.mark.parametrize("content", [None, "", "# nobody\n\n", b"\xff\xfe"])
def test_a_file_without_a_host_never_means_all_hosts(tmp_path: Path, content: str | bytes | None) -> None:
    file = tmp_path / "hosts.retry"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(UsageError, match=r"hosts\.retry"):
        read_limit(f"@{file}")
