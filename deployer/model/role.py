"""A role: what it wants of a host, as loaded from its folder and not yet rendered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from deployer.errors import Place
from deployer.model.values import Frozen, OneOrMore

Module = Literal["package", "template", "copy", "file", "service", "command"]


def _octal(value: object) -> object:
    """A mode is octal however it is written: `0644`, `"0644"`, `0o644`."""
    if not isinstance(value, str):
        return value
    try:
        return int(value.removeprefix("0o"), 8)
    except ValueError:
        raise ValueError(f'{value!r} is not an octal mode such as "0644"') from None


Mode = Annotated[int, BeforeValidator(_octal), Field(ge=0, le=0o7777)]
ManagedPath = Annotated[str, Field(pattern=r"^/[A-Za-z0-9._/@:+,=-]*$")]
Account = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]
Package = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9+.:-]*$")]
Unit = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9:_.@-]*$")]
OneLine = Annotated[str, Field(pattern=r"^[^\x00\n\r]*$")]


class PackageArguments(Frozen):
    """Packages of the distribution that must be installed."""

    name: Annotated[tuple[Package, ...], OneOrMore]
    state: Literal["present"] = "present"


class TemplateArguments(Frozen):
    """A file rendered from `templates/`."""

    src: str
    dest: ManagedPath
    mode: Mode = 0o644
    owner: Account = "root"
    group: Account = "root"
    check: Annotated[OneLine, Field(alias="validate")] = ""

    @model_validator(mode="after")
    def _check_names_the_file(self) -> Self:
        if self.check and "%s" not in self.check:
            raise ValueError("validate needs %s where the staged file's path belongs")
        return self


class CopyArguments(TemplateArguments):
    """A file, or a folder of files, from `files/`; or a text."""

    src: str = ""
    content: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.src) == (self.content is not None):
            raise ValueError("copy has exactly one of src and content")
        return self


class FileArguments(Frozen):
    """A directory that must exist, or a path that must not."""

    path: ManagedPath
    state: Literal["directory", "absent"]
    mode: Mode = 0o755
    owner: Account = "root"
    group: Account = "root"


class ServiceArguments(Frozen):
    """A system service; in a handler, what a change of a notifying file does to it."""

    name: Unit
    state: Literal["started", "reloaded", "restarted"] | None = None
    enabled: bool | None = None


class CommandArguments(Frozen):
    """A shell command, skipped where `creates` exists or `unless` succeeds."""

    cmd: OneLine
    creates: ManagedPath | Literal[""] = ""
    unless: OneLine = ""

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if not (self.creates or self.unless):
            raise ValueError("a command needs creates or unless, so that a second apply changes nothing")
        return self


Arguments = (
    PackageArguments | TemplateArguments | CopyArguments | FileArguments | ServiceArguments | CommandArguments
)

MODULES: Mapping[Module, type[Arguments]] = {
    "package": PackageArguments,
    "template": TemplateArguments,
    "copy": CopyArguments,
    "file": FileArguments,
    "service": ServiceArguments,
    "command": CommandArguments,
}
"""What each module of the vocabulary takes; the names are Ansible's."""


@dataclass(frozen=True)
class Task:
    """One task or handler; texts may hold Jinja2, resolved for each host.

    Attributes:
        module: What it does.
        arguments: By the names of `MODULES[module]`, not yet rendered.
        place: Where the task is written.
        name: For messages; handlers are notified by it.
        when: Jinja2 expressions that must all be true.
        loop: Items, or the Jinja2 expression that gives them; None for a task that runs once.
        notify: Names of handlers.
    """

    module: Module
    arguments: Mapping[str, Any]
    place: Place
    name: str = ""
    when: tuple[str, ...] = ()
    loop: str | tuple[Any, ...] | None = None
    notify: tuple[str, ...] = ()


@dataclass(frozen=True)
class Role:
    """One role, whole in memory, so that rendering reads nothing.

    Attributes:
        name: Its folder's name.
        directory: Its folder, as messages show it.
        defaults: Variables that the inventory may replace; texts may hold Jinja2.
        places: Name of a default to where it is written.
        tasks: In order.
        handlers: By name.
        templates: Path below `templates/` to text.
        files: Path below `files/` to bytes.
    """

    name: str
    directory: str
    defaults: Mapping[str, Any] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)
    tasks: tuple[Task, ...] = ()
    handlers: Mapping[str, Task] = field(default_factory=dict)
    templates: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
