"""What goes to a worker, and whether it has what the walk will read there."""

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from deployer import deploy, inventory
from deployer.fleet import Walk
from deployer.following import Following
from deployer.model.host import Host, HostVariables
from deployer.outcome import Outcome, Phase, State
from deployer.workers.likeness import evidence_of_roles, evidence_of_sites, representatives, unlike
from deployer.workers.shards import REPEATED_PATIENCE, Shard, among, repeatable, repeated, size

CHANGED = Outcome("edge1", State.CHANGED, Phase.CONFIRM, serving="new", replaced="old")


@pytest.mark.parametrize(
    ("waiting", "threads", "expected"),
    [
        (10_000, {"a": 4, "b": 4}, 5),  # four threads share twenty hosts at a time
        (10_000, {"a": 1, "b": 1}, 20),
        (10, {"a": 4, "b": 4}, 2),  # nobody is idle while another has hosts left
        (3, {"a": 4, "b": 4}, 1),
        (10_000, {"a": 64}, 1),  # more threads than hosts at a time
        (10_000, {"a": 4, "b": 2}, 5),
    ],
)
def test_a_shard_is_what_a_thread_may_have_under_way(
    waiting: int, threads: dict[str, int], expected: int
) -> None:
    assert size(waiting, threads, parallel=20) == expected


@pytest.mark.parametrize(
    "walk",
    [
        deploy.Bound(deploy.apply, deploy.Options(check=True, who="ops@desk")),
        deploy.Bound(deploy.quarantine, deploy.Options()),
        deploy.Bound(deploy.rollback, deploy.RollbackOptions(steps=2)),
        deploy.verify,
        Following(deploy.again, {"edge1": CHANGED}),
        Following(deploy.TakingBack(deploy.RollbackOptions()), {"edge1": CHANGED}),
    ],
)
def test_every_walk_of_the_command_line_is_a_value_that_travels(walk: object) -> None:
    assert pickle.loads(pickle.dumps(walk)) == walk


def test_a_host_of_an_inventory_travels_with_its_places_and_secrets(tmp_path: Path) -> None:
    (tmp_path / "inventory.yaml").write_text(
        "all:\n  hosts:\n    edge[1:2]:\n  vars:\n    ansible_become_password: geheim\n"
        "    sites:\n      - name: abc\n        server_names: [abc.com]\n"
        "        locations:\n          - {path: /, static: {root: /srv}}\n"
    )
    host = inventory.load(tmp_path / "inventory.yaml").hosts[1]

    there = pickle.loads(pickle.dumps(Shard("run", "worker", (host,), deploy.verify, {}))).hosts[0]

    assert (there.settings, dict(there.variables), dict(there.places)) == (
        host.settings,
        dict(host.variables),
        dict(host.places),
    )


def test_a_walk_that_follows_another_takes_along_what_it_knows_of_its_own_hosts_alone() -> None:
    before = {name: replace(CHANGED, host=name) for name in ("edge1", "edge2", "edge3")}

    walk = among(Following(deploy.again, before), [Host("edge2")])

    assert isinstance(walk, Following)
    assert set(walk.before) == {"edge2"}


@pytest.mark.parametrize(
    "walk",
    [
        deploy.Bound(deploy.apply, deploy.Options()),
        deploy.Bound(deploy.rollback, deploy.RollbackOptions()),
    ],
)
def test_a_host_whose_worker_was_lost_is_waited_for(walk: deploy.Bound[deploy.Options]) -> None:
    again = repeated(walk)

    assert isinstance(again, deploy.Bound)
    assert walk.options.conduct.lock_timeout == 0
    assert again.options.conduct.lock_timeout == REPEATED_PATIENCE


def test_a_host_that_was_to_be_taken_back_is_waited_for_too() -> None:
    again = repeated(Following(deploy.TakingBack(deploy.RollbackOptions()), {"edge1": CHANGED}))

    assert isinstance(again, Following)
    assert isinstance(again.follow, deploy.TakingBack)
    assert again.follow.options.conduct.lock_timeout == REPEATED_PATIENCE


@pytest.mark.parametrize(
    ("walk", "expected"),
    [
        (deploy.Bound(deploy.rollback, deploy.RollbackOptions()), False),
        (deploy.Bound(deploy.rollback, deploy.RollbackOptions(steps=2)), False),
        (deploy.Bound(deploy.rollback, deploy.RollbackOptions(check=True)), True),
        (deploy.Bound(deploy.rollback, deploy.RollbackOptions(to="original")), True),
        (deploy.Bound(deploy.apply, deploy.Options()), True),
        (deploy.verify, True),
        (Following(deploy.TakingBack(deploy.RollbackOptions()), {"edge1": CHANGED}), True),
    ],
)
def test_only_going_back_from_wherever_a_host_is_cannot_be_done_twice(walk: Walk, expected: bool) -> None:
    assert repeatable(walk) is expected


def test_more_patience_of_the_operator_stays() -> None:
    walk = deploy.Bound(deploy.apply, deploy.Options(conduct=deploy.Conduct(lock_timeout=900)))

    assert repeated(walk) == walk


def _host(folder: Path, **tls: object) -> Host:
    said = {
        "name": "abc",
        "server_names": ["abc.com"],
        "locations": [{"path": "/", "static": {"root": "/srv"}}],
        "tls": tls,
    }
    settings = HostVariables.model_validate({"sites": [said], "roles": ["pages"]})
    return Host("edge1", settings=settings, directory=str(folder))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of an inventory with a role and a certificate."""
    (tmp_path / "roles/pages/tasks").mkdir(parents=True)
    (tmp_path / "roles/pages/tasks/main.yml").write_text("[]\n")
    (tmp_path / "abc.pem").write_text("a chain")
    (tmp_path / "abc.key").write_text("a key")
    return tmp_path


FILES = {"certificate": "abc.pem", "key": "abc.key"}


@pytest.mark.parametrize(
    ("path", "text", "sentence"),
    [
        ("roles/pages/tasks/main.yml", "[] # other", "its role pages/tasks/main.yml is not the controller's"),
        ("roles/pages/files/new", "new", "it has a role pages/files/new, which the controller has not"),
        ("abc.pem", "another chain", "its file abc.pem is not the controller's"),
        ("abc.key", None, "it has no key 1 of abc"),
    ],
)
def test_a_worker_that_would_read_something_else_is_found_out(
    folder: Path, path: str, text: str | None, sentence: str
) -> None:
    hosts = [_host(folder, files=FILES)]
    ours = evidence_of_roles(hosts) | evidence_of_sites(hosts)
    changed = folder / path
    changed.unlink(missing_ok=True)
    changed.parent.mkdir(exist_ok=True)
    if text is not None:
        changed.write_text(text)

    assert unlike(ours, ours) == ""
    assert unlike(ours, evidence_of_roles(hosts) | evidence_of_sites(hosts)) == sentence


def test_a_worker_with_a_local_ca_of_its_own_is_found_out(folder: Path) -> None:
    host = _host(folder, local_ca={"directory": "ca"})
    none_yet = evidence_of_sites([host])
    (folder / "ca").mkdir()
    (folder / "ca/ca.pem").write_text("a CA")

    assert unlike(none_yet, evidence_of_sites([host])) == (
        "it has a local CA in ca, which the controller has not"
    )


def test_the_text_of_a_key_in_the_inventory_is_no_file_and_no_part_of_a_sentence(folder: Path) -> None:
    pem = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"

    found = evidence_of_sites([_host(folder, files={"certificate": "abc.pem", "key": pem})])

    assert list(found) == ["file abc.pem"]


def test_a_key_whose_first_line_was_lost_is_no_part_of_a_sentence(folder: Path) -> None:
    found = evidence_of_sites([_host(folder, files={"certificate": "abc.pem", "key": "MIIBVQIBADANBgkq"})])

    assert "MIIBVQIBADANBgkq" not in str(found)
    assert found["key 1 of abc"] == ""


def test_as_few_hosts_stand_for_all_as_have_their_roles() -> None:
    hosts = [Host(f"edge{number}") for number in range(9)]
    other = replace(hosts[0], name="other", settings=HostVariables.model_validate({"roles": ["tomcat"]}))

    assert {host.roles for host in representatives([*hosts, other])} == {(), ("tomcat",)}
    assert len(representatives([*hosts, other])) == 2
