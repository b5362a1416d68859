"""The options of every command, as frozen values; `command` turns a class into typer's parameters."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer


@dataclass(frozen=True, kw_only=True)
class Common:
    """What every command takes."""

    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on stdout, and nothing else there.")
    ] = False
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of a bug.")] = False


@dataclass(frozen=True, kw_only=True)
class Init(Common):
    """`deployer init`."""

    inventory: Annotated[Path, typer.Argument(metavar="[INVENTORY]", help="Where to write it.")] = Path(
        "inventory.yaml"
    )


@dataclass(frozen=True, kw_only=True)
class Selecting(Common):
    """What every command takes that reads an inventory."""

    inventory: Annotated[Path, typer.Argument(metavar="INVENTORY", help="The inventory.yaml.")]
    limit: Annotated[
        str | None,
        typer.Option("--limit", "-l", metavar="PATTERN", help="Only these hosts; Ansible's patterns."),
    ] = None
    set_values: Annotated[
        list[str] | None,
        typer.Option("--set", "-e", metavar="KEY=VALUE", help="Set a variable over all others; YAML."),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Walking(Selecting):
    """What every command takes that contacts hosts."""

    parallel: Annotated[
        int, typer.Option("--parallel", "-f", min=1, metavar="N", help="Hosts at a time.")
    ] = 20
    ask_become_password: Annotated[
        bool, typer.Option("--ask-become-pass", "-K", help="Ask for sudo's password.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class Plan(Walking):
    """`deployer plan`."""

    diff: Annotated[bool, typer.Option("--diff/--no-diff", help="Show how files differ.")] = True
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 3 if there is something to do.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class Apply(Walking):
    """`deployer apply`."""

    check: Annotated[bool, typer.Option("--check", "-C", help="Stop after the plan.")] = False
    diff: Annotated[bool, typer.Option("--diff", "-D", help="Show how files differ.")] = False
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Accepted for symmetry: apply asks nothing.")] = (
        False
    )
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show every change and every probe.")] = (
        False
    )


@dataclass(frozen=True, kw_only=True)
class Rollback(Walking):
    """`deployer rollback`."""

    to: Annotated[str, typer.Option("--to", metavar="ID", help="To this release, or to `original`.")] = ""
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, metavar="N", help="So many good releases back.")
    ] = None
    check: Annotated[bool, typer.Option("--check", "-C", help="Stop after the plan.")] = False
    diff: Annotated[bool, typer.Option("--diff", "-D", help="Show how files differ.")] = False
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before several hosts.")] = False
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show every change and every probe.")] = (
        False
    )


@dataclass(frozen=True, kw_only=True)
class Certs(Walking):
    """`deployer certs`."""

    max_days: Annotated[
        int | None,
        typer.Option(
            "--max-days",
            min=0,
            metavar="N",
            help="Exit with 3 if a certificate ends within N days, or something is wrong with one.",
        ),
    ] = None
    renew: Annotated[
        bool,
        typer.Option("--renew", help="Replace those that we or an ACME CA issue, and prove the new ones."),
    ] = False
    rotate_ca: Annotated[
        bool,
        typer.Option(
            "--rotate-ca",
            help="Make a new local CA, vouched for by the one before, and replace what that one issued.",
        ),
    ] = False


@dataclass(frozen=True, kw_only=True)
class Render(Selecting):
    """`deployer render`."""

    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="Where the files go, one folder per host.")
    ] = Path("rendered")
    facts_os: Annotated[
        str,
        typer.Option("--facts-os", metavar="CODENAME", help="The distribution to render for."),
    ] = "bookworm"


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
