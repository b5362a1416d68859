"""The variables of one host with their templates resolved, each when it is first asked for."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from deployer.inventory.near import nearest
from deployer.inventory.templates import ResolutionError, Templates, Unresolved
from deployer.inventory.tree import Layer
from deployer.inventory.variable import Leaf, Plain, Variable


@dataclass(frozen=True)
class Failure:
    """A leaf that could not be resolved, and the names that it could have asked for."""

    leaf: Leaf
    fault: ResolutionError
    known: Collection[str]

    @property
    def suggestion(self) -> str:
        """The near name of an undefined one."""
        return nearest(self.fault.undefined, self.known) if self.fault.undefined else ""


@dataclass(eq=False)
class Resolver:
    """Resolves one host's variables.

    Attributes:
        variables: As written.
        magic: Variables that Ansible adds, such as `inventory_hostname`; they win.
        templates: Compiles and remembers.
        failures: By variable, what could not be resolved; `Unresolved` stands in its place.
    """

    variables: Layer
    magic: Mapping[str, Plain]
    templates: Templates
    failures: dict[str, list[Failure]] = field(default_factory=dict)
    _resolved: dict[str, Plain] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)

    def value(self, name: str) -> Plain:
        """Return the resolved value of the variable `name`, which exists."""
        variable = self.variables[name]
        if not variable.leaves:
            return variable.value
        if name in self._open:
            circle = " -> ".join([*self._open[self._open.index(name) :], name])
            return Unresolved(f"{name} refers to itself ({circle})")
        if name not in self._resolved:
            self._open.append(name)
            self._resolved[name] = self._fill(variable)
            self._open.pop()
        return self._resolved[name]

    def _fill(self, variable: Variable) -> Plain:
        value = variable.value
        for leaf in variable.leaves:
            value = replaced(value, leaf.keys, self._leaf(variable, leaf))
        return value

    def _leaf(self, variable: Variable, leaf: Leaf) -> Plain:
        try:
            return self._render(leaf)
        except ResolutionError as fault:
            self.failures.setdefault(variable.name, []).append(
                Failure(leaf, fault, (*self.magic, *self.variables))
            )
            return Unresolved(f"{leaf.path} ({variable.places[leaf.path]}): {fault.sentence}")

    def _render(self, leaf: Leaf) -> Plain:
        if leaf.encrypted:
            raise ResolutionError("the value is encrypted with ansible-vault, which deployer does not open")
        template = self.templates.compile(leaf.text)
        return template.render({name: self._known(name) for name in template.names if self._knows(name)})

    def _knows(self, name: str) -> bool:
        return name in self.magic or name in self.variables

    def _known(self, name: str) -> Plain:
        return self.magic[name] if name in self.magic else self.value(name)
