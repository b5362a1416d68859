"""The command that does a run again for the hosts that are left."""

import contextlib
import os
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Annotated, get_args, get_origin, get_type_hints

from typer.models import OptionInfo

from deployer.cli.options import Selecting
from deployer.outcome import MAY_BE_BACK, Outcome

PASTEABLE = 50
"""Hosts that a command line names itself; more of them go into a file."""


def retry(command: str, outcomes: Sequence[Outcome], options: Selecting) -> str:
    """Return `deployer COMMAND` as it was typed, limited to the hosts that failed or were not reached.

    A host that may have gone back is not among them: it would go back further. Where they are many, their
    names go into a file that `--limit` reads. Values of `--set` may be secrets: they are left to the
    operator.

    Returns:
        The command, empty where no host is left.
    """
    left = [outcome.host for outcome in outcomes if _failed(outcome)]
    if not left:
        return ""
    again = options.limit if len(left) == len(outcomes) else _limit(command, left)
    limit = ["--limit", again] if again is not None else []
    return shlex.join(["deployer", *command.split(), str(options.inventory), *_given(options), *limit])


def _failed(outcome: Outcome) -> bool:
    return outcome.state.exit_code != 0 and MAY_BE_BACK not in outcome.message


def _given(options: Selecting) -> Iterator[str]:
    """Yield the options that were given, as they are typed; without the inventory and `--limit`."""
    hints = get_type_hints(type(options), include_extras=True)
    for entry in fields(options):
        value = getattr(options, entry.name)
        option = _option(hints[entry.name])
        if option is None or entry.name == "limit" or value == entry.default:
            continue
        name, _, opposite = option.partition("/")
        if isinstance(value, bool):
            yield name if value else opposite
        elif entry.name == "set_values":
            for pair in options.set_values or ():
                yield from (name, f"{pair.partition('=')[0]}=...")
        else:
            yield from (name, str(value))


def _option(hint: object) -> str | None:
    """Return the first form of an option, such as `--diff/--no-diff`; None for an argument."""
    if get_origin(hint) is not Annotated:
        return None
    # In an annotation the first form stands where typer otherwise takes the default.
    return next((str(each.default) for each in get_args(hint) if isinstance(each, OptionInfo)), None)


def _limit(command: str, hosts: Sequence[str]) -> str:
    names = ",".join(hosts)
    if len(hosts) <= PASTEABLE:
        return names
    with contextlib.suppress(OSError):
        number, path = tempfile.mkstemp(prefix=f"deployer-{command}-", suffix=".retry")
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.writelines(f"{host}\n" for host in hosts)
        return f"@{path}"
    return names
