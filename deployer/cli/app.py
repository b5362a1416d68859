"""The program: its commands, its version, its own options."""

import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from deployer import __version__
from deployer.cli import lab, looks, offline, walks
from deployer.cli.command import EXIT_CODES

app = typer.Typer(
    name="deployer",
    help="One inventory becomes proven nginx on real hosts, and goes back when the proof fails.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
walks.register(app)
looks.register(app)
offline.register(app)
app.add_typer(lab.app, name="lab")


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
    for stream in (sys.stdout, sys.stderr):
        # A terminal without UTF-8 shows an escape instead of ending the run half-way.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app(prog_name="deployer")
