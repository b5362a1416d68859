"""Roles from disk: Ansible's folders, read whole and checked strictly."""

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path

from deployer.errors import Place, Problem, RoleError
from deployer.model.role import Role
from deployer.resources import share
from deployer.roles.documents import Document, parse
from deployer.roles.tasks import parse_handlers, parse_tasks, suggestion

_FOLDERS = ("defaults", "tasks", "handlers", "templates", "files", "meta")


def load_role(name: str, search: Sequence[Path]) -> Role:
    """Load the role `name` from the first folder of `search` that has it, else from the project's own.

    Args:
        name: Its folder's name.
        search: Folders of roles, such as `roles/` beside the inventory.

    Raises:
        RoleError: There is no such role, or one of its files is wrong; says file:line:column.
    """
    folder = _find(name, search)
    defaults = _document(folder, "defaults")
    handlers = parse_handlers(_document(folder, "handlers"))
    tasks_document = _document(folder, "tasks")
    tasks = parse_tasks(tasks_document)
    for index, task in enumerate(tasks):
        for handler in task.notify:
            if handler not in handlers:
                place = tasks_document.place(f"[{index}].notify")
                hint = suggestion(handler, list(handlers)) if handlers else "this role has no handlers"
                raise RoleError(Problem(f"there is no handler {handler!r}", place, suggestion=hint))
    if not isinstance(defaults.value or {}, dict):
        raise RoleError(Problem("defaults are a mapping", defaults.place("")))
    return Role(
        name,
        _shown(folder),
        defaults=defaults.value or {},
        places=defaults.places,
        tasks=tasks,
        handlers=handlers,
        templates={path: _text(file) for path, file in _files(folder / "templates")},
        files={path: file.read_bytes() for path, file in _files(folder / "files")},
    )


def files_of(name: str, search: Sequence[Path]) -> list[tuple[str, Path]]:
    """Return every file of the role `name`, by its path in there; see `load_role` for where and errors."""
    return list(_files(_find(name, search)))


def default_variable_names(search: Sequence[Path] = ()) -> frozenset[str]:
    """Return the names of the defaults of every role within reach, for near-miss checks.

    Raises:
        RoleError: A `defaults/main.yml` is not YAML.
    """
    roles = {path.name: path for folder in reversed(_search(search)) for path in _roles(folder)}
    values = [_document(path, "defaults").value for path in roles.values()]
    return frozenset(str(name) for value in values if isinstance(value, dict) for name in value)


def role_names(search: Sequence[Path] = ()) -> frozenset[str]:
    """Return the names of the roles within reach."""
    return frozenset(path.name for folder in _search(search) for path in _roles(folder))


def _search(search: Sequence[Path]) -> tuple[Path, ...]:
    return (*search, share() / "roles")


def _roles(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _find(name: str, search: Sequence[Path]) -> Path:
    for folder in _search(search):
        if (folder / name).is_dir():
            _refuse_strangers(folder / name)
            return folder / name
    known = sorted(role_names(search))
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
    raise RoleError(Problem(f"there is no role {name!r}", suggestion=hint))


def _refuse_strangers(folder: Path) -> None:
    """A misspelt `task/` would otherwise be a role that does nothing."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.name.startswith(".") and path.name not in _FOLDERS:
            raise RoleError(
                Problem(
                    f"a role has no folder {path.name!r}",
                    Place(_shown(path), 1),
                    suggestion=suggestion(path.name, _FOLDERS),
                )
            )


def _document(folder: Path, part: str) -> Document:
    for name in ("main.yml", "main.yaml"):
        file = folder / part / name
        if file.is_file():
            return parse(_text(file), _shown(file))
    return Document(None, {}, _shown(folder / part / "main.yml"))


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for file in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if file.is_file():
            yield file.relative_to(folder).as_posix(), file


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RoleError(Problem("this file is not UTF-8", Place(_shown(file), 1))) from error


def _shown(path: Path) -> str:
    """As the operator knows it: below the working directory or the project if it is there."""
    for base in (Path.cwd(), share()):
        if path.is_absolute() and path.is_relative_to(base):
            return path.relative_to(base).as_posix()
    return path.as_posix()
