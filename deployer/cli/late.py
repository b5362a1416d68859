"""Commands that are imported when they are called: `deployer --help` and completion answer at once."""

import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand

EXIT_CODES = """\b
Exit codes; with several hosts, the worst
0  done, or nothing to do
1  a bug in deployer, or its result could not be written
2  usage or inventory; nothing was contacted
3  the plan has changes (--exit-code only); or certs --max-days found something
4  a host is unreachable
5  refused by validation, nothing changed; or a site or certificate was held back; or a probe failed
6  gone back after the switch; or taken back by --revert-all
7  locked by another run
8  the lab or Docker is not available
130  interrupted, and nothing worse"""


class Late(TyperCommand):
    """A command of which a name and a sentence are known; when it is called, it is the function of that name.

    Args:
        name: Of the command, and of the function in `module`.
        module: Where the function is; it takes one frozen value, `options`, whose class is its annotation.
        sentence: What a list of commands says of it: the function's docstring.
        prefix: Of the name in answers, such as `lab `.
    """

    def __init__(self, name: str, module: str, sentence: str, *, prefix: str = "") -> None:
        super().__init__(name, short_help=sentence)
        self._module = module
        self._prefix = prefix

    def make_context(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - as the base has them
        """Let the command itself parse: whoever asks the context for its command gets that one."""
        return self.command().make_context(*arguments, **named)

    def command(self) -> Any:  # noqa: ANN401 - a command of click, under the name that this typer has for it
        """Import the command itself, with its options."""
        from deployer.cli.command import takes  # late: starts fast

        function = getattr(import_module(self._module), str(self.name))
        options = inspect.signature(function).parameters["options"].annotation
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        takes(alone, str(self.name), options, prefix=self._prefix)(function)
        return typer.main.get_command(alone)


def late(commands: Mapping[str, Mapping[str, str]], *, prefix: str = "") -> list[Late]:
    """Make commands of modules with names and sentences; see `Late`."""
    return [
        Late(name, module, sentence, prefix=prefix)
        for module, said in commands.items()
        for name, sentence in said.items()
    ]
