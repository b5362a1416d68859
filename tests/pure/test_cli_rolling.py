"""A run in waves as the command line asks for it: its terms, its progress, its next steps."""

from dataclasses import replace
from pathlib import Path

import pytest

from deployer.cli.options import Apply, Rollback, Rolling
from deployer.cli.rolling import roll, terms
from deployer.deploy.bound import comparable
from deployer.errors import UnreachableError
from deployer.fleet import Watch
from deployer.model.host import Host
from deployer.outcome import Outcome, Phase, ProbeResult, Quarantined, State, Verdict
from deployer.rollout import Steps, Terms
from deployer.waves import parse_serial

INVENTORY = Path("inventory.yaml")
HOSTS = tuple(Host(f"web{number}") for number in range(1, 6))
OLD, NEW = "20261121T080000Z-77ab01", "20261122T101500Z-3f9a1c"
BAD = ProbeResult("abc", "/", "static", "https://abc.test/", Verdict.FAILED, "502")
GOOD = ProbeResult("abc", "/", "static", "https://abc.test/", Verdict.PASSED, "200")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (Apply(inventory=INVENTORY), None),
        (Rollback(inventory=INVENTORY), None),
        (Apply(inventory=INVENTORY, serial="1"), 0),
        (Rollback(inventory=INVENTORY, serial="1"), 0),
        (Apply(inventory=INVENTORY, revert_all=True), 0),
        (Apply(inventory=INVENTORY, serial="1", max_fail="2"), 2),
        (Apply(inventory=INVENTORY, max_fail="10%"), 3),
    ],
)
def test_how_many_failures_are_borne_where_nothing_is_said(options: Rolling, expected: int | None) -> None:
    assert terms(options, 30).max_fail == expected


async def walk(host: Host, watch: Watch) -> Outcome:
    watch(host.name, Phase.CONNECT, "")
    if host.name == "web3":
        raise UnreachableError("no route")
    return Outcome(host.name, State.CHANGED, Phase.CONFIRM, serving=NEW, replaced=OLD, probes=(GOOD,))


async def fine(host: Host, before: Outcome, watch: Watch) -> Outcome:
    return Outcome(host.name, State.UNCHANGED, Phase.PROBE, probes=(GOOD,))


async def broken(host: Host, before: Outcome, watch: Watch) -> Outcome:
    return Outcome(host.name, State.UNCHANGED, Phase.PROBE, probes=(BAD,))


WAVES = Terms(parse_serial("1,2,100%"), 0)


def test_the_waves_are_told_on_stderr_and_the_rest_is_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    options = Apply(inventory=INVENTORY, serial="1,2,100%")

    ended, again = roll("apply", HOSTS, options, Steps(walk, fine), within=WAVES)

    printed = capsys.readouterr()
    assert printed.out == ""
    assert "wave 2 of 3: 2 hosts\n" in printed.err
    assert "probing 1 host again\n" in printed.err
    assert "wave 3" not in printed.err
    assert again == "deployer apply inventory.yaml --serial 1,2,100% --limit web3,web4,web5"
    assert ended.outcomes[2].next_step == "when it answers: deployer apply inventory.yaml --limit web3"


def test_a_host_whose_site_broke_later_gets_the_command_that_takes_it_back() -> None:
    ended, _ = roll("apply", HOSTS, Apply(inventory=INVENTORY), Steps(walk, broken), within=WAVES)

    assert ended.outcomes[0].state == State.BROKEN
    assert ended.outcomes[0].next_step == f"deployer rollback inventory.yaml --limit web1 --to {OLD}"


def test_a_site_in_quarantine_is_not_asked_again_what_the_inventory_wants_of_it() -> None:
    other = replace(GOOD, site="xyz")
    held = Quarantined("abc", OLD, Phase.VALIDATE, "nginx refused the new configuration")
    ended = Outcome("web1", State.INCOMPLETE, Phase.VALIDATE, probes=(GOOD, other), quarantined=(held,))

    assert comparable(ended) == (other,)
    assert comparable(replace(ended, quarantined=())) == (GOOD, other)
