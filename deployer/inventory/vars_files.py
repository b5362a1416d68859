"""`group_vars/` and `host_vars/` beside the inventory, found as Ansible finds them."""

from functools import cached_property
from pathlib import Path

import yaml

from deployer.errors import Problem
from deployer.inventory.document import place_of, read_document
from deployer.inventory.findings import Findings
from deployer.inventory.tree import Layer
from deployer.inventory.variable import Variable, read_variables

_EXTENSIONS = ("", ".yml", ".yaml", ".json")


class VarsFolder:
    """One of the two folders.

    Args:
        folder: `group_vars` or `host_vars` beside the inventory; need not exist.
        findings: Is told what cannot be read.
    """

    def __init__(self, folder: Path, findings: Findings) -> None:
        self._folder = folder
        self._findings = findings
        self._layers: dict[str, Layer] = {}

    def layer(self, name: str) -> Layer:
        """Return the variables of the group or host `name`; of several files, the last one wins."""
        if name not in self._layers:
            self._layers[name] = self._read(name)
        return self._layers[name]

    @cached_property
    def _names(self) -> frozenset[str]:
        """Ten thousand hosts ask for their files: one listing answers them."""
        try:
            return frozenset(entry.name for entry in self._folder.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return frozenset()
        except OSError as error:
            self._findings.add(Problem(f"{self._folder} cannot be read: {error.strerror}"))
            return frozenset()

    def _read(self, name: str) -> Layer:
        layer: dict[str, Variable] = {}
        for path in self._files(name):
            layer.update(self._variables(path))
        return layer

    def _files(self, name: str) -> list[Path]:
        """The first of `x`, `x.yml`, `x.yaml`, `x.json` counts; a folder stands for all files in it."""
        for extension in _EXTENSIONS:
            if name + extension in self._names:
                path = self._folder / (name + extension)
                return _files_below(path) if path.is_dir() else [path]
        return []

    def _variables(self, path: Path) -> Layer:
        file = str(path)
        root = read_document(path, file, self._findings)
        if root is None or root.tag == "tag:yaml.org,2002:null":
            return {}
        if not isinstance(root, yaml.MappingNode):
            self._findings.add(Problem("a file of variables is a mapping", place_of(root, file)))
            return {}
        return read_variables(root, file, self._findings)


def _files_below(folder: Path) -> list[Path]:
    found: list[Path] = []
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.name.startswith(".") or path.name.endswith("~"):
            continue
        if path.is_dir() and not path.suffix:
            found.extend(_files_below(path))
        elif path.is_file() and path.suffix in _EXTENSIONS:
            found.append(path)
    return found
