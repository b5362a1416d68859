"""The variables of one host with their templates resolved, each when it is first asked for.

A template that makes a secret may use secrets; any other one fails where it asks for one.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from deployer.inventory.near import nearest
from deployer.inventory.sealing import SEALED, has_sealed, sealed
from deployer.inventory.templates import ResolutionError, Templates
from deployer.inventory.tree import Layer
from deployer.inventory.variable import Leaf, Plain, Variable, replaced


@dataclass(frozen=True)
class Failure:
    """A leaf that could not be resolved, and the names that it could have asked for."""

    leaf: Leaf
    fault: ResolutionError
    known: Collection[str]
    is_secret: bool = False

    @property
    def told(self) -> tuple[str, str]:
        """Why, and what to write instead; of a secret only what cannot contain it."""
        if self.is_secret and self.may_quote:
            return "the template of this secret does not resolve", "a literal {{ or {% needs the tag !unsafe"
        undefined = self.fault.undefined
        return self.fault.sentence, nearest(undefined, self.known) if undefined else ""

    @property
    def may_quote(self) -> bool:
        """Whether the reason may contain a value, or a part of a text that only looks like a template."""
        text = self.leaf.text.strip()
        is_literal = not (text.startswith("{{") and text.endswith("}}"))
        fault = self.fault
        return fault.quotes or fault.named not in text or (is_literal and bool(fault.undefined))


@dataclass(eq=False)
class Resolver:
    """Resolves one host's variables.

    Attributes:
        variables: As written.
        magic: Variables that Ansible adds, such as `inventory_hostname`; they win.
        templates: Compiles and remembers.
        secret_leaves: Those that make secrets.
        inside: Resolves for them; no secret is kept from it.
        failures: By variable, what could not be resolved; `Unresolved` stands in its place.
    """

    variables: Layer
    magic: Mapping[str, Plain]
    templates: Templates
    secret_leaves: Collection[Leaf] = frozenset()
    inside: "Resolver | None" = None
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
            return _unresolved(f"{name} refers to itself ({circle})")
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
            known = (*self.magic, *self.variables)
            failure = Failure(leaf, fault, known, leaf in self.secret_leaves)
            self.failures.setdefault(variable.name, []).append(failure)
            sentence = f"{leaf.path} ({variable.places[leaf.path]}): {failure.told[0]}"
            return _unresolved(sentence, quotes=failure.may_quote)

    def _render(self, leaf: Leaf) -> Plain:
        if leaf.encrypted:
            raise ResolutionError("the value is encrypted with ansible-vault, which deployer does not open")
        template = self.templates.compile(leaf.text)
        asked = self.inside if self.inside and leaf in self.secret_leaves else self
        return template.render(asked.context(template.names))

    def context(self, names: Collection[str]) -> Mapping[str, Plain]:
        """Return the variables of `names` that exist, as a template may see them."""
        secret = min(SEALED & set(names) & self.variables.keys(), default="") if self.inside else ""
        if secret:
            raise ResolutionError(f"a secret may not be used here: {secret}")
        return {name: self._known(name) for name in names if self._knows(name)}

    def _knows(self, name: str) -> bool:
        return name in self.magic or name in self.variables

    def _known(self, name: str) -> Plain:
        if name in self.magic:
            return self.magic[name]
        value = self.value(name)
        return sealed({name: value})[name] if self.inside and has_sealed(name) else value


def _unresolved(sentence: str, *, quotes: bool = False) -> Plain:
    from deployer.inventory.jinja import Unresolved  # late: as in `templates`

    return Unresolved(sentence, quotes=quotes)
