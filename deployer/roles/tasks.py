"""From the YAML of `tasks/main.yml` and `handlers/main.yml` to tasks, strictly."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from pydantic import ValidationError

from deployer.errors import Problem, RoleError
from deployer.model.role import MODULES, Arguments, Module, Task
from deployer.roles.documents import Document
from deployer.roles.folders import suggestion

_KEYWORDS = ("name", "when", "loop", "notify")
_NOTIFIES = ("template", "copy", "file")


def parse_tasks(document: Document) -> tuple[Task, ...]:
    """Return the tasks of `document`, in order.

    Raises:
        RoleError: With the place of the first thing that is not in the vocabulary.
    """
    entries = document.value or []
    if not isinstance(entries, list):
        raise _At(document, "").error("tasks are a list")
    return tuple(_task(_At(document, f"[{index}]"), entry) for index, entry in enumerate(entries))


def parse_handlers(document: Document) -> Mapping[str, Task]:
    """Return the handlers of `document` by name; each is a `service` task, reloaded or restarted.

    Raises:
        RoleError: With the place of what is wrong.
    """
    handlers: dict[str, Task] = {}
    for index, task in enumerate(parse_tasks(document)):
        at = _At(document, f"[{index}]")
        if not task.name:
            raise at.error("a handler needs a name")
        if task.name in handlers:
            raise at.below("name").error(f"there are two handlers {task.name!r}")
        if task.module != "service" or task.arguments.get("state") not in ("reloaded", "restarted"):
            raise at.error("a handler is a service with state: reloaded or state: restarted")
        handlers[task.name] = task
    return handlers


@dataclass(frozen=True)
class _At:
    """A value of a document."""

    document: Document
    path: str

    def below(self, key: str) -> "_At":
        return _At(self.document, f"{self.path}.{key}")

    def error(self, sentence: str, *, hint: str = "") -> RoleError:
        """An error at this value's place, or at the nearest one above it that is written."""
        nearest = self.path
        while nearest and nearest not in self.document.places:
            nearest = nearest.rpartition(".")[0]
        return RoleError(Problem(sentence, self.document.place(nearest), self.path, hint))


def _task(at: _At, entry: object) -> Task:
    if not isinstance(entry, dict):
        raise at.error("a task is a mapping, such as {template: {src: ..., dest: ...}}")
    module = _module(at, entry)
    notify = _texts(at.below("notify"), entry.get("notify"))
    if notify and module not in _NOTIFIES:
        raise at.below("notify").error(f"only {', '.join(_NOTIFIES)} can notify a handler")
    return Task(
        module,
        _arguments(at.below(module), entry[module], module=module),
        at.document.place(at.path),
        name=str(entry.get("name") or ""),
        when=_texts(at.below("when"), entry.get("when")),
        loop=_loop(at.below("loop"), entry.get("loop")),
        notify=notify,
    )


def _module(at: _At, entry: Mapping[str, Any]) -> Module:
    named = [str(key) for key in entry if key not in _KEYWORDS]
    for name in named:
        if name not in MODULES:
            hint = suggestion(name, (*MODULES, *_KEYWORDS))
            raise at.below(name).error(f"{name!r} is neither a module nor a keyword", hint=hint)
    if len(named) != 1:
        found = " and ".join(named) or "none"
        raise at.error(f"a task has exactly one module; this one has {found}")
    return cast(Module, named[0])


def _arguments(at: _At, arguments: object, *, module: Module) -> Mapping[str, Any]:
    model = MODULES[module]
    if not isinstance(arguments, dict):
        raise at.error("arguments are a mapping")
    names = [field.alias or name for name, field in model.model_fields.items()]
    for name in arguments:
        if name not in names:
            hint = suggestion(str(name), names)
            raise at.below(name).error(f"{name!r} is not an argument of {module}", hint=hint)
    for name, field in model.model_fields.items():
        if field.is_required() and name not in arguments:
            raise at.error(f"{name!r} is missing")
    if "{{" not in str(arguments) and "{%" not in str(arguments):
        _check(at, model, arguments=arguments)
    return arguments


def _check(at: _At, model: type[Arguments], *, arguments: Mapping[str, Any]) -> None:
    try:
        model.model_validate(arguments)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join([at.path, *(str(part) for part in first["loc"] if isinstance(part, str))])
        raise _At(at.document, place).error(first["msg"].removeprefix("Value error, ")) from error


def _texts(at: _At, value: object) -> tuple[str, ...]:
    """`when` and `notify` are one text or a list of texts; `when: true` is a text too."""
    values = value if isinstance(value, list) else [] if value is None else [value]
    for entry in values:
        if not isinstance(entry, str | bool):
            raise at.error("this is a text, or a list of texts")
    return tuple(str(entry) for entry in values)


def _loop(at: _At, value: object) -> str | tuple[Any, ...] | None:
    match value:
        case None | str():
            return value
        case list():
            return tuple(value)
        case _:
            raise at.error("loop is a list, or an expression that gives one")
