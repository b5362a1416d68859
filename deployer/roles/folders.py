"""Where roles are: their folders, their files, and what each is called."""

from collections.abc import Collection, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

from deployer.errors import Place, Problem, RoleError
from deployer.resources import share
from deployer.roles.documents import Document, parse

_FOLDERS = ("defaults", "tasks", "handlers", "templates", "files", "meta")


def suggestion(name: str, known: Collection[str]) -> str:
    """Return `did you mean ...` where a known name is near, else the list of names."""
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"


def files_of(name: str, search: Sequence[Path]) -> list[tuple[str, Path]]:
    """Return every file of the role `name`, by its path in there; see `load_role` for where and errors."""
    return list(files_below(find(name, search)))


def default_variable_names(search: Sequence[Path] = ()) -> frozenset[str]:
    """Return the names of the defaults of every role within reach, for near-miss checks.

    Raises:
        RoleError: A `defaults/main.yml` is not YAML.
    """
    roles = {path.name: path for folder in reversed(_search(search)) for path in _roles(folder)}
    values = [document_of(path, "defaults").value for path in roles.values()]
    return frozenset(str(name) for value in values if isinstance(value, dict) for name in value)


def role_names(search: Sequence[Path] = ()) -> frozenset[str]:
    """Return the names of the roles within reach."""
    return frozenset(path.name for folder in _search(search) for path in _roles(folder))


def _search(search: Sequence[Path]) -> tuple[Path, ...]:
    return (*search, share() / "roles")


def _roles(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def find(name: str, search: Sequence[Path]) -> Path:
    """Return the folder of the role `name`.

    Raises:
        RoleError: There is none, or it has folders that no role has.
    """
    for folder in _search(search):
        if (folder / name).is_dir():
            _refuse_strangers(folder / name)
            return folder / name
    hint = suggestion(name, sorted(role_names(search)))
    raise RoleError(Problem(f"there is no role {name!r}", suggestion=hint))


def _refuse_strangers(folder: Path) -> None:
    """A misspelt `task/` would otherwise be a role that does nothing."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.name.startswith(".") and path.name not in _FOLDERS:
            raise RoleError(
                Problem(
                    f"a role has no folder {path.name!r}",
                    Place(shown(path), 1),
                    suggestion=suggestion(path.name, _FOLDERS),
                )
            )


def document_of(folder: Path, part: str) -> Document:
    """Parse `PART/main.yml` of a role; without a value where there is none, RoleError where it is no YAML."""
    for name in ("main.yml", "main.yaml"):
        file = folder / part / name
        if file.is_file():
            return parse(text_of(file), shown(file))
    return Document(None, {}, shown(folder / part / "main.yml"))


def files_below(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield every file below `folder`, by its path in there."""
    for file in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if file.is_file():
            yield file.relative_to(folder).as_posix(), file


def text_of(file: Path) -> str:
    """Read a file of a role; RoleError where it is not UTF-8."""
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RoleError(Problem("this file is not UTF-8", Place(shown(file), 1))) from error


def shown(path: Path) -> str:
    """Return `path` as the operator knows it: below the working directory or the project if it is there."""
    for base in (Path.cwd(), share()):
        if path.is_absolute() and path.is_relative_to(base):
            return path.relative_to(base).as_posix()
    return path.as_posix()
