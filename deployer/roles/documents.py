"""A YAML file of a role, with the place of every value."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from deployer.errors import Place, Problem, RoleError

_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Document:
    """One parsed file.

    Attributes:
        value: Plain dicts, lists and scalars; None for an empty file.
        places: Path of a value (`[0].template.src`, `nginx_user`) to where it is written.
        file: As messages show it.
    """

    value: Any
    places: Mapping[str, Place]
    file: str

    def place(self, path: str) -> Place:
        """Where `path` is written; the file's start if it is not in the file."""
        return self.places.get(path, Place(self.file, 1))


def parse(text: str, file: str) -> Document:
    """Parse `text`, the content of `file`.

    Raises:
        RoleError: It is not YAML, or a mapping has a key twice.
    """
    places: dict[str, Place] = {}
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        value = None if node is None else _construct(loader, node, places=places, file=file)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1)
        raise RoleError(Problem(f"this is not YAML: {error.problem or error}", place)) from error
    except yaml.YAMLError as error:
        raise RoleError(Problem(f"this is not YAML: {error}", Place(file, 1))) from error
    finally:
        loader.dispose()
    return Document(value, places, file)


def _construct(
    loader: yaml.SafeLoader,
    node: yaml.Node,
    *,
    places: dict[str, Place],
    file: str,
    path: str = "",
) -> Any:  # noqa: ANN401 - YAML holds anything
    places[path] = _place(node, file)
    match node:
        case yaml.MappingNode():
            return {
                key: _construct(loader, child, places=places, file=file, path=_below(path, key))
                for key, child in _entries(loader, node, file=file)
            }
        case yaml.SequenceNode():
            return [
                _construct(loader, child, places=places, file=file, path=f"{path}[{index}]")
                for index, child in enumerate(node.value)
            ]
        case _ if path.endswith(".mode"):
            return node.value  # YAML reads 644 as six hundred and forty-four; a mode is always octal
        case _:
            return loader.construct_object(node, deep=True)


def _entries(
    loader: yaml.SafeLoader, node: yaml.MappingNode, *, file: str
) -> Iterator[tuple[str, yaml.Node]]:
    own = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
    for key, _ in node.value:
        if own.count(key.value) > 1:
            raise RoleError(Problem(f"{key.value!r} is written twice", _place(key, file)))
    loader.flatten_mapping(node)
    for key, child in {key.value: (key, child) for key, child in node.value}.values():
        yield str(key.value), child


def _place(node: yaml.Node, file: str) -> Place:
    return Place(file, node.start_mark.line + 1, node.start_mark.column + 1)


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
