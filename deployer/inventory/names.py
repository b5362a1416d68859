"""Names of variables: which are ours, under which other names Ansible knows them, which are misspelt."""

from collections.abc import Collection, Iterable, Mapping

from deployer.errors import Problem
from deployer.inventory.findings import Findings
from deployer.inventory.near import near_miss
from deployer.inventory.tree import Layer
from deployer.inventory.variable import Variable
from deployer.model.host import HostVariables

OURS = tuple(HostVariables.model_fields)

_NAMES: Mapping[str, tuple[str, ...]] = {
    "ansible_host": ("ansible_ssh_host", "ansible_host"),
    "ansible_port": ("ansible_ssh_port", "ansible_port"),
    "ansible_user": ("ansible_ssh_user", "ansible_user"),
    "ansible_ssh_private_key_file": ("ansible_ssh_private_key_file", "ansible_private_key_file"),
    "ansible_become_user": ("ansible_sudo_user", "ansible_become_user"),
    "ansible_become_password": ("ansible_sudo_pass", "ansible_become_pass", "ansible_become_password"),
}
"""Strongest first, as Ansible reads them (the `vars` of its ssh and sudo plugins)."""

ALIASES = frozenset(name for names in _NAMES.values() for name in names)

SECRETS = frozenset(
    {
        "ansible_become_pass",
        "ansible_password",
        "ansible_private_key",
        "ansible_private_key_passphrase",
        "ansible_ssh_pass",
        "ansible_ssh_password",
        "ansible_ssh_private_key",
        "ansible_ssh_private_key_passphrase",
        "ansible_su_pass",
        "ansible_sudo_pass",
    }
)
"""Ansible's secrets that we do not use, or know by another name; they are never shown either."""

ANSIBLE = frozenset(
    {
        "ansible_become_exe",
        "ansible_become_flags",
        "ansible_become_method",
        "ansible_group_priority",
        "ansible_host_key_checking",
        "ansible_psrp_host",
        "ansible_psrp_port",
        "ansible_psrp_user",
        "ansible_python_interpreter",
        "ansible_runas_user",
        "ansible_ssh_args",
        "ansible_ssh_common_args",
        "ansible_ssh_extra_args",
        "ansible_ssh_host_key_checking",
        "ansible_ssh_timeout",
        "ansible_su_user",
        "ansible_winrm_host",
        "ansible_winrm_port",
        "ansible_winrm_user",
    }
)
"""Ansible's own variables that look like ours and are not."""


def ours_of(variables: Layer) -> dict[str, Variable]:
    """Return the variables that are ours by our names; Ansible's other names for them are understood."""
    found = {}
    for name in OURS:
        known = next((alias for alias in _NAMES.get(name, (name,)) if alias in variables), None)
        if known is not None:
            found[name] = variables[known]
    return found


def refuse_near_misses(layers: Iterable[Layer], known: Collection[str], findings: Findings) -> None:
    """Report every variable whose name is almost one of ours or of `known`."""
    fine = {*known, *OURS, *ALIASES, *SECRETS, *ANSIBLE}
    meant = sorted({*known, *OURS})
    judged: dict[str, str | None] = {}
    for layer in layers:
        for name, variable in layer.items():
            if name not in judged:
                judged[name] = None if name in fine else near_miss(name, meant)
            if judged[name] is not None:
                findings.add(
                    Problem(f"unknown variable {name}", variable.place, name, f"did you mean {judged[name]}?")
                )
