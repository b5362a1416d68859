"""The options of the lab's commands."""

from dataclasses import dataclass
from typing import Annotated

import typer

from deployer.cli.options import Common


@dataclass(frozen=True, kw_only=True)
class LabUp(Common):
    """`deployer lab up`."""

    apply: Annotated[
        bool, typer.Option("--apply/--no-apply", help="Apply lab/inventory.yaml when it is up.")
    ] = True
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show every change and every probe.")] = (
        False
    )


@dataclass(frozen=True, kw_only=True)
class LabHost:
    """`deployer lab ssh`."""

    host: Annotated[str, typer.Argument(metavar="HOST", help="A host of the lab, such as edge1.")]


@dataclass(frozen=True, kw_only=True)
class LabLogs:
    """`deployer lab logs`."""

    name: Annotated[str, typer.Argument(metavar="[NAME]", help="A host or backend; default: all.")] = ""
