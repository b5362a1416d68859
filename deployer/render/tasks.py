"""From one task of a role to what it adds to the bundle."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import PurePosixPath
from typing import assert_never

from pydantic import ValidationError

from deployer.bundle import Command, Directory, File
from deployer.errors import Problem, RoleError
from deployer.model.host import Host
from deployer.model.role import (
    MODULES,
    Arguments,
    CommandArguments,
    CopyArguments,
    FileArguments,
    PackageArguments,
    Role,
    ServiceArguments,
    Task,
    TemplateArguments,
)
from deployer.model.site import Site
from deployer.render.draft import Draft
from deployer.render.templates import Context, evaluate, render_template, resolve


def add_task(draft: Draft, role: Role, *, task: Task, context: Context) -> None:
    """Add to `draft` what `task` asks for, once for each item of its loop.

    Raises:
        RoleError: An argument is wrong once rendered; a source file does not exist.
        TemplateError: Jinja2 said no.
        PathConflictError: A path has an owner already.
    """
    for scope in _scopes(task, context):
        with _blaming(scope):
            _add_one(draft, role, task=task, scope=scope)


def _add_one(draft: Draft, role: Role, *, task: Task, scope: Context) -> None:
    if all(evaluate(condition, scope, place=task.place) for condition in task.when):
        paths = _add(draft, role, task=task, context=scope)
        _notify(draft, role, task=task, paths=paths, context=scope)


@contextmanager
def _blaming(scope: Context) -> Iterator[None]:
    """Give an error in a site's turn of a loop the path of that site, where it has none yet."""
    try:
        yield
    except RoleError as error:
        item, host = scope.get("item"), scope.get("host")
        if error.problem.path or not isinstance(item, Site) or not isinstance(host, Host):
            raise
        path = host.written(f"sites[{host.sites.index(item)}]")
        raise type(error)(replace(error.problem, path=path)) from error


def _scopes(task: Task, context: Context) -> Iterator[Context]:
    if task.loop is None:
        yield context
        return
    items = resolve(task.loop, context, place=task.place)
    if isinstance(items, str | bytes | Mapping) or not hasattr(items, "__iter__"):
        raise RoleError(Problem("loop does not give a list", task.place))
    for item in items:
        yield {**context, "item": item}


def _add(draft: Draft, role: Role, *, task: Task, context: Context) -> tuple[str, ...]:
    """Add one rendered task; return the managed paths whose change concerns its handlers."""
    arguments = _arguments(task, context)
    match arguments:
        case PackageArguments():
            draft.add_packages(arguments.name)
        case CommandArguments():
            draft.commands.append(Command(arguments.cmd, arguments.creates, arguments.unless))
        case ServiceArguments():
            draft.add_service(arguments.name, enabled=arguments.enabled)
        case FileArguments():
            return _add_path(draft, task, arguments=arguments)
        case TemplateArguments():  # and CopyArguments, which is one
            files = dict(_files(role, task, arguments=arguments, context=context))
            for path, file in files.items():
                draft.add_file(path, file, place=task.place)
            return tuple(files)
        case _:
            assert_never(arguments)
    return ()


def _add_path(draft: Draft, task: Task, *, arguments: FileArguments) -> tuple[str, ...]:
    if arguments.state == "absent":
        draft.add_absent(arguments.path, task.place)
        return (arguments.path,)
    directory = Directory(arguments.mode, arguments.owner, arguments.group)
    draft.add_directory(arguments.path, directory, place=task.place)
    return ()


def _notify(draft: Draft, role: Role, *, task: Task, paths: tuple[str, ...], context: Context) -> None:
    for name in task.notify if paths else ():
        handler = role.handlers[name]
        arguments = _arguments(handler, context)
        if isinstance(arguments, ServiceArguments):
            on_change = "restart" if arguments.state == "restarted" else "reload"
            draft.add_watch(arguments.name, "restart" if on_change == "restart" else "reload", paths=paths)


def _arguments(task: Task, context: Context) -> Arguments:
    resolved = resolve(dict(task.arguments), context, place=task.place)
    try:
        return MODULES[task.module].model_validate(resolved)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join([task.module, *(str(part) for part in first["loc"])])
        raise RoleError(Problem(first["msg"].removeprefix("Value error, "), task.place, path)) from error


def _files(
    role: Role, task: Task, *, arguments: TemplateArguments, context: Context
) -> Iterator[tuple[str, File]]:
    for name, content in _contents(role, task, arguments=arguments, context=context):
        yield (
            _destination(arguments, name),
            File(
                content,
                arguments.mode,
                arguments.owner,
                arguments.group,
                validate=arguments.check,
                source=f"role {role.name}, {task.name or task.module}, {arguments.src or 'content'}",
            ),
        )


def _contents(
    role: Role, task: Task, *, arguments: TemplateArguments, context: Context
) -> Iterator[tuple[str, bytes]]:
    """Names below the destination (empty: the destination itself) and contents."""
    source = arguments.src.removesuffix("/")
    if not isinstance(arguments, CopyArguments):
        if source not in role.templates:
            raise RoleError(Problem(f"there is no templates/{source} in role {role.name}", task.place))
        yield "", render_template(role, source, context=context).encode()
    elif arguments.content is not None:
        yield "", arguments.content.encode()
    elif source in role.files:
        yield "", role.files[source]
    else:
        below = {path: content for path, content in role.files.items() if _is_below(path, source)}
        if not below:
            raise RoleError(Problem(f"there is no files/{source} in role {role.name}", task.place))
        # Ansible: `src: pages/` copies what is in the folder, `src: pages` the folder itself.
        start = len(source) + 1 if arguments.src.endswith("/") else len(source) - len(_name(source))
        yield from ((path[start:], content) for path, content in below.items())


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(f"{folder}/")


def _name(path: str) -> str:
    return PurePosixPath(path).name


def _destination(arguments: TemplateArguments, name: str) -> str:
    if not name and not arguments.dest.endswith("/"):
        return arguments.dest
    return arguments.dest.rstrip("/") + "/" + (name or _name(arguments.src))
