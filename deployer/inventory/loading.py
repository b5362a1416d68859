"""Loads an inventory: the one walk from files to hosts."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import yaml

from deployer.errors import Place
from deployer.inventory.document import compose, read_document
from deployer.inventory.findings import Findings
from deployer.inventory.hosts import HostBuilder
from deployer.inventory.names import refuse_near_misses
from deployer.inventory.precedence import Precedence
from deployer.inventory.reading import read_tree
from deployer.inventory.selection import select
from deployer.inventory.settings import Validator
from deployer.inventory.templates import Templates
from deployer.inventory.tree import Layer, Tree
from deployer.inventory.variable import read_variable
from deployer.inventory.vars_files import VarsFolder
from deployer.model.host import Host

_NOTHING: Mapping[str, str] = MappingProxyType({})
_NULL = "tag:yaml.org,2002:null"


@dataclass(frozen=True)
class Inventory:
    """All hosts of one inventory file.

    Attributes:
        hosts: In Ansible's order.
        groups: Group to the names of the hosts in it and below it, `all` and `ungrouped` included.
        path: The file, as the operator typed it.
    """

    hosts: tuple[Host, ...]
    groups: Mapping[str, tuple[str, ...]]
    path: Path

    def select(self, pattern: str) -> tuple[Host, ...]:
        """Return the hosts that Ansible's limit `pattern` means, in inventory order.

        Raises:
            UsageError: A part of it matches nothing; names what is near.
        """
        names = select(pattern, [host.name for host in self.hosts], self.groups)
        return tuple(host for host in self.hosts if host.name in names)


def load(
    path: Path,
    *,
    set_values: Mapping[str, str] = _NOTHING,
    known_variables: Collection[str] = (),
    known_roles: Collection[str] = (),
) -> Inventory:
    """Load the inventory at `path` with the `group_vars/` and `host_vars/` beside it.

    Args:
        path: The file as the operator typed it; places name files relative to where that starts.
        set_values: Variables of the command line (`--set k=v`), each value as YAML; they win over all others.
        known_variables: Names of role defaults; a near miss of one is an error, as of one of ours.
        known_roles: Names of the roles within reach; a host's role that is not one of them is an error.

    Raises:
        InventoryError: With all problems of the files, in file order.
    """
    findings = Findings()
    root = read_document(path, str(path), findings)
    findings.raise_any()
    tree = read_tree(root, str(path), findings)
    sources = _Sources(tree, path.parent, findings, extra=_extra(set_values, findings))
    hosts = sources.hosts(known_roles)
    refuse_near_misses(sources.layers(), known_variables, findings)
    findings.raise_any()
    return Inventory(tuple(hosts), sources.groups, path)


class _Sources:
    """Everything that defines variables, once the tree is known."""

    def __init__(self, tree: Tree, directory: Path, findings: Findings, *, extra: Layer) -> None:
        self._tree = tree
        self._directory = directory
        self._findings = findings
        self._extra = extra
        self._group_vars = VarsFolder(directory / "group_vars", findings)
        self._host_vars = VarsFolder(directory / "host_vars", findings)
        self.groups = {name: tree.members(name) for name in tree.groups}

    def hosts(self, known_roles: Collection[str]) -> list[Host]:
        """Return the hosts whose variables are right; what is wrong with the others is told."""
        builder = self._builder(known_roles)
        groups = self._tree.groups_of_hosts()
        built = (builder.build(name, groups[name]) for name in self.groups["all"])
        return [host for host in built if host is not None]

    def layers(self) -> Iterator[Layer]:
        """Yield every source once."""
        yield self._extra
        for name, group in self._tree.groups.items():
            yield group.variables
            yield self._group_vars.layer(name)
        seen: set[int] = set()
        for name, layers in self._tree.hosts.items():
            for layer in (*layers, self._host_vars.layer(name)):
                if layer and id(layer) not in seen:
                    seen.add(id(layer))
                    yield layer

    def _builder(self, known_roles: Collection[str]) -> HostBuilder:
        precedence = Precedence(self._tree, self._group_vars, host_vars=self._host_vars, extra=self._extra)
        return HostBuilder(
            precedence=precedence,
            templates=Templates(self._directory),
            validator=Validator(self._directory, self._findings, known_roles),
            groups=self.groups,
            directory=str(self._directory),
        )


def _extra(set_values: Mapping[str, str], findings: Findings) -> Layer:
    """Read the variables of the command line; a place in one counts within its own text."""
    extra = {}
    for name, text in set_values.items():
        file = f"--set {name}"
        findings.reading(file)
        node = compose(text, file, findings)
        if node is None:
            start = yaml.Mark(file, 0, 0, 0, "", 0)
            node = yaml.ScalarNode(_NULL, "", start, start)
        extra[name] = read_variable(name, node, Place(file, 1), findings=findings)
    return extra
