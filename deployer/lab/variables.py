"""What the inventory cannot know before the lab is up, as Ansible's variable files beside it."""

import shlex
from collections.abc import Mapping
from typing import Any

import yaml

from deployer.lab.home import Home
from deployer.lab.status import LabStatus, Member

_HEADER = "# Written by `deployer lab up`, removed by `deployer lab down`.\n"
_PORTS = {"echo": 8888, "php": 9000, "tomcat": 8080, "api1": 3000, "api2": 3000}


def backends(status: LabStatus) -> dict[str, Any]:
    """Return the variables of all hosts: where the backends are."""
    at = {
        member.service: f"{member.address}:{_PORTS[member.service]}"
        for member in status.members
        if member.service in _PORTS
    }
    return {
        "lab_echo": at["echo"],
        "lab_php": at["php"],
        "lab_tomcat": at["tomcat"],
        "lab_api": [at["api1"], at["api2"]],
    }


def connection(home: Home, edge: Member) -> dict[str, Any]:
    """Return the variables of one host: how it is reached, and where its visitors find it."""
    visitors = {"lab_https_port": _port(edge, "443/tcp")}
    if "22/tcp" not in edge.ports:
        return {"ansible_host": edge.container, **visitors}
    return {
        "ansible_host": "127.0.0.1",
        "ansible_port": _port(edge, "22/tcp"),
        "ansible_ssh_private_key_file": str(home.key),
        "ansible_ssh_known_hosts_file": str(home.known_hosts),
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={shlex.quote(str(home.known_hosts))}",
        **visitors,
    }


def write(home: Home, status: LabStatus) -> None:
    """Write `group_vars/all.yml` and one file of `host_vars/` per host."""
    _write(home, "group_vars/all.yml", backends(status))
    for edge in status.edges:
        _write(home, f"host_vars/{edge.service}.yml", connection(home, edge))


def _port(edge: Member, port: str) -> int:
    return int(edge.ports[port].rpartition(":")[2])


def _write(home: Home, name: str, values: Mapping[str, Any]) -> None:
    path = home.files / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(_HEADER + yaml.safe_dump(dict(values), sort_keys=False))
