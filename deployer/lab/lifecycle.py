"""Up, down, and a look: the verbs of the lab."""

import time
from collections.abc import Callable
from ipaddress import IPv4Network
from pathlib import Path

from deployer.errors import LabError
from deployer.lab import access, compose, network, variables
from deployer.lab.engine import Engine, connect
from deployer.lab.home import Home, find
from deployer.lab.status import LabStatus, Member, status_of

Watch = Callable[[str], None]
"""Told in a few words what the lab does next."""

BASES = ("deployer-lab/base:bookworm", "deployer-lab/base:trixie")
_PATIENCE = 300.0
_ROUTES = Path("/proc/net/route")


def _silent(note: str) -> None:
    pass


def up(watch: Watch = _silent, *, home: Home | None = None) -> LabStatus:
    """Build what is not built, start what does not run, and wait until all of it is healthy.

    Writes the key pair, known_hosts and the inventory's generated variables. A second call changes
    nothing, except for host ports that Docker has chosen anew.

    Raises:
        LabError: Docker is not available, or a part of the lab does not come up.
    """
    home = home or find()
    home.prepare()
    with connect(_setup(home)) as engine:
        if not all(engine.has_image(base) for base in BASES):
            watch("building the base images")
            compose.run(home, ["sh", str(home.setup), "images"], {})
        watch("building and starting")
        _compose(home, engine, "up", "--detach", "--build", "--remove-orphans")
        status = _await_health(home, engine, watch)
        watch("writing keys and variables")
        access.open_hosts(home, engine, status)
        variables.write(home, status)
    return status


def down(*, home: Home | None = None) -> None:
    """Remove containers, networks, volumes and every file that `up` made; images stay.

    Raises:
        LabError: Docker is not available.
    """
    home = home or find()
    home.prepare()
    with connect(_setup(home)) as engine:
        _compose(home, engine, "down", "--volumes", "--remove-orphans")
    home.clear()


def status(*, home: Home | None = None) -> LabStatus:
    """Look at the lab as it is now.

    Raises:
        LabError: Docker is not available.
    """
    home = home or find()
    with connect(_setup(home)) as engine:
        return _status(home, engine)


def ssh_argv(host: str, *, home: Home | None = None) -> list[str]:
    """Return the command that opens a shell on a host of the lab; through Docker where it has no sshd.

    Raises:
        LabError: Docker is not available, or the host does not run.
    """
    home = home or find()
    member = _running_member(home, host)
    if "22/tcp" not in member.ports:
        return ["docker", "exec", "--interactive", "--tty", member.container, "sh"]
    address, _, port = member.ports["22/tcp"].rpartition(":")
    options = ("IdentitiesOnly=yes", f"UserKnownHostsFile={home.known_hosts}")
    chosen = [word for option in options for word in ("-o", option)]
    return ["ssh", "-i", str(home.key), *chosen, "-p", port, f"deploy@{address}"]


def logs_argv(name: str | None = None, *, home: Home | None = None) -> list[str]:
    """Return the command that shows the log of one part of the lab, or of all backends.

    Raises:
        LabError: Docker or compose is not available, or that part does not run.
    """
    home = home or find()
    if name is None:
        return [*compose.argv(home, compose.program(), cgroup="2"), "logs", "--tail=200"]
    member = _running_member(home, name)
    if member in LabStatus((member,), "").edges:
        return ["docker", "exec", member.container, "journalctl", "--no-pager", "--lines=200"]
    return ["docker", "logs", "--tail=200", member.container]


def _setup(home: Home) -> str:
    return f"sudo sh {home.setup}"


def _status(home: Home, engine: Engine) -> LabStatus:
    return status_of(engine.containers(home.project), ca=str(home.ca))


def _running_member(home: Home, name: str) -> Member:
    member = status(home=home).member(name)
    if member is None or member.state != "running":
        raise LabError(f"{name} is not a running part of the lab", next_step="deployer lab up")
    return member


def _compose(home: Home, engine: Engine, *words: str) -> None:
    caller = compose.program()
    command = compose.argv(home, caller, cgroup=engine.cgroup_version())
    compose.run(home, [*command, *words], compose.environment(caller, _network(home, engine)))


def _network(home: Home, engine: Engine) -> IPv4Network:
    here = network.routes(_ROUTES.read_text()) if _ROUTES.is_file() else ()
    return engine.network(home.project) or network.choose(home.project, (*engine.networks(), *here))


def _await_health(home: Home, engine: Engine, watch: Watch) -> LabStatus:
    deadline = time.monotonic() + _PATIENCE
    said: tuple[str, ...] = ()
    while (now := _status(home, engine)).waiting:
        if now.waiting != said:
            said = now.waiting
            watch(f"waiting for {', '.join(said)}")
        gone = [member.service for member in now.members if member.state == "exited"]
        if gone or time.monotonic() > deadline:
            raise LabError(
                f"{', '.join(gone or said)} does not come up",
                next_step=f"deployer lab logs {(gone or said)[0]}",
            )
        time.sleep(0.3)
    return now
