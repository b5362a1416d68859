"""From the nodes of an inventory file to its tree: groups, children, hosts, vars."""

import yaml

from deployer.errors import Place, Problem
from deployer.inventory.document import place_of
from deployer.inventory.findings import Findings
from deployer.inventory.near import nearest
from deployer.inventory.ranges import expand, split_port
from deployer.inventory.tree import Layer, Tree
from deployer.inventory.variable import Variable, join, pairs, read_variables
from deployer.model.host import HostVariables

_NULL = "tag:yaml.org,2002:null"
_SECTIONS = ("children", "hosts", "vars")


def read_tree(root: yaml.Node | None, file: str, findings: Findings) -> Tree:
    """Return the groups and hosts that the file declares; what cannot be read is reported and left out."""
    reader = _TreeReader(file, findings)
    if not isinstance(root, yaml.MappingNode):
        place = place_of(root, file) if root else Place(file, 1)
        suggestion = "begin with all:, and hosts:, children: or vars: below it"
        findings.add(Problem("an inventory is a mapping of groups", place, suggestion=suggestion))
        return reader.tree
    for key, body in pairs(root, file, findings, path=""):
        reader.top(key, body)
    reader.tree.settle()
    reader.refuse_double_names()
    return reader.tree


class _TreeReader:
    """Walks the groups; `tree` grows as it goes."""

    def __init__(self, file: str, findings: Findings) -> None:
        self.tree = Tree()
        self._file = file
        self._findings = findings
        self._groups: dict[str, Place] = {}
        self._hosts: dict[str, Place] = {}
        self._open: list[int] = []

    def top(self, key: yaml.ScalarNode, body: yaml.Node) -> None:
        """Read a group of the top level."""
        if key.value == "plugin" and isinstance(body, yaml.ScalarNode):
            self._complain(key, "plugin", "the configuration of an inventory plugin is not an inventory")
        elif key.value in HostVariables.model_fields and not isinstance(body, yaml.MappingNode):
            self._complain(
                key, key.value, f"{key.value} is a variable, not a group", "put it under all: vars:"
            )
        else:
            self._group(key, body, "")

    def refuse_double_names(self) -> None:
        """Report names that are both a group's and a host's: Ansible mixes up their variables."""
        for name in self._hosts.keys() & self.tree.groups.keys():
            self._findings.add(
                Problem(f"{name} is a group and a host", self._hosts[name], suggestion="rename one of them")
            )

    def _group(self, key: yaml.ScalarNode, body: yaml.Node, parent: str) -> None:
        path = join(parent, key.value)
        if not self._is_name(key, path, "group"):
            return
        self.tree.group(key.value)
        if id(body) in self._open:
            self._complain(body, path, "an alias that contains itself")
        elif isinstance(body, yaml.MappingNode):
            self._open.append(id(body))
            for section, content in pairs(body, self._file, self._findings, path=path):
                self._section(key.value, section, content, path=join(path, section.value))
            self._open.pop()
        elif body.tag != _NULL:
            self._complain(body, path, "a group is a mapping of hosts, children and vars")

    def _section(self, group: str, key: yaml.ScalarNode, content: yaml.Node, *, path: str) -> None:
        if key.value not in _SECTIONS:
            self._unknown_section(key, path)
        elif content.tag == _NULL:
            return
        elif key.value != "vars" and isinstance(content, yaml.ScalarNode):
            empty = yaml.ScalarNode(_NULL, "", content.start_mark, content.end_mark)
            self._entry(group, key.value, (content, empty), path=path)
        elif not isinstance(content, yaml.MappingNode):
            suggestion = "end each name with a colon" if key.value != "vars" else ""
            self._complain(content, path, f"{key.value} is a mapping", suggestion)
        elif key.value == "vars":
            self._vars(group, content, path)
        else:
            for pair in pairs(content, self._file, self._findings, path=path):
                self._entry(group, key.value, pair, path=path)

    def _unknown_section(self, key: yaml.ScalarNode, path: str) -> None:
        is_variable = key.value in HostVariables.model_fields
        suggestion = f"put {key.value} under vars:" if is_variable else nearest(key.value, _SECTIONS)
        self._complain(
            key, path, "a group has children, hosts and vars", suggestion or "put groups under children:"
        )

    def _entry(self, group: str, section: str, pair: tuple[yaml.ScalarNode, yaml.Node], *, path: str) -> None:
        key, body = pair
        if section == "hosts":
            self._host(group, key, body, path=join(path, key.value))
            return
        try:
            self.tree.group(key.value)
            self.tree.add_child(group, key.value)
        except ValueError as error:
            self._complain(key, join(path, key.value), str(error))
        self._group(key, body, path)

    def _vars(self, group: str, content: yaml.MappingNode, path: str) -> None:
        variables = read_variables(content, self._file, self._findings)
        priority = variables.pop("ansible_group_priority", None)
        if priority is not None:
            try:
                self.tree.groups[group].priority = int(priority.value)
            except (TypeError, ValueError):
                name = join(path, priority.name)
                self._findings.add(Problem("a group's priority is a whole number", priority.place, name))
        self.tree.groups[group].variables.update(variables)

    def _host(self, group: str, key: yaml.ScalarNode, body: yaml.Node, *, path: str) -> None:
        if not self._is_name(key, path, "host"):
            return
        pattern, port = split_port(key.value)
        try:
            names = expand(pattern)
        except ValueError as error:
            self._complain(key, path, str(error))
            return
        own: Layer = {}
        if isinstance(body, yaml.MappingNode):
            own = read_variables(body, self._file, self._findings)
        elif body.tag != _NULL:
            self._complain(body, path, "a host is a mapping of its variables, or nothing")
        self._add_hosts(group, names, [self._port_layer(port, key), own])
        self._hosts.update(dict.fromkeys(names, place_of(key, self._file)))

    def _add_hosts(self, group: str, names: list[str], layers: list[Layer]) -> None:
        """A port in the name counts only where the host is first named, as in Ansible."""
        port, own = layers
        for name in names:
            if name not in self.tree.hosts:
                self.tree.hosts[name] = [port] if port else []
            if own:
                self.tree.hosts[name].append(own)
            self.tree.groups[group].hosts[name] = None

    def _port_layer(self, port: int | None, key: yaml.ScalarNode) -> Layer:
        if port is None:
            return {}
        name, place = "ansible_port", place_of(key, self._file)
        return {name: Variable(name, port, place, {name: place}, {name: place})}

    def _is_name(self, key: yaml.ScalarNode, path: str, kind: str) -> bool:
        if key.tag == "tag:yaml.org,2002:str" and key.value.strip():
            return True
        self._complain(key, path, f"a {kind}'s name is text", "quote it")
        return False

    def _complain(self, node: yaml.Node, path: str, sentence: str, suggestion: str = "") -> None:
        self._findings.add(Problem(sentence, place_of(node, self._file), path, suggestion))
