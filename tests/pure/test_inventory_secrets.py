"""What the schema knows as a secret is shown nowhere."""

from pathlib import Path

import jinja2
import pytest
from written_inventory import load, problems, write

from deployer.errors import InventoryError
from deployer.secret import Secret


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work where the inventory is, so that places read as an operator types them."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_secrets_are_sealed_in_variables_and_settings(folder: Path) -> None:
    host = load("""
        all:
          hosts: {h: }
          vars:
            ansible_become_password: "{{ 'hunter' }}2"
            ansible_password: hunter2
            sites:
              - name: abc
                server_names: abc.com
                tls: {files: {certificate: abc.pem, key: hunter2}}
                locations: [{path: /, static: {root: /srv}}]
    """).hosts[0]

    assert host.settings.ansible_become_password == Secret("hunter2")
    assert host.variables["sites"][0]["tls"]["files"] == {"certificate": "abc.pem", "key": Secret("hunter2")}
    assert "hunter2" not in repr(host) + str(host.variables)


@pytest.mark.parametrize(
    "value",
    [
        "ansible_become_password: 5318008",
        "ansible_become_password: [s3cret]",
        "ansible_become_pass: {a: s3cret}",
        "ansible_become_password: 's3cret {{'",
        'ansible_become_password: "{% s3cret %}"',
        "ansible_become_password: \"{{ 's3cret' | nofilter }}\"",
        "ansible_become_password: *s3cret",
        "sites: [{name: a, tls: {files: {certificate: c, key: 5318008}}}]",
        "sites: [{name: a, tls: {files: s3cret}}]",
        "sites: [{name: a, tls: s3cret}]",
    ],
)
def test_no_problem_shows_a_secret(folder: Path, value: str) -> None:
    with pytest.raises(InventoryError) as caught:
        load(f"all:\n  hosts: {{h: }}\n  vars:\n    {value}\n")

    told = str(caught.value) + repr(caught.value.problems)
    assert "s3cret" not in told
    assert "5318008" not in told


SECRET_PATH = """
    all:
      hosts: {{h: }}
      vars:
        ansible_become_pass: s3cr3tpw
        mine: "{{{{ ansible_become_pass }}}}"
        sites:
          - name: abc
            server_names: abc.com
            raw: "{raw}"
            locations: [{{path: "{path}", static: {{root: /srv}}}}]
"""


def test_a_secret_may_not_be_used_in_a_value_that_is_none(folder: Path) -> None:
    direct = "# {{ ansible_become_pass }}"

    assert problems(SECRET_PATH.format(raw=direct, path="{{ mine }}")) == [
        "inventory.yaml:10:14  sites[0].raw: a secret may not be used here: ansible_become_pass (on h)",
        (
            "inventory.yaml:11:28  sites[0].locations[0].path: mine (inventory.yaml:6:11): "
            "a secret may not be used here: ansible_become_pass (on h)"
        ),
    ]


def test_a_secret_may_be_made_of_secrets_also_by_way_of_other_variables(folder: Path) -> None:
    host = load("""
        all:
          hosts: {h: }
          vars:
            ansible_become_password: "{{ shared.password }}"
            shared: {password: "{{ ansible_password }}", user: alice}
            ansible_user: "{{ shared.user }}"
            ansible_password: "{{ 's3cr3t' }}pw"
    """).hosts[0]

    assert host.settings.ansible_become_password == Secret("s3cr3tpw")
    assert host.settings.ansible_user == "alice"
    assert "s3cr3tpw" not in str(host.variables)
    with pytest.raises(jinja2.UndefinedError, match="a secret may not be used here: ansible_password"):
        str(host.variables["shared"]["password"])


@pytest.mark.parametrize(
    "value",
    [
        'roles: ["/{{ password }}"]',
        "roles: [s3cr3tpw]",
        'keep_releases: "{{ password }}"',
        'ansible_connection: "{{ password }}"',
        'ansible_user: "{{ {}[password] }}"',
        "confirm_timeout: \"{{ 'x' * 55 }}{{ password }}\"",
        'sites: [{name: a, server_names: a.com, locations: [{path: "{{ password }}", static: {root: /}}]}]',
        'sites: [{name: a, server_names: a.b, locations: [{path: /, proxy: {upstream: "{{ password }}"}}]}]',
        "sites: [{name: s3cr3tpw, server_names: a.com}, {name: s3cr3tpw, server_names: b.com}]",
    ],
)
def test_no_problem_shows_a_secret_that_came_by_another_name(folder: Path, value: str) -> None:
    told = problems(
        f"""
        all:
          hosts: {{h: }}
          vars:
            password: s3cr3tpw
            ansible_become_password: "{{{{ password }}}}"
            {value}
    """,
        known_roles=("nginx",),
    )

    assert told
    assert "s3cr3" not in str(told)


@pytest.mark.parametrize("text", ["{{ key }}", "{{ key | replace('-', '') }}", "/{{ key.split()[3] }}"])
def test_no_problem_shows_a_private_key_that_a_lookup_has_read(folder: Path, text: str) -> None:
    write("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG\n-----END PRIVATE KEY-----\n", "a.key")
    told = problems(f"""
        all:
          hosts: {{h: }}
          vars:
            key: "{{{{ lookup('file', 'a.key') }}}}"
            confirm_timeout: "{text}"
    """)

    assert "[redacted]" in told[0]
    assert "MIIE" not in str(told)


def test_why_a_secret_does_not_resolve_is_told(folder: Path) -> None:
    assert problems("""
        all:
          hosts: {h: }
          vars:
            ansible_become_password: !vault abc
            by_name: "{{ lookup('env', 'DEPLOYER_NOT_SET') }}"
            sites:
              - name: a
                server_names: a.com
                tls: {files: {certificate: a.pem, key: "{{ lookup('env', 'DEPLOYER_NOT_SET') }}"}}
                locations: &here [{path: /, static: {root: /srv}}]
              - name: b
                server_names: b.com
                tls: {files: {certificate: a.pem, key: "{{ lookup('file', 'certs/nope.key') }}"}}
                locations: *here
              - name: c
                server_names: c.com
                tls: {files: {certificate: a.pem, key: "{{ by_nmae }}"}}
                locations: *here
              - name: d
                server_names: d.com
                tls: {files: {certificate: a.pem, key: "{{ by_name }}"}}
                locations: *here
    """) == [
        (
            "inventory.yaml:5:30  ansible_become_password: the value is encrypted with ansible-vault, "
            "which deployer does not open (on h)"
        ),
        "inventory.yaml:10:48  sites[0].tls.files.key: the environment has no DEPLOYER_NOT_SET (on h)",
        (
            "inventory.yaml:14:48  sites[1].tls.files.key: certs/nope.key cannot be read: "
            "No such file or directory (on h)"
        ),
        "inventory.yaml:18:48  sites[2].tls.files.key: 'by_nmae' is undefined (on h); did you mean by_name?",
        (
            "inventory.yaml:22:48  sites[3].tls.files.key: by_name (inventory.yaml:6:14): "
            "the environment has no DEPLOYER_NOT_SET (on h)"
        ),
    ]


def test_a_password_that_looks_like_a_template_is_not_shown(folder: Path) -> None:
    assert problems("all: {hosts: {h: {ansible_become_password: 'ab{{s3cret}}'}}}") == [
        (
            "inventory.yaml:1:44  ansible_become_password: the template of this secret does not resolve "
            "(on h); a literal {{ or {% needs the tag !unsafe"
        ),
    ]
