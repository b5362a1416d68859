"""From the tree to hosts: variables combined, resolved, validated; equal work is done once."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from deployer.inventory.names import SECRETS, ours_of
from deployer.inventory.precedence import Precedence, VariableSet
from deployer.inventory.redaction import Redaction
from deployer.inventory.resolve import Resolver
from deployer.inventory.sealing import is_secret, sealed, secrets_in
from deployer.inventory.settings import Validator
from deployer.inventory.templates import Templates
from deployer.inventory.variable import Leaf, Plain, Variable
from deployer.model.host import Host, HostVariables


@dataclass(eq=False)
class _Shared:
    """What hosts with the same sources share."""

    variables: VariableSet
    validated: dict[str, HostVariables | None] = field(default_factory=dict)

    @cached_property
    def ours(self) -> dict[str, Variable]:
        return ours_of(self.variables.variables)

    @cached_property
    def secret_leaves(self) -> frozenset[Leaf]:
        """Templates that make a secret."""
        names = {variable.name: name for name, variable in self.ours.items()}
        return frozenset(
            leaf
            for variable in self.variables.variables.values()
            for leaf in variable.leaves
            if is_secret(variable, names.get(variable.name, ""), leaf.keys)
        )

    @cached_property
    def varying(self) -> tuple[str, ...]:
        """Names of all variables with something to resolve."""
        return tuple(name for name, each in self.variables.variables.items() if each.leaves)

    @cached_property
    def plain(self) -> dict[str, Plain]:
        """The other ones."""
        return sealed(self.variables.plain)


@dataclass(eq=False)
class HostBuilder:
    """Builds the hosts of one inventory.

    Attributes:
        precedence: Which variables count on a host.
        templates: Compiles templates.
        validator: Validates, and is told of templates that fail.
        groups: All groups with their hosts, as templates see them.
        directory: The inventory's folder, as hosts know it.
    """

    precedence: Precedence
    templates: Templates
    validator: Validator
    groups: Mapping[str, tuple[str, ...]]
    directory: str
    _shared: dict[int, _Shared] = field(default_factory=dict)
    _sorted: dict[frozenset[str], tuple[str, ...]] = field(default_factory=dict)

    def build(self, name: str, groups: frozenset[str]) -> Host | None:
        """Return the host; None if its variables are wrong, which is then told."""
        variables = self.precedence.of_host(name, groups)
        shared = self._shared.setdefault(id(variables), _Shared(variables))
        names = self._sorted.setdefault(groups, tuple(sorted(groups)))
        magic = self._magic(name, names)
        inside = Resolver(variables.variables, magic, self.templates)
        resolver = Resolver(variables.variables, magic, self.templates, shared.secret_leaves, inside)
        varying = {each: resolver.value(each) for each in shared.varying}
        settings = self._settings(name, shared, resolver)
        if settings is None:
            return None
        return Host(
            name=name,
            groups=names,
            settings=settings,
            variables={**shared.plain, **sealed(varying), **magic},
            places=variables.places,
            directory=self.directory,
        )

    def _settings(self, host: str, shared: _Shared, resolver: Resolver) -> HostVariables | None:
        values = {name: resolver.value(variable.name) for name, variable in shared.ours.items()}
        key = repr([values[name] for name, variable in shared.ours.items() if variable.leaves])
        known = key in shared.validated
        if known and not resolver.failures:
            return shared.validated[key]
        redaction = self._redaction(resolver, values)
        for variable in shared.ours.values():
            for failure in resolver.failures.get(variable.name, ()):
                self.validator.tell_failure(failure, variable, host=host, redaction=redaction)
        if not known:
            shared.validated[key] = self.validator.validate(shared.ours, values, redaction=redaction)
        return shared.validated[key]

    def _redaction(self, resolver: Resolver, values: Mapping[str, Plain]) -> Redaction:
        of_ansible = {name: resolver.value(name) for name in SECRETS & resolver.variables.keys()}
        return Redaction([*secrets_in({**of_ansible, **values}), *self.templates.private_keys])

    def _magic(self, name: str, groups: tuple[str, ...]) -> dict[str, Plain]:
        return {
            "inventory_hostname": name,
            "inventory_hostname_short": name if _is_ip(name) else name.partition(".")[0],
            "group_names": list(groups),
            "groups": self.groups,
        }


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
