"""Jinja2 in values: resolved on the controller, strict, sandboxed."""

from pathlib import Path

import jinja2
import pytest
from written_inventory import load, problems, write

from deployer import inventory


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work where the inventory is, so that places read as an operator types them."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_broken_template_of_ours_is_told_with_its_place(folder: Path) -> None:
    assert problems("""
        all:
          hosts: {h: {port: 1}}
          vars:
            ansible_host: "{{ prot }}"
            ansible_user: "{{ port"
            ansible_become_user: "{{ port | to_nice_yaml }}"
            confirm_timeout: "{{ lookup('env', 'DEPLOYER_NOT_SET') }}"
            roles: "{{ circle }}"
            circle: "{{ roles }}"
            ansible_port: !vault abc
    """) == [
        "inventory.yaml:5:19  ansible_host: 'prot' is undefined (on h); did you mean port?",
        (
            "inventory.yaml:6:19  ansible_user: the template does not parse: unexpected end of template, "
            "expected 'end of print statement' (on h)"
        ),
        (
            "inventory.yaml:7:26  ansible_become_user: the template does not parse: No filter named "
            "'to_nice_yaml' (on h)"
        ),
        "inventory.yaml:8:22  confirm_timeout: the environment has no DEPLOYER_NOT_SET (on h)",
        (
            "inventory.yaml:9:12  roles: circle (inventory.yaml:10:13): roles refers to itself "
            "(roles -> circle -> roles) (on h)"
        ),
        (
            "inventory.yaml:11:19  ansible_port: the value is encrypted with ansible-vault, which deployer "
            "does not open (on h)"
        ),
    ]


def test_a_broken_template_of_others_fails_only_where_it_is_used(folder: Path) -> None:
    host = load("""
        all:
          hosts: {h: }
          vars:
            theirs: "{{ lookup('pipe', 'date') }}"
            token: !vault abc
            fine: 1
    """).hosts[0]

    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=True)
    assert environment.from_string("{{ fine }}").render(host.variables) == "1"
    with pytest.raises(
        jinja2.UndefinedError, match=r"theirs \(inventory.yaml:5:13\): there is no lookup 'pipe'"
    ):
        environment.from_string("{{ theirs }}").render(host.variables)
    with pytest.raises(jinja2.UndefinedError, match="encrypted with ansible-vault"):
        environment.from_string("{{ token }}").render(host.variables)


def test_lookups_read_the_environment_and_files_beside_the_inventory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOYER_TEST_USER", "alice")
    write("from a file\n", "prod/secret.txt")
    path = write(
        """
        all:
          hosts: {h: }
          vars:
            ansible_user: "{{ lookup('env', 'DEPLOYER_TEST_USER') }}"
            ansible_become_user: "{{ lookup('ansible.builtin.env', 'DEPLOYER_NOT_SET', default='nobody') }}"
            note: "{{ lookup('file', 'secret.txt') }}"
    """,
        "prod/inventory.yaml",
    )

    host = inventory.load(path).hosts[0]

    assert (host.settings.ansible_user, host.settings.ansible_become_user) == ("alice", "nobody")
    assert host.variables["note"] == "from a file"


def test_a_template_cannot_leave_the_sandbox(folder: Path) -> None:
    attack = "{{ ''.__class__.__mro__[1].__subclasses__() }}"

    assert "unsafe" in problems(f'all: {{hosts: {{h: {{ansible_user: "{attack}"}}}}}}')[0]


def test_unsafe_text_is_no_template(folder: Path) -> None:
    host = load("all: {hosts: {h: {a: !unsafe '{{ b }}', c: !unsafe {d: ['{% e %}', 3]}}}}").hosts[0]

    assert host.variables["a"] == "{{ b }}"
    assert host.variables["c"] == {"d": ["{% e %}", 3]}
