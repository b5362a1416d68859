"""How a function becomes a command: options in, answer out, everything caught in one place."""

import inspect
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import typer

from deployer.cli.answer import Answer, of_bug, of_error, of_interrupt, show
from deployer.cli.late import EXIT_CODES
from deployer.cli.streams import unwritten
from deployer.errors import DeployerError

Options = TypeVar("Options")


def takes(
    app: typer.Typer, name: str, options: type[Options], *, prefix: str = ""
) -> Callable[[Callable[[Options], Answer]], Callable[[Options], Answer]]:
    """Register a function of one frozen value as the command `name`, each field being an option.

    Typer reads a function's signature; the command's is that of the class, so that commands share
    options by inheritance and no function has a dozen parameters.
    """

    def register(function: Callable[[Options], Answer]) -> Callable[[Options], Answer]:
        def run(**values: Any) -> None:  # noqa: ANN401 - typer hands over what the signature says
            debug = bool(values.get("debug"))
            answer = _answer(function, options(**values), f"{prefix}{name}", debug=debug)
            raise typer.Exit(_shown(answer, as_json=bool(values.get("json"))))

        signature = inspect.signature(options)
        # typer reads both: the signature for defaults, the annotations for types
        vars(run)["__signature__"] = signature.replace(return_annotation=None)
        run.__annotations__ = {key: entry.annotation for key, entry in signature.parameters.items()}
        app.command(name, help=inspect.getdoc(function), epilog=EXIT_CODES)(run)
        return function

    return register


def _shown(answer: Answer, *, as_json: bool) -> int:
    """Print the answer and return the exit code; what was done stays done when nobody can read of it."""
    try:
        show(answer, as_json=as_json)
        sys.stdout.flush()
    except OSError as error:
        failed = unwritten(error)
        return answer.exit_code or failed
    return answer.exit_code


def _answer(function: Callable[[Options], Answer], options: Options, command: str, *, debug: bool) -> Answer:
    try:
        return function(options)
    except DeployerError as error:
        return of_error(command, error)
    except KeyboardInterrupt:
        return of_interrupt(command)
    except Exception as error:  # here, and only here, a bug becomes exit code 1
        return of_bug(command, error, debug=debug)
