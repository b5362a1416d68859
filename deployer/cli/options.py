"""The options of every command, as frozen values; `command` turns a class into typer's parameters.

Nobody compares or prints them; the methods for that would cost every start half as much as these classes.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Common:
    """What every command takes."""

    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on stdout, and nothing else there.")
    ] = False
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of a bug.")] = False


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Init(Common):
    """`deployer init`."""

    inventory: Annotated[Path, typer.Argument(metavar="[INVENTORY]", help="Where to write it.")] = Path(
        "inventory.yaml"
    )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Selecting(Common):
    """What every command takes that reads an inventory."""

    inventory: Annotated[Path, typer.Argument(metavar="INVENTORY", help="The inventory.yaml.")]
    limit: Annotated[
        str | None,
        typer.Option(
            "--limit", "-l", metavar="PATTERN", help="Only these hosts; Ansible's patterns, or @FILE of them."
        ),
    ] = None
    set_values: Annotated[
        list[str] | None,
        typer.Option("--set", "-e", metavar="KEY=VALUE", help="Set a variable over all others; YAML."),
    ] = None


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Walking(Selecting):
    """What every command takes that contacts hosts."""

    parallel: Annotated[
        int, typer.Option("--parallel", "-f", min=1, metavar="N", help="Hosts at a time.")
    ] = 50
    ask_become_password: Annotated[
        bool, typer.Option("--ask-become-pass", "-K", help="Ask for sudo's password.")
    ] = False


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Sharing(Walking):
    """What every command takes whose hosts may be walked by other machines."""

    workers: Annotated[
        str | None,
        typer.Option(
            "--workers",
            metavar="ADDRESS",
            help="Have the workers of a Dask scheduler walk the hosts, such as tcp://scheduler:8786; "
            "--parallel is then per worker.",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Rolling(Sharing):
    """What every command takes that changes hosts in waves."""

    serial: Annotated[
        str | None,
        typer.Option(
            "--serial",
            metavar="SIZES",
            help="In waves of these sizes, such as 1,25%,100%; the last repeats. Before each further wave "
            "the sites changed so far are probed again.",
        ),
    ] = None
    max_fail: Annotated[
        str | None,
        typer.Option(
            "--max-fail",
            metavar="N|N%",
            help="Start no further host once more than N have failed. Default: 0 with --serial or "
            "--revert-all; else all hosts are tried.",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Plan(Sharing):
    """`deployer plan`."""

    diff: Annotated[bool, typer.Option("--diff/--no-diff", help="Show how files differ.")] = True
    exit_code: Annotated[
        bool,
        typer.Option(
            "--exit-code", help="Exit with 3 if there is something to do, or was something changed by hand."
        ),
    ] = False


class Probing(StrEnum):
    """What `--probe` may say; `deploy.Policy` in words of the command line."""

    REGRESSIONS = "regressions"
    STRICT = "strict"
    OFF = "off"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Changing(Rolling):
    """What the commands take that change hosts."""

    probe: Annotated[
        Probing,
        typer.Option(
            "--probe",
            help="regressions: what worked must work, what is new must work. "
            "strict: everything must work. off: nobody asks.",
        ),
    ] = Probing.REGRESSIONS
    no_confirm: Annotated[
        bool,
        typer.Option(
            "--no-confirm",
            help="Leave it unconfirmed, to look at it: `deployer confirm` keeps it, `deployer rollback` or "
            "confirm_timeout takes it back.",
        ),
    ] = False
    lock_timeout: Annotated[
        int,
        typer.Option(
            "--lock-timeout", min=0, metavar="SECONDS", help="Wait for a host that another run holds."
        ),
    ] = 0


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Apply(Changing):
    """`deployer apply`."""

    quarantine: Annotated[
        bool,
        typer.Option(
            "--quarantine",
            help="Leave a site that is refused at its last good version, or away if it has none, and let the "
            "others go live; still exits with 5. Only the host can tell: no plan shows it.",
        ),
    ] = False
    revert_all: Annotated[
        bool,
        typer.Option(
            "--revert-all",
            help="Where failures stop the run, take every host that it changed back to the release before.",
        ),
    ] = False

    check: Annotated[bool, typer.Option("--check", "-C", help="Stop after the plan.")] = False
    diff: Annotated[bool, typer.Option("--diff", "-D", help="Show how files differ.")] = False
    keep_drift: Annotated[
        bool, typer.Option("--keep-drift", help="Refuse hosts where changes by hand would be overwritten.")
    ] = False
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Accepted for symmetry: apply asks nothing.")] = (
        False
    )
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show every change and every probe.")] = (
        False
    )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Rollback(Changing):
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


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
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


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Render(Selecting):
    """`deployer render`."""

    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="Where the files go, one folder per host.")
    ] = Path("rendered")
    facts_os: Annotated[
        str,
        typer.Option("--facts-os", metavar="CODENAME", help="The distribution to render for."),
    ] = "bookworm"
