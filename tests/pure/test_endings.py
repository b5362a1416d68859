import pytest

from deployer.applier import Applied
from deployer.bundle import Bundle, File
from deployer.deploy.endings import outcome
from deployer.facts import Observation, Release
from deployer.outcome import Outcome, State

SEEN = Observation(current="20261122T101500Z-3f9a1c", running="20261122T101500Z-3f9a1c")
SITE = "/etc/nginx/deployer/sites/abc.conf"
BUNDLE = Bundle(files={SITE: File(b"# from inventory.yaml:31 sites[0].locations[2].raw\nproxy_pas x;\n")})


def ended(
    ending: str, phase: str = "probe", reason: str = "why", *said: str, seen: Observation = SEEN
) -> Outcome:
    return outcome(
        "edge1",
        Applied(ending, phase, reason, said, ()),
        seen=seen,
        target="20261122T111500Z-aaaaaa",
        bundle=BUNDLE,
    )


def test_what_nginx_refuses_is_named_with_the_line_of_the_inventory() -> None:
    line = (
        'nginx: [emerg] unknown directive "proxy_pas" in '
        f"/etc/deployer/releases/20261122T111500Z-aaaaaa/root{SITE}:2"
    )

    told = ended("refused", "validate", "/usr/sbin/nginx -t -q -c %s", line)

    assert told.state == State.REFUSED
    assert told.message == "nginx refused the new configuration; release 20261122T101500Z-3f9a1c still serves"
    assert told.said == (
        'unknown directive "proxy_pas"  (rendered etc/nginx/deployer/sites/abc.conf:2)',
        "from inventory.yaml:31  sites[0].locations[2].raw",
    )


def test_a_refusal_on_a_host_that_had_nothing_of_ours_says_what_serves() -> None:
    told = ended("refused", "stage", "apt-get could not install nginx", seen=Observation())

    assert told.message == "apt-get could not install nginx; what was there before still serves"


def test_a_revert_says_where_to_and_why() -> None:
    told = ended("reverted", "probe", "probe wss://abc.test/wss: 502")

    assert told.state == State.REVERTED
    assert told.serving == SEEN.current
    assert told.message == "gone back to release 20261122T101500Z-3f9a1c: probe wss://abc.test/wss: 502"


def test_an_undo_that_failed_too_reports_both() -> None:
    told = ended("stuck", "reload", "no proof; going back failed too: nginx did not start")

    assert told.state == State.REVERTED
    assert told.message == "no proof; going back failed too: nginx did not start"


@pytest.mark.parametrize(
    ("ending", "state"), [("ok", State.CHANGED), ("locked", State.LOCKED), ("stale", State.REFUSED)]
)
def test_every_ending_has_its_state(ending: str, state: State) -> None:
    assert ended(ending).state == state


def test_a_line_without_a_place_is_passed_on_as_it_is() -> None:
    assert ended("refused", "stage", "x", "E: Unable to locate package nginy").said == (
        "E: Unable to locate package nginy",
    )


def test_a_release_that_was_never_confirmed_and_fails_its_proof_is_not_called_gone_back() -> None:
    here = "20261122T111500Z-aaaaaa"
    seen = Observation(current=here, running=here, releases=(Release(here, confirmed=False),))

    told = ended("reverted", "probe", "probe https://abc.test/: 502", seen=seen)

    assert told.state == State.REVERTED
    assert told.message.startswith(
        f"release {here} was never confirmed, fails its proof and still serves: probe"
    )


def test_a_host_that_was_changed_knows_what_it_had_before() -> None:
    assert ended("ok", "confirm", "").replaced == SEEN.current
    assert ended("ok", "confirm", "", seen=Observation()).replaced == "original"


def test_where_nothing_was_replaced_nothing_can_be_taken_back() -> None:
    assert ended("reverted", "probe", "probe: 502").replaced == ""
    assert ended("refused", "stage", "no space").replaced == ""
