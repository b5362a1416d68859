"""What the schema knows as a secret is shown nowhere."""

from pathlib import Path

import pytest
from written_inventory import load

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
