"""A role from its folder: read whole and checked strictly."""

from collections.abc import Sequence
from pathlib import Path

from deployer.errors import Problem, RoleError
from deployer.model.role import Role
from deployer.roles.folders import document_of, files_below, find, shown, suggestion, text_of
from deployer.roles.tasks import parse_handlers, parse_tasks


def load_role(name: str, search: Sequence[Path]) -> Role:
    """Load the role `name` from the first folder of `search` that has it, else from the project's own.

    Args:
        name: Its folder's name.
        search: Folders of roles, such as `roles/` beside the inventory.

    Raises:
        RoleError: There is no such role, or one of its files is wrong; says file:line:column.
    """
    folder = find(name, search)
    defaults = document_of(folder, "defaults")
    handlers = parse_handlers(document_of(folder, "handlers"))
    tasks_document = document_of(folder, "tasks")
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
        shown(folder),
        defaults=defaults.value or {},
        places=defaults.places,
        tasks=tasks,
        handlers=handlers,
        templates={path: text_of(file) for path, file in files_below(folder / "templates")},
        files={path: file.read_bytes() for path, file in files_below(folder / "files")},
    )
