"""The program: its commands, its version, its own options."""

import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, TextIO, cast

import typer
from typer.core import TyperGroup

from deployer import __version__
from deployer.cli import plugins
from deployer.cli.late import EXIT_CODES, late
from deployer.cli.streams import Deaf, unwritten

_COMMANDS = {
    "deployer.cli.walks": {
        "plan": "Show what apply would do, to the byte, and change nothing.",
        "apply": "Make hosts what the inventory says, prove it, and go back where the proof fails. "
        "Asks nothing.",
        "rollback": "Go back to an earlier release, through the same proofs; on a terminal, asks before "
        "several hosts.",
        "verify": "Ask every site what a visitor would ask, and show the answers; changes nothing.",
        "history": "Show the releases of every host: when, who, from which revision, and how they did.",
    },
    "deployer.cli.confirming": {
        "confirm": "Keep the releases that `apply --no-confirm` left unconfirmed.",
    },
    "deployer.cli.looks": {
        "certs": "Show the certificate of every site: names, issuer, days left, and whether file and wire "
        "agree.",
        "status": "Show how hosts stand: release, drift, certificates, workers and their connections.",
    },
    "deployer.cli.offline": {
        "init": "Write a commented inventory to start from; never over a file that is there.",
        "validate": "Check inventory, roles, templates and certificates without contacting a host.",
        "render": "Write the files that hosts would get to a folder, for a fresh host of one distribution.",
        "schema": "Print the JSON Schema of the inventory, for editors.",
    },
}
_LAB = {
    "deployer.cli.lab": {
        "up": "Start the lab, apply lab/inventory.yaml to it, and print the addresses.",
        "down": "Remove the lab: containers, networks, volumes, generated files.",
        "status": "Show whether the lab runs, and its addresses.",
        "ssh": "Open a shell on a host of the lab.",
        "logs": "Show the logs of the lab, or of one of its parts.",
    },
}
"""Module, name and docstring of each command, in the order of `--help`."""


class _Program(TyperGroup):
    """Typer's group of the commands above."""

    def __init__(self, **said: Any) -> None:  # noqa: ANN401 - what typer says
        super().__init__(**said)
        lab = TyperGroup(
            name="lab",
            help="The Docker lab: real Debian hosts to try everything on.",
            commands=late(_LAB, prefix="lab "),
            no_args_is_help=True,
            rich_markup_mode=None,
        )
        for command in (*late(_COMMANDS), lab):
            self.add_command(command)


app = typer.Typer(
    cls=_Program,
    name="deployer",
    help="One inventory becomes proven nginx on real hosts, and goes back when the proof fails.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode=None,  # rich alone would take longer to import than all the rest of a `--help`
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"deployer {__version__}")
        raise typer.Exit


@app.callback()
def program(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Take the options that stand before the command."""


def main() -> None:
    """Run the program; never returns."""
    plugins.forgo()
    sys.stdout, sys.stderr = _bearing(sys.stdout), _bearing(sys.stderr)
    try:
        app(prog_name="deployer")
    except OSError as error:  # of a help; commands know themselves
        raise SystemExit(unwritten(error)) from error


def _bearing(stream: TextIO | None) -> TextIO:
    """Return a stream that bears with its reader, who has had enough (`| head`) or was never there."""
    if stream is None:
        return Path(os.devnull).open("w")
    if isinstance(stream, TextIOWrapper):
        # A terminal without UTF-8 shows an escape instead of ending the run half-way.
        stream.reconfigure(errors="backslashreplace")
    return cast("TextIO", Deaf(stream, to=BrokenPipeError))
