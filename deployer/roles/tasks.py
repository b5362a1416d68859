"""From the YAML of `tasks/main.yml` and `handlers/main.yml` to tasks, strictly."""

import difflib
from collections.abc import Collection, Mapping
from typing import Any, cast

from pydantic import ValidationError

from deployer.errors import Problem, RoleError
from deployer.model.role import MODULES, Arguments, Module, Task
from deployer.roles.documents import Document

_KEYWORDS = ("name", "when", "loop", "notify")
_NOTIFIES = ("template", "copy", "file")


def parse_tasks(document: Document) -> tuple[Task, ...]:
    """Return the tasks of `document`, in order.

    Raises:
        RoleError: With the place of the first thing that is not in the vocabulary.
    """
    entries = document.value or []
    if not isinstance(entries, list):
        raise _error(document, "", "tasks are a list")
    return tuple(_task(document, f"[{index}]", entry) for index, entry in enumerate(entries))


def parse_handlers(document: Document) -> Mapping[str, Task]:
    """Return the handlers of `document` by name; each is a `service` task, reloaded or restarted.

    Raises:
        RoleError: With the place of what is wrong.
    """
    handlers: dict[str, Task] = {}
    for index, task in enumerate(parse_tasks(document)):
        path = f"[{index}]"
        if not task.name:
            raise _error(document, path, "a handler needs a name")
        if task.name in handlers:
            raise _error(document, f"{path}.name", f"there are two handlers {task.name!r}")
        if task.module != "service" or task.arguments.get("state") not in ("reloaded", "restarted"):
            raise _error(document, path, "a handler is a service with state: reloaded or state: restarted")
        handlers[task.name] = task
    return handlers


def suggestion(name: str, known: Collection[str]) -> str:
    """Return `did you mean ...` where a known name is near, else the list of names."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"


def _task(document: Document, path: str, entry: object) -> Task:
    if not isinstance(entry, dict):
        raise _error(document, path, "a task is a mapping, such as {template: {src: ..., dest: ...}}")
    module = _module(document, path, entry)
    arguments = _arguments(document, f"{path}.{module}", entry[module])
    notify = _texts(document, f"{path}.notify", entry.get("notify"))
    if notify and module not in _NOTIFIES:
        raise _error(document, f"{path}.notify", f"only {', '.join(_NOTIFIES)} can notify a handler")
    return Task(
        module,
        arguments,
        document.place(path),
        name=str(entry.get("name") or ""),
        when=_texts(document, f"{path}.when", entry.get("when")),
        loop=_loop(document, f"{path}.loop", entry.get("loop")),
        notify=notify,
    )


def _module(document: Document, path: str, entry: Mapping[str, Any]) -> Module:
    named = [str(key) for key in entry if key not in _KEYWORDS]
    for name in named:
        if name not in MODULES:
            known = (*MODULES, *_KEYWORDS)
            raise _error(
                document,
                f"{path}.{name}",
                f"{name!r} is neither a module nor a keyword",
                hint=suggestion(name, known),
            )
    if len(named) != 1:
        found = " and ".join(named) or "none"
        raise _error(document, path, f"a task has exactly one module; this one has {found}")
    return cast(Module, named[0])


def _arguments(document: Document, path: str, arguments: object) -> Mapping[str, Any]:
    model = MODULES[cast(Module, path.rpartition(".")[2])]
    if not isinstance(arguments, dict):
        raise _error(document, path, "arguments are a mapping")
    names = [field.alias or name for name, field in model.model_fields.items()]
    for name in arguments:
        if name not in names:
            sentence = f"{name!r} is not an argument of {path.rpartition('.')[2]}"
            raise _error(document, f"{path}.{name}", sentence, hint=suggestion(str(name), names))
    for name, field in model.model_fields.items():
        if field.is_required() and name not in arguments:
            raise _error(document, path, f"{name!r} is missing")
    if "{{" not in str(arguments) and "{%" not in str(arguments):
        _check(document, path, model=model, arguments=arguments)
    return arguments


def _check(document: Document, path: str, *, model: type[Arguments], arguments: Mapping[str, Any]) -> None:
    try:
        model.model_validate(arguments)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join([path, *(str(part) for part in first["loc"] if isinstance(part, str))])
        raise _error(document, place, first["msg"].removeprefix("Value error, ")) from error


def _texts(document: Document, path: str, value: object) -> tuple[str, ...]:
    """`when` and `notify` are one text or a list of texts; `when: true` is a text too."""
    values = value if isinstance(value, list) else [] if value is None else [value]
    for entry in values:
        if not isinstance(entry, str | bool):
            raise _error(document, path, "this is a text, or a list of texts")
    return tuple(str(entry) for entry in values)


def _loop(document: Document, path: str, value: object) -> str | tuple[Any, ...] | None:
    match value:
        case None | str():
            return value
        case list():
            return tuple(value)
        case _:
            raise _error(document, path, "loop is a list, or an expression that gives one")


def _error(document: Document, path: str, sentence: str, *, hint: str = "") -> RoleError:
    nearest = path
    while nearest and nearest not in document.places:
        nearest = nearest.rpartition(".")[0]
    return RoleError(Problem(sentence, document.place(nearest), path, hint))
