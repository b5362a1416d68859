"""The commands of the lab: up, down, status, ssh, logs."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from deployer.cli import walks
from deployer.cli.answer import Answer
from deployer.cli.lab_options import LabHost, LabLogs, LabUp
from deployer.cli.options import Apply, Common
from deployer.cli.screen import Screen
from deployer.errors import LabError
from deployer.report import document
from deployer.report.spans import Text
from deployer.report.text import table_of

if TYPE_CHECKING:
    from rich.console import RenderableType

    from deployer.lab import LabStatus

NAME = "abc.test"
"""The lab's site."""


def up(options: LabUp) -> Answer:
    """Start the lab, apply lab/inventory.yaml to it, and print the addresses."""
    from deployer import lab  # late: starts fast

    status = _started(Screen(stderr=True))
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


def _started(screen: Screen) -> "LabStatus":
    from deployer import lab  # late: starts fast

    return lab.up(lambda note: screen.print(f"lab: {note}"))


def _become(argv: list[str]) -> NoReturn:
    """End this program and be `argv`: its terminal, its signals and its exit code are the user's."""
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - a shell between would only quote badly
    except OSError as error:
        raise LabError(f"{argv[0]}: {error.strerror}", next_step=f"install {argv[0]}") from error


def _typed(path: Path) -> Path:
    """Return `path` as a person would type it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _not_running(now: "LabStatus") -> "list[RenderableType]":
    waiting = f"not ready: {', '.join(now.waiting)}" if now.members else "the lab does not run"
    return [waiting, "  next: deployer lab up"]


def _addresses(now: "LabStatus") -> "list[RenderableType]":
    told = now.to_json()
    table = table_of("host", "https", "http", "ssh")
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
