"""The commands of the lab: up, down, status, ssh, logs."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from deployer.cli import walks
from deployer.cli.answer import Answer, console
from deployer.cli.command import takes
from deployer.cli.options import Apply, Common, LabHost, LabLogs, LabUp
from deployer.errors import LabError
from deployer.report import document

if TYPE_CHECKING:
    from deployer.lab import LabStatus

NAME = "abc.test"
"""The lab's site."""

app = typer.Typer(help="The Docker lab: real Debian hosts to try everything on.", no_args_is_help=True)


def up(options: LabUp) -> Answer:
    """Start the lab, apply lab/inventory.yaml to it, and print the addresses."""
    from deployer import lab  # late: starts fast

    status = _started(console(stderr=True))
    if not options.apply:
        return Answer(0, status.to_json(), _addresses(status))
    inventory = _typed(lab.find().inventory)
    applied = walks.apply(Apply(inventory=inventory, verbose=options.verbose, debug=options.debug))
    told = {**status.to_json(), "apply": applied.document}
    return replace(applied, document=told, text=[*applied.text, "", *_addresses(status)])


def down(options: Common) -> Answer:
    """Remove the lab: containers, networks, volumes, generated files."""
    from deployer import lab  # late: starts fast

    lab.down()
    return Answer(0, document.envelope("lab down", 0), ["the lab is gone"])


def status(options: Common) -> Answer:
    """Show whether the lab runs, and its addresses."""
    from deployer import lab  # late: starts fast

    now = lab.status()
    return Answer(0, now.to_json(), _addresses(now) if now.running else _not_running(now))


def ssh(options: LabHost) -> NoReturn:
    """Open a shell on a host of the lab."""
    from deployer import lab  # late: starts fast

    _become(lab.ssh_argv(options.host))


def logs(options: LabLogs) -> NoReturn:
    """Show the logs of the lab, or of one of its parts."""
    from deployer import lab  # late: starts fast

    _become(lab.logs_argv(options.name or None))


takes(app, "up", LabUp, prefix="lab ")(up)
takes(app, "down", Common, prefix="lab ")(down)
takes(app, "status", Common, prefix="lab ")(status)
takes(app, "ssh", LabHost, prefix="lab ")(ssh)
takes(app, "logs", LabLogs, prefix="lab ")(logs)


def _started(screen: Console) -> "LabStatus":
    from deployer import lab  # late: starts fast

    return lab.up(lambda note: screen.print(f"lab: {note}", soft_wrap=True))


def _become(argv: list[str]) -> NoReturn:
    """End this program and be `argv`: its terminal, its signals and its exit code are the user's."""
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - a shell between would only quote badly
    except OSError as error:
        raise LabError(f"{argv[0]}: {error.strerror}", next_step=f"install {argv[0]}") from error


def _typed(path: Path) -> Path:
    """Return `path` as a person would type it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _not_running(now: "LabStatus") -> list[RenderableType]:
    waiting = f"not ready: {', '.join(now.waiting)}" if now.members else "the lab does not run"
    return [waiting, "  next: deployer lab up"]


def _addresses(now: "LabStatus") -> list[RenderableType]:
    told = now.to_json()
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("host", "https", "http", "ssh"):
        table.add_column(column, overflow="fold")
    for host, addresses in told["hosts"].items():
        https, http = (_url(scheme, addresses.get(scheme, "")) for scheme in ("https", "http"))
        table.add_row(host, https, http, addresses.get("ssh", f"deployer lab ssh {host}"))
    return [table, "", *(Text(line) for line in _visit(told))]


def _url(scheme: str, address: str) -> str:
    return f"{scheme}://{NAME}:{address.rpartition(':')[2]}/" if address else ""


def _visit(told: Mapping[str, Any]) -> list[str]:
    """Say how to visit: the name has no DNS, and the CA is the lab's own."""
    published = [entry["https"] for entry in told["hosts"].values() if "https" in entry]
    if not published:
        return []
    address, _, port = published[0].rpartition(":")
    return [
        f"curl --cacert {told['ca']} --resolve {NAME}:{port}:{address} https://{NAME}:{port}/",
        f"browser: trust {told['ca']}; in /etc/hosts: {address} {NAME} www.{NAME} api.{NAME}",
    ]
