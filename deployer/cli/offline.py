"""The commands that contact nobody: init, validate, render, schema."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.resources import files
from typing import TYPE_CHECKING

from deployer.cli import distributions, tree
from deployer.cli.answer import Answer, of_error
from deployer.cli.loading import check_certificates, role_folders, select
from deployer.cli.options import Common, Init, Render, Selecting
from deployer.errors import InventoryError, Problem, UsageError
from deployer.report import document, text
from deployer.report.words import count

if TYPE_CHECKING:
    from deployer.model.host import Host


def init(options: Init) -> Answer:
    """Write a commented inventory to start from; never over a file that is there."""
    text = (files("deployer.cli") / "starter.yaml").read_text()
    try:
        with options.inventory.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{options.inventory} is there already; nothing was written") from None
    except OSError as error:
        raise UsageError(f"cannot write {options.inventory}: {error.strerror}") from error
    told = document.envelope("init", 0) | {"inventory": str(options.inventory)}
    return Answer(0, told, [f"{options.inventory} written; next: deployer validate {options.inventory}"])


def validate(options: Selecting) -> Answer:
    """Check inventory, roles, templates and certificates without contacting a host."""
    try:
        hosts = select(options)
    except UsageError as error:
        return _invalid([error])
    errors = list(_role_errors(hosts, options))
    warnings: tuple[str, ...] = ()
    try:
        warnings = check_certificates(hosts)
    except UsageError as error:
        errors.append(error)
    if errors:
        return _invalid(errors)
    told = document.envelope("validate", 0, warnings=warnings)
    told |= {"valid": True, "hosts": [{"host": host.name} for host in hosts]}
    good = f"{options.inventory}: valid, {count(len(hosts), 'host')}"
    return Answer(0, told, [*text.warnings(warnings), good])


def render(options: Render) -> Answer:
    """Write the files that hosts would get to a folder, for a fresh host of one distribution."""
    from deployer.compiling import Compiler  # late: starts fast

    facts = distributions.facts_of(options.facts_os)
    hosts = select(options)
    compiler, folders = Compiler(), role_folders(options.inventory)
    written = {
        host.name: tree.write(options.out / host.name, compiler.compile(host, facts, folders).bundle)
        for host in hosts
    }
    told = document.envelope("render", 0) | {
        "out": str(options.out),
        "hosts": [{"host": host, "files": list(files)} for host, files in written.items()],
    }
    lines = [f"{options.out / host}: {count(len(files), 'file')}" for host, files in written.items()]
    return Answer(0, told, [*lines])


def schema(options: Common) -> Answer:
    """Print the JSON Schema of the inventory, for editors."""
    from deployer import inventory  # late: starts fast

    told = inventory.schema()
    return Answer(0, told, [json.dumps(told, indent=2)])


def _role_errors(hosts: "Sequence[Host]", options: Selecting) -> Iterator[UsageError]:
    """Compile one host of each kind; hosts that share settings and groups make the same mistakes."""
    from deployer.compiling import Compiler  # late: starts fast

    compiler, folders = Compiler(), role_folders(options.inventory)
    facts = distributions.facts_of("bookworm")
    kinds = {(id(host.settings), host.groups): host for host in reversed(hosts)}
    for host in reversed(kinds.values()):
        try:
            compiler.compile(host, facts, folders)
        except UsageError as error:
            yield error


def _invalid(errors: Sequence[UsageError]) -> Answer:
    """Answer with all problems of all errors, each once."""
    found = [problem for error in errors for problem in document.problems(error) or [Problem(error.message)]]
    merged = InventoryError(tuple(dict.fromkeys(found)), next_step=errors[0].next_step)
    answer = of_error("validate", merged)
    return replace(answer, document={**answer.document, "valid": False})
