"""From roles on disk to bundles: a role is read once, and hosts that are alike share one bundle."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.model.host import Host

if TYPE_CHECKING:
    from deployer.bundle import Bundle
    from deployer.facts import Facts
    from deployer.model.role import Role
    from deployer.release import Target
    from deployer.render.alike import Alike


@dataclass(frozen=True)
class Compiled:
    """What a host should be: with all contents, and described."""

    bundle: "Bundle"
    target: "Target"


class Compiler:
    """Compiles the hosts of one run; what it remembers stays in this process."""

    def __init__(self) -> None:
        self._roles: dict[tuple[str, tuple[Path, ...]], Role] = {}

    @cached_property
    def _alike(self) -> "Alike[Compiled]":
        from deployer.render.alike import Alike  # late: as below

        return Alike()

    def __reduce__(self) -> tuple[type["Compiler"], tuple[()]]:
        return (Compiler, ())

    def compile(self, host: Host, facts: "Facts", search: Sequence[Path]) -> Compiled:
        """Compile `host`; the very same object for all hosts that are alike.

        Args:
            host: One validated host.
            facts: What it said of itself.
            search: Folders of roles.

        Raises:
            RoleError: A role or a template is wrong.
        """
        roles = [self._role(name, tuple(search)) for name in host.roles]
        known = self._alike.find(host, roles, facts)
        if known is not None:
            return known
        from deployer.release import target_of  # late: by then a host has answered
        from deployer.render import rendered

        bundle, reading = rendered(host, roles, facts)
        compiled = Compiled(bundle, target_of(bundle))
        self._alike.keep(host, roles, facts, reading=reading, made=compiled)
        return compiled

    def _role(self, name: str, search: tuple[Path, ...]) -> "Role":
        from deployer.roles import load_role  # late: as above

        if (name, search) not in self._roles:
            self._roles[name, search] = load_role(name, search)
        return self._roles[name, search]
