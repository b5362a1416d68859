"""What a command answers, and the one place that prints it."""

import json
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from deployer.cli.screen import Screen
from deployer.errors import DeployerError
from deployer.outcome import INTERRUPTED_EXIT_CODE
from deployer.report import document, text

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True)
class Answer:
    """How a command ended.

    Attributes:
        exit_code: As in `--help`.
        document: What `--json` prints.
        text: What people read.
        to_stderr: Whether the text is an error instead of what was asked for.
    """

    exit_code: int
    document: Mapping[str, Any]
    text: "list[RenderableType]" = field(default_factory=list)
    to_stderr: bool = False


def of_error(command: str, error: DeployerError) -> Answer:
    """Answer with an error that ended the run before any host."""
    return Answer(error.exit_code, document.of_error(command, error), text.error(error), to_stderr=True)


def of_bug(command: str, error: Exception, *, debug: bool) -> Answer:
    """Answer with a bug of ours; the traceback goes to stderr with `--debug`."""
    if debug:
        traceback.print_exception(error)
    advice = "report it with this output" if debug else f"deployer {command} --debug ..."
    return of_error(
        command, DeployerError(f"a bug in deployer: {type(error).__name__}: {error}", next_step=advice)
    )


def of_interrupt(command: str) -> Answer:
    """Answer to a Ctrl-C before any host was contacted, or to the third one."""
    told = document.envelope(command, INTERRUPTED_EXIT_CODE) | {"message": "interrupted"}
    return Answer(INTERRUPTED_EXIT_CODE, told, ["interrupted"], to_stderr=True)


def show(answer: Answer, *, as_json: bool) -> None:
    """Print an answer: one JSON document on stdout, or text."""
    if as_json:
        # Not through rich: it would fold long lines and colour them.
        sys.stdout.write(json.dumps(answer.document, indent=2, ensure_ascii=False, default=str) + "\n")
        return
    screen = Screen(stderr=answer.to_stderr)
    for renderable in answer.text:
        screen.print(renderable)
