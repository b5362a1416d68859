"""Which definition of a variable counts on which host: Ansible's order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from deployer.errors import Place
from deployer.inventory.tree import Layer, Tree
from deployer.inventory.variable import Variable
from deployer.inventory.vars_files import VarsFolder


class Places(Mapping[str, Place]):
    """Path of a value to its place, over the variables of a host; what a template made has the template's."""

    def __init__(self, variables: Layer) -> None:
        self._variables = variables

    def __getitem__(self, path: str) -> Place:
        variable = self._variables[root_of(path)]
        if path in variable.places:
            return variable.places[path]
        outer = _outer(path)
        while outer not in variable.places:
            outer = _outer(outer)
        if any(leaf.path == outer for leaf in variable.leaves):
            return variable.places[outer]
        raise KeyError(path)

    def __iter__(self) -> Iterator[str]:
        for variable in self._variables.values():
            yield from variable.places

    def __len__(self) -> int:
        return sum(len(variable.places) for variable in self._variables.values())


@dataclass(frozen=True, eq=False)
class VariableSet:
    """The variables that count on a host; hosts with the same sources share one set."""

    variables: Layer

    @cached_property
    def places(self) -> Places:
        """Where each value is written."""
        return Places(self.variables)

    @cached_property
    def plain(self) -> Mapping[str, Any]:
        """Values without anything to resolve, equal on all hosts of the set."""
        return {name: each.value for name, each in self.variables.items() if not each.leaves}


class Precedence:
    """Combines the sources of each host.

    From weak to strong: vars of `all` in the file; of other groups in the file, by depth, then
    `ansible_group_priority`, then name; `group_vars/all`; `group_vars/` of the others in the same
    order; the host in the file; `host_vars/`; `extra`.
    """

    def __init__(self, tree: Tree, group_vars: VarsFolder, *, host_vars: VarsFolder, extra: Layer) -> None:
        self._tree = tree
        self._group_vars = group_vars
        self._host_vars = host_vars
        self._extra = extra
        self._depths = tree.depths()
        self._of_groups: dict[frozenset[str], dict[str, Variable]] = {}
        self._sets: dict[tuple[frozenset[str], tuple[int, ...]], VariableSet] = {}

    def of_host(self, host: str, groups: frozenset[str]) -> VariableSet:
        """Return the variables of `host`, which is in `groups` (`all` left out)."""
        of_groups = self._of(groups)
        own = [*self._tree.hosts[host], self._host_vars.layer(host), self._extra]
        key = (groups, tuple(id(layer) for layer in own if layer))
        if key not in self._sets:
            combined = dict(of_groups)
            for layer in own:
                combined.update(layer)
            self._sets[key] = VariableSet(combined)
        return self._sets[key]

    def _of(self, groups: frozenset[str]) -> Mapping[str, Variable]:
        if groups not in self._of_groups:
            self._of_groups[groups] = self._combine(groups)
        return self._of_groups[groups]

    def _combine(self, groups: frozenset[str]) -> dict[str, Variable]:
        ordered = sorted(
            groups, key=lambda name: (self._depths[name], self._tree.groups[name].priority, name)
        )
        combined: dict[str, Variable] = {}
        for name in ("all", *ordered):
            combined.update(self._tree.groups[name].variables)
        for name in ("all", *ordered):
            combined.update(self._group_vars.layer(name))
        return combined


def root_of(path: str) -> str:
    """Return the variable's name in a path: `sites` of `sites[0].name`."""
    return path.partition(".")[0].partition("[")[0]


def _outer(path: str) -> str:
    """Cut the last step off: `sites[0]` of `sites[0].name`."""
    return path[: max(path.rfind("."), path.rfind("["))]
