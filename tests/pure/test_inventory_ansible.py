"""The same file means the same to Ansible: hosts, groups, variables, patterns."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from deployer import inventory
from deployer.inventory.variable import Plain, has_template
from deployer.model.host import Host
from deployer.secret import Secret

HERE = Path(__file__).parent / "inventories"
LAB = Path(__file__).parents[2] / "lab" / "inventory.yaml"
FILES = [HERE / "precedence" / "inventory.yaml", HERE / "anchors.yaml", HERE / "templates.yaml", LAB]
MAGIC = {"inventory_hostname", "inventory_hostname_short", "group_names", "groups"}


def ansible(program: str, path: Path, *arguments: str) -> str:
    """Run one of Ansible's programs of this environment; a missing one fails the test."""
    command = [str(Path(sys.executable).parent / program), "-i", str(path), *arguments]
    environment = {
        **os.environ,
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.oneline",
        "ANSIBLE_DEPRECATION_WARNINGS": "0",
        "ANSIBLE_NOCOLOR": "1",
    }
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def listed(path: Path) -> dict[str, Any]:
    return json.loads(ansible("ansible-inventory", path, "--list"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name + "/" + path.stem)
def test_every_host_has_the_variables_that_ansible_shows(path: Path) -> None:
    theirs = listed(path)["_meta"]["hostvars"]

    ours = {host.name: own_variables(host) for host in inventory.load(path).hosts}

    assert ours.keys() >= theirs.keys()
    for name, variables in ours.items():
        assert_same(variables, theirs.get(name, {}), name)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name + "/" + path.stem)
def test_every_group_has_the_hosts_that_ansible_shows(path: Path) -> None:
    groups = {name: body for name, body in listed(path).items() if name != "_meta"}

    loaded = inventory.load(path)

    for name in groups:
        assert set(loaded.groups[name]) == members(name, groups), name


def test_templates_resolve_to_what_ansible_resolves_them_to() -> None:
    path = HERE / "templates.yaml"
    names = listed(path)["_meta"]["hostvars"]["app1.internal"].keys()
    expression = "{{ {" + ", ".join(f"'{name}': {name}" for name in names) + "} | to_json }}"

    said = ansible("ansible", path, "app1.internal", "-m", "ansible.builtin.debug", "-a", f"msg={expression}")

    host = inventory.load(path).select("app1.internal")[0]
    assert own_variables(host) == json.loads(json.loads(said.partition("=> ")[2])["msg"])


PATTERNS = (
    "all", "edge", "eu:!web", "web*", "web:&edge", "db-[a:c]", "web0?.example.com", "~web\\d+", "edge[0:1]",
    "edge[-1]", "edge[1:]", "!edge", "stage1,lonely", "10.0.0.*", "&staging", "2001:db8::1",
    "web*,!web01*,&eu",
)  # fmt: skip
ASK_ANSIBLE = """
import json, sys
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
manager = InventoryManager(loader=DataLoader(), sources=[sys.argv[1]])
print(json.dumps({p: [str(host) for host in manager.get_hosts(p)] for p in sys.argv[2:]}))
"""


def test_a_pattern_selects_what_ansible_selects() -> None:
    path = HERE / "precedence" / "inventory.yaml"
    command = [sys.executable, "-c", ASK_ANSIBLE, str(path), *PATTERNS]
    theirs = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    loaded = inventory.load(path)

    for pattern in PATTERNS:
        assert {host.name for host in loaded.select(pattern)} == set(theirs[pattern]), pattern


def test_hosts_come_in_the_order_of_ansible() -> None:
    path = HERE / "templates.yaml"
    theirs = ansible("ansible", path, "all", "--list-hosts").split()[2:]

    assert [host.name for host in inventory.load(path).hosts] == theirs


def own_variables(host: Host) -> dict[str, Any]:
    return {name: value for name, value in host.variables.items() if name not in MAGIC}


def members(name: str, groups: dict[str, Any]) -> set[str]:
    """Hosts of a group of `--list`, those of the groups below it included."""
    body = groups.get(name, {})
    return set(body.get("hosts", [])).union(*(members(child, groups) for child in body.get("children", [])))


def assert_same(ours: Plain, theirs: Plain, path: str) -> None:
    """Compare; where Ansible shows a template as text, we show what it resolves to."""
    if isinstance(theirs, str) and has_template(theirs):
        return
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys(), path
        for key in theirs:
            assert_same(ours[key], theirs[key], f"{path}.{key}")
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs), path
        for index, their in enumerate(theirs):
            assert_same(ours[index], their, f"{path}[{index}]")
    elif isinstance(ours, Secret):
        assert ours.reveal() == theirs, path
    else:
        assert json.loads(json.dumps(ours, default=str)) == theirs, path
