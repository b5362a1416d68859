"""A variable as it is written: its value, the place of every part, the strings that are templates."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, TypeAlias

import yaml

from deployer.errors import InventoryError, Place, Problem
from deployer.inventory.document import LOADER, place_of
from deployer.inventory.findings import Findings

Plain: TypeAlias = Any
"""What YAML can say: scalars, lists, dicts."""
Keys = tuple[str | int, ...]
MOST_VALUES = 200_000


@dataclass(frozen=True)
class Leaf:
    """A string inside a variable that has to be resolved.

    Attributes:
        path: Its path, the variable's name included.
        keys: The way to it from the variable's value; empty for the value itself.
        text: The template.
        encrypted: It is ansible-vault's ciphertext and stays closed.
    """

    path: str
    keys: Keys
    text: str
    encrypted: bool = False


@dataclass(frozen=True, eq=False)
class Variable:
    """One `name: value` of a file.

    Attributes:
        name: As written.
        value: Plain data; templates still as text.
        place: Of the name.
        places: Path of a value, the name included (`sites[0].name`), to its place.
        key_places: The same paths to the places of the keys.
        leaves: The strings to resolve.
    """

    name: str
    value: Plain
    place: Place
    places: Mapping[str, Place] = field(repr=False)
    key_places: Mapping[str, Place] = field(repr=False)
    leaves: tuple[Leaf, ...] = ()


def join(path: str, key: str | int) -> str:
    """Return the path of the part `key` of the value at `path`.

    >>> join("sites", 0), join("sites[0]", "name")
    ('sites[0]', 'sites[0].name')
    """
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def path_of(keys: Iterable[str | int]) -> str:
    """Return the path of the value that `keys` lead to: `sites[0].name`."""
    return reduce(join, keys, "")


def has_template(text: str) -> bool:
    """Tell whether `text` has Jinja2 in it."""
    return "{{" in text or "{%" in text


def replaced(value: Plain, keys: Keys, new: Plain) -> Plain:
    """Return `value` with the part at `keys` replaced; shares everything else."""
    if not keys:
        return new
    copied = value.copy()
    copied[keys[0]] = replaced(value[keys[0]], keys[1:], new)
    return copied


def read_variables(node: yaml.Node, file: str, findings: Findings) -> dict[str, Variable]:
    """Return the variables of a mapping node, in file order."""
    variables = {}
    for key, value in pairs(node, file, findings, path=""):
        if key.tag != "tag:yaml.org,2002:str":
            findings.add(Problem("a variable's name is text", place_of(key, file), suggestion="quote it"))
        else:
            variables[key.value] = read_variable(key.value, value, place_of(key, file), findings=findings)
    return variables


def read_variable(name: str, node: yaml.Node, place: Place, *, findings: Findings) -> Variable:
    """Return the variable `name` with the value that `node` says."""
    reader = _Reader(place.file, findings)
    value = reader.read(node, name, ())
    return Variable(name, value, place, reader.places, reader.key_places, tuple(reader.leaves))


def pairs(
    node: yaml.Node, file: str, findings: Findings, *, path: str
) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
    """Return the keys and values of a mapping node, merge keys (`<<`) resolved, duplicates reported."""
    own: dict[tuple[str, str], tuple[yaml.ScalarNode, yaml.Node]] = {}
    merged: dict[tuple[str, str], tuple[yaml.ScalarNode, yaml.Node]] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            findings.add(_odd_key(key, file, path))
        elif key.tag == "tag:yaml.org,2002:merge":
            merged.update({(k.tag, k.value): (k, v) for k, v in _merged(value, file, findings, path=path)})
        elif (key.tag, key.value) in own:
            findings.add(_duplicate(key, own[key.tag, key.value][0], file, path=path))
        else:
            own[key.tag, key.value] = (key, value)
    return list((merged | own).values())


def _merged(
    node: yaml.Node, file: str, findings: Findings, *, path: str
) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
    """Later pairs win: of a list of mappings, YAML lets the first win."""
    sources = reversed(node.value) if isinstance(node, yaml.SequenceNode) else [node]
    for source in sources:
        if isinstance(source, yaml.MappingNode):
            yield from pairs(source, file, findings, path=path)
        else:
            findings.add(Problem("<< merges a mapping or a list of mappings", place_of(node, file), path))


def _odd_key(key: yaml.Node, file: str, path: str) -> Problem:
    return Problem(
        "a key is text, not a list or a mapping",
        place_of(key, file),
        path,
        "quote a value that begins with {{",
    )


def _duplicate(key: yaml.ScalarNode, first: yaml.ScalarNode, file: str, *, path: str) -> Problem:
    return Problem(
        f"{key.value} is written twice; the first is in line {first.start_mark.line + 1}",
        place_of(key, file),
        join(path, key.value),
    )


class _Reader:
    """Turns the nodes of one variable into data; collects places and leaves on the way."""

    def __init__(self, file: str, findings: Findings) -> None:
        self.places: dict[str, Place] = {}
        self.key_places: dict[str, Place] = {}
        self.leaves: list[Leaf] = []
        self._file = file
        self._findings = findings
        self._open: list[int] = []
        self._unsafe = 0

    def read(self, node: yaml.Node, path: str, keys: Keys) -> Plain:
        if id(node) in self._open:
            return self._complain(node, path, "an alias that contains itself")
        if len(self.places) > MOST_VALUES:
            sentence = f"aliases expand to more than {MOST_VALUES} values"
            raise InventoryError([Problem(sentence, place_of(node, self._file), path)])
        self.places[path] = place_of(node, self._file)
        self._open.append(id(node))
        self._unsafe += node.tag == "!unsafe"
        try:
            return self._read(node, path, keys)
        finally:
            self._unsafe -= node.tag == "!unsafe"
            self._open.pop()

    def _read(self, node: yaml.Node, path: str, keys: Keys) -> Plain:
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path, keys)
        if node.tag.startswith("!") and node.tag != "!unsafe":
            return self._complain(node, path, "an unknown YAML tag")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, keys)
        return [self.read(item, join(path, i), (*keys, i)) for i, item in enumerate(node.value)]

    def _mapping(self, node: yaml.MappingNode, path: str, keys: Keys) -> dict[Any, Any]:
        mapping = {}
        for key_node, value in pairs(node, self._file, self._findings, path=path):
            key = self._plain(key_node, path)
            inner = join(path, str(key))
            self.key_places[inner] = place_of(key_node, self._file)
            mapping[key] = self.read(value, inner, (*keys, key))
        return mapping

    def _scalar(self, node: yaml.ScalarNode, path: str, keys: Keys) -> Plain:
        if node.tag in ("!vault", "!vault-encrypted"):
            self.leaves.append(Leaf(path, keys, "", encrypted=True))
            return ""
        value = self._plain(node, path)
        if isinstance(value, str) and not self._unsafe and has_template(value):
            self.leaves.append(Leaf(path, keys, value))
        return value

    def _plain(self, node: yaml.ScalarNode, path: str) -> Plain:
        if node.tag == "tag:yaml.org,2002:str":
            return node.value
        loader = LOADER("")
        try:
            return loader.construct_object(_untagged(node, loader) if node.tag == "!unsafe" else node)
        except yaml.constructor.ConstructorError:
            return self._complain(node, path, "an unknown YAML tag")
        except (ValueError, OverflowError):
            return self._complain(node, path, "YAML reads this as a number or a date, which it is not")
        finally:
            loader.dispose()

    def _complain(self, node: yaml.Node, path: str, sentence: str) -> None:
        quote = "quote the value if it is text" if isinstance(node, yaml.ScalarNode) else ""
        self._findings.add(Problem(sentence, place_of(node, self._file), path, quote))


def _untagged(node: yaml.ScalarNode, loader: yaml.resolver.BaseResolver) -> yaml.ScalarNode:
    """What YAML makes of the scalar when no tag says otherwise."""
    is_plain = node.style is None
    tag = loader.resolve(yaml.ScalarNode, node.value, (is_plain, not is_plain))  # type: ignore[no-untyped-call]  # the stubs lack it
    return yaml.ScalarNode(tag, node.value, node.start_mark, node.end_mark)
