"""An operator at work: an own copy of the inventory, commands typed at a prompt, a host of their own."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import testinfra
import yaml
from docker.models.containers import Container
from testinfra.host import Host as Machine
from visiting import CHECKOUT, Lab

from deployer import deploy, fleet, inventory
from deployer.model.host import Host
from deployer.outcome import Outcome, Phase, State

LAST_LOCATION = "                static: {root: /srv/www/abc}\n"
"""The end of the first site's locations in lab/inventory.yaml; new ones go behind it."""


HELLO = ("- path: /hello", "  redirect: {to: /one, status: 302}")
"""A location that works."""

DEAD = ("- path: /dead/", "  proxy: {upstream: 127.0.0.1:9}")
"""A location that never does; its probe is patient for some seconds."""


@dataclass
class Typed:
    """One command that has ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        """What `--json` printed."""
        told: dict[str, Any] = json.loads(self.stdout)
        return told

    @property
    def hosts(self) -> dict[str, dict[str, Any]]:
        """Outcomes by host."""
        return {entry["host"]: entry for entry in self.document["hosts"]}

    @property
    def host(self) -> dict[str, Any]:
        """The outcome of the only host."""
        (only,) = self.document["hosts"]
        return dict(only)


@dataclass
class Desk:
    """A folder with a copy of the lab's inventory; what is beside it is a copy, too."""

    folder: Path

    @classmethod
    def of_the_lab(cls, folder: Path) -> "Desk":
        shutil.copytree(CHECKOUT / "lab", folder / "lab", ignore=shutil.ignore_patterns("images"))
        # The inventory says ../.lab/ca: the lab's own CA, so that visitors trust what it issues.
        (folder / ".lab").symlink_to(CHECKOUT / ".lab")
        return cls(folder / "lab")

    @property
    def inventory(self) -> Path:
        return self.folder / "inventory.yaml"

    def edit(self, old: str, new: str) -> None:
        """Replace the one place where the inventory says `old`."""
        text = self.inventory.read_text()
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in the inventory"
        self.inventory.write_text(text.replace(old, new))

    def add_location(self, *lines: str) -> None:
        """Append a location to the first site; lines as they stand below `locations:`, not indented."""
        added = "".join(f"              {line}\n" for line in lines)
        self.edit(LAST_LOCATION, f"{LAST_LOCATION}{added}")

    def set_for(self, host: str, name: str, value: object) -> None:
        """Write a variable of one host over what it was."""
        file = self.folder / f"host_vars/{host}.yml"
        file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), name: value}))

    def line_of(self, text: str) -> int:
        """The number of the only line that contains `text`."""
        (found,) = (
            number
            for number, line in enumerate(self.inventory.read_text().splitlines(), start=1)
            if text in line
        )
        return found

    def type(self, *words: str, expect_exit: int | None = 0, stdin: str = "") -> Typed:
        """Type `deployer WORDS inventory.yaml` in the folder and wait for its end."""
        running = self.start(*words)
        if stdin and running.stdin:
            running.stdin.write(stdin)
        return self.end(running, expect_exit=expect_exit)

    def start(self, command: str, *words: str, before: Sequence[str] = ()) -> "subprocess.Popen[str]":
        """Type a command and do not wait; `before` is a program that runs it."""
        return subprocess.Popen(
            [*before, sys.executable, "-m", "deployer", command, "inventory.yaml", *words],
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self, running: "subprocess.Popen[str]", *, expect_exit: int | None = 0) -> Typed:
        """Wait for a command's end."""
        stdout, stderr = running.communicate(timeout=600)
        ended = Typed(running.returncode, stdout, stderr)
        if expect_exit is not None:
            assert ended.exit_code == expect_exit, f"exit {ended.exit_code}\n{stdout}\n{stderr}"
        return ended

    def host(self, name: str) -> Host:
        """One host of the inventory as deployer reads it."""
        (host,) = inventory.load(self.inventory).select(name)
        return host


def wait_for(what: Callable[[], object], *, seconds: float = 30, sentence: str) -> None:
    """Ask every 0.1 s until the answer is true."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"after {seconds:.0f} s: {sentence}"
        time.sleep(0.1)


def wait_for_line(running: "subprocess.Popen[str]", line: str) -> None:
    """Read standard error up to `line`."""
    assert running.stderr is not None
    seen = []
    for said in running.stderr:
        seen.append(said)
        if said.strip() == line:
            return
    raise AssertionError(f"{line!r} was never said: {seen}")


class _Silence:
    """A listener for runs that only put things in order."""

    def entered(self, host: str, phase: Phase, note: str) -> None: ...

    def ended(self, outcome: Outcome, error: BaseException | None) -> None: ...

    def stopping(self, *, cancelled: bool) -> None: ...


def walk(file: Path, *edges: str, back: bool = False) -> tuple[Outcome, ...]:
    """Apply an inventory to `edges`, or roll them `back`, without a command line."""
    hosts = inventory.load(file).select(",".join(edges))
    forth, to = deploy.Options(who="tests"), deploy.RollbackOptions(who="tests")

    def one(host: Host, watch: deploy.Watch) -> Awaitable[Outcome]:
        return deploy.rollback(host, to, watch) if back else deploy.apply(host, forth, watch)

    return asyncio.run(fleet.run(hosts, one, parallel=len(hosts), listener=_Silence()))


def as_the_lab_is(*edges: str) -> tuple[Outcome, ...]:
    """Apply lab/inventory.yaml to `edges` without a command line: it is quicker."""
    outcomes = walk(CHECKOUT / "lab/inventory.yaml", *edges)
    for outcome in outcomes:
        assert outcome.state in (State.UNCHANGED, State.CHANGED), outcome
    return outcomes


@dataclass(frozen=True)
class Nginx:
    """Which processes serve on a host, and which release."""

    master: str
    workers: frozenset[str]
    linked: str


def nginx_of(machine: Machine) -> Nginx:
    """Look at the nginx of a host."""
    master = machine.check_output("cat /run/nginx.pid")
    listed = machine.check_output("pgrep -P %s -a || true", master).splitlines()
    workers = frozenset(line.split()[0] for line in listed if "shutting down" not in line)
    return Nginx(master, workers, linked(machine))


def linked(machine: Machine) -> str:
    """The release that is linked on a host."""
    return machine.check_output("basename $(readlink /etc/deployer/current)")


@dataclass
class OwnHost:
    """A Debian server of the test's own, without nginx; deployer reaches it through Docker."""

    name: str
    machine: Machine
    address: str
    desk: Desk = field(repr=False)

    def fetch(self, path: str = "/", *, name: str) -> str:
        """What a visitor of port 80 gets."""
        return subprocess.run(
            ["curl", "-s", "-m", "5", "-H", f"Host: {name}", f"http://{self.address}{path}"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout


@contextlib.contextmanager
def own_host(lab: Lab, folder: Path, *, like: str = "edge3") -> Iterator[OwnHost]:
    """Start a host with the options of one of the lab's edges; remove it afterwards."""
    member = lab.status.member(like)
    assert member is not None
    client = docker.from_env()
    container = _like(client.containers.get(member.container), client)
    try:
        machine = testinfra.get_host(f"docker://{container.name}")
        wait_for(
            lambda: machine.run("systemctl is-system-running").stdout.strip() in ("running", "degraded"),
            seconds=120,
            sentence="systemd has not booted",
        )
        container.reload()
        (network,) = container.attrs["NetworkSettings"]["Networks"].values()
        yield OwnHost(str(container.name), machine, network["IPAddress"], Desk(folder))
    finally:
        container.remove(force=True)
        client.close()


def _like(model: Container, client: docker.DockerClient) -> Container:
    """Start a container as `model` is one, without its ports and its place in the compose project."""
    options = model.attrs["HostConfig"]
    return client.containers.run(
        model.attrs["Config"]["Image"],
        detach=True,
        name=f"deployer-test-{os.getpid()}-{time.monotonic_ns()}",
        network=options["NetworkMode"],
        environment=model.attrs["Config"]["Env"],
        privileged=options["Privileged"],
        cap_add=options["CapAdd"],
        security_opt=options["SecurityOpt"],
        volumes=options["Binds"] or [],
        tmpfs=options["Tmpfs"],
        cgroupns=options["CgroupnsMode"] or None,
        # Nobody asks for its health, and each look costs a busy machine a tenth of a second.
        healthcheck={"test": ["NONE"]},
    )


@contextlib.contextmanager
def stopped(lab: Lab, service: str) -> Iterator[None]:
    """A backend of the lab that is away for a while."""
    member = lab.status.member(service)
    assert member is not None
    subprocess.run(["docker", "stop", "--time", "2", member.container], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["docker", "start", member.container], check=True, capture_output=True)
        wait_for(lambda: lab.status.running, seconds=180, sentence=f"{service} is not healthy again")


def kill(running: "subprocess.Popen[str]") -> None:
    """End a command as a power cut would, if it still runs, and let go of its pipes."""
    if running.poll() is None:
        running.send_signal(signal.SIGKILL)
    running.communicate()
