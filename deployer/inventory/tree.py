"""Groups and hosts as the file declares them, and Ansible's order over both."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from deployer.inventory.variable import Variable

Layer = Mapping[str, Variable]
"""Variables of one source by name; hosts written by one range share one layer."""


@dataclass(eq=False)
class Group:
    """One group while the file is read."""

    name: str
    children: list[str] = field(default_factory=list)
    parents: list[str] = field(default_factory=list)
    hosts: dict[str, None] = field(default_factory=dict)
    variables: dict[str, Variable] = field(default_factory=dict)
    priority: int = 1


@dataclass(eq=False)
class Tree:
    """All groups and hosts of an inventory.

    Attributes:
        groups: By name, `all` and `ungrouped` first, then as they appear.
        hosts: Name to the host's own layers, later ones win; as they appear.
    """

    groups: dict[str, Group] = field(default_factory=dict)
    hosts: dict[str, list[Layer]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.group("all")
        self.group("ungrouped")
        self.add_child("all", "ungrouped")

    def group(self, name: str) -> Group:
        """Return the group `name`, made if it is new."""
        return self.groups.setdefault(name, Group(name))

    def add_child(self, parent: str, child: str) -> None:
        """Put the group `child` under `parent`; nothing happens if it is there.

        Raises:
            ValueError: It would close a circle.
        """
        if child == parent or child in self.ancestors([parent]):
            raise ValueError(f"{child} is above {parent} already; a group cannot contain itself")
        if child not in self.groups[parent].children:
            self.groups[parent].children.append(child)
            self.groups[child].parents.append(parent)

    def ancestors(self, names: Iterable[str]) -> set[str]:
        """Return all groups above the groups `names`."""
        above: set[str] = set()
        waiting = [parent for name in names for parent in self.groups[name].parents]
        while waiting:
            name = waiting.pop()
            if name not in above:
                above.add(name)
                waiting.extend(self.groups[name].parents)
        return above

    def settle(self) -> None:
        """Give every group a place under `all` and every lone host one in `ungrouped`, as Ansible does."""
        for group in list(self.groups.values()):
            if group.name != "all" and not group.parents:
                self.add_child("all", group.name)
        grouped = {
            host for group in self.groups.values() if group.name not in _BUILT_IN for host in group.hosts
        }
        ungrouped = self.groups["ungrouped"].hosts
        for host in self.hosts:
            if host in grouped:
                ungrouped.pop(host, None)
            else:
                ungrouped[host] = None

    def members(self, name: str) -> tuple[str, ...]:
        """Return the hosts of a group and of the groups below it, in Ansible's order."""
        seen, level = {name: None}, [name]
        while level:
            children = dict.fromkeys(child for group in level for child in self.groups[group].children)
            level = [child for child in children if child not in seen]
            seen.update(dict.fromkeys(level))
        return tuple(dict.fromkeys(host for group in seen for host in self.groups[group].hosts))

    def depths(self) -> dict[str, int]:
        """Return how far below `all` each group is, by the longest way."""
        depths: dict[str, int] = {}

        def depth(name: str) -> int:
            if name not in depths:
                depths[name] = max((depth(parent) + 1 for parent in self.groups[name].parents), default=0)
            return depths[name]

        for name in self.groups:
            depth(name)
        return depths

    def groups_of_hosts(self) -> dict[str, frozenset[str]]:
        """Return each host's groups, those above them included, without `all`."""
        direct: dict[str, set[str]] = {host: set() for host in self.hosts}
        for group in self.groups.values():
            for host in group.hosts:
                direct[host].add(group.name)
        whole: dict[frozenset[str], frozenset[str]] = {}
        found = {}
        for host, names in direct.items():
            key = frozenset(names)
            if key not in whole:
                whole[key] = (key | self.ancestors(key)) - {"all"}
            found[host] = whole[key]
        return found


_BUILT_IN = ("all", "ungrouped")
