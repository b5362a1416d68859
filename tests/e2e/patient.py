"""A Debian server that faults are tried on: one TLS site, a link of its own, runs that stand on request."""

import contextlib
import os
import re
import ssl
import stat
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import docker
from fault_rows import CONNECT, PLAN, PROBE, RELOAD, RENDER
from gated import Backend
from holding import MOMENTS, PAGE, VALIDATION, held, let_go, prepare, wait_until_held
from operating import Desk, OwnHost, Typed, kill, own_host, wait_for
from proxying import Link
from shells import Shell
from visiting import CHECKOUT, Lab
from visitors import LINES, SITE, Visitor

from deployer.lab.access import known_hosts
from deployer.transport import Address

OLD, NEW = "old", "new"

_INVENTORY = """\
all:
  hosts:
    patient:
      ansible_host: 127.0.0.1
      ansible_port: {port}
      ansible_user: {user}
      ansible_become: true
      ansible_ssh_private_key_file: {state}/id_ed25519
      ansible_ssh_known_hosts_file: known_hosts
      confirm_timeout: 30s
      version: v0
      folder: more
      names: [{site}]
      roles: [nginx, page]
      sites:
        - name: matrix
          server_names: "{{{{ names }}}}"
          tls: {{local_ca: {{directory: ca}}}}
          locations:
            - path: /version
              exact: true
              redirect: {{to: "/{{{{ version }}}}", status: 302}}
            - path: /wss
              websocket: {{upstream: "{echo}:8888"}}
              probe: echo
            - path: /backend/
              proxy: {{upstream: "{gateway}:{backend}"}}
            - path: /
              static: {{root: /srv/www/matrix}}
"""

# The page reads a file of the controller while it is rendered: where that is a pipe, rendering waits.
_TASKS = f"""\
- file: {{path: {PAGE.rpartition("/")[0]}, state: directory, mode: "0755"}}
- file: {{path: "/srv/www/{{{{ folder }}}}", state: directory, mode: "0755"}}
- template: {{src: index.html.j2, dest: {PAGE}, mode: "0644", validate: {VALIDATION} %s}}
"""
_PAGE = "{{% if pem('gate') %}}{{% for _ in range({lines}) %}}{{{{ version }}}}\n{{% endfor %}}{{% endif %}}"
_GATE = "open\n"

# What is linked, what nginx says it runs, and the journal; sections end with a form feed.
_LOOK = """
basename $(readlink /etc/deployer/current); printf '\\f'
exec 3<>/dev/tcp/127.0.0.1/8199 && printf 'GET /deployer-release HTTP/1.0\\r\\n\\r\\n' >&3 && tail -n 1 <&3
printf '\\f'
cat /var/lib/deployer/journal
"""
_SETTLED = (
    "until [ ! -e /var/lib/deployer/pending ] && flock -n /etc/deployer/lock true && "
    "[ ! -e /var/lib/deployer/pending ]; do sleep 0.1; done"
)
# A guard looks once a second whether it is still needed. The pattern does not match the command that has it.
_GUARDED = "while pgrep -f '[p]ending/script' >/dev/null; do sleep 0.1; done"
_LEFT = "ls -d /etc/deployer/releases/.tmp-* /tmp/deployer.* /var/lib/deployer/pending 2>/dev/null || true"
_USER = "deploy"
_SCRIPT = "^sh -c COMMON="
"""How the command line of the host's script begins."""
_VARYING = {
    r"(did not run to its end): .*": r"\1",
    r"(the connection to \S+ was lost): .*": r"\1",
    r"\S+@\S+ since [\dTZ:-]+": "USER since TIME",
    r"SHA256:[\w+/=]+": "FINGERPRINT",
    r"; tried .*": "",
    r"/tmp/deployer\.\d+": "/tmp/deployer.PID",
}
"""What differs between two runs of the same row."""
_RELEASE = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]+")


@dataclass
class Patient:
    """The server, and how its operator and its visitors reach it.

    Attributes:
        host: The container.
        desk: The operator's folder.
        machine: For testinfra's questions.
        link: Between the operator and sshd.
        backend: Behind `/backend/`; probes ask it, visitors do not.
            number: Of the version that is on the host.
        release: Its name.
        sound: Whether the last row has left the host as the next one needs it.
    """

    host: OwnHost
    desk: Desk
    machine: Shell
    link: Link
    backend: Backend
    number: int = 0
    release: str = ""
    sound: bool = False
    _journal: int = field(default=0, repr=False)

    def version(self, which: str) -> str:
        """The version that is on the host, or the one after it."""
        return f"v{self.number + (which == NEW)}"

    def begin(self) -> None:
        """Begin a row: what is on the host is the old version from now on."""
        self.sound = False
        self.release, _, journal = self._look()
        self._journal = len(journal)

    def visited(self) -> Visitor:
        """A visitor who asks as long as the context lasts."""
        trust = ssl.create_default_context(cafile=self.desk.folder / "ca/ca.pem")
        return Visitor(lambda: self.host.address, trust)

    def type(self, command: str, *words: str) -> Typed:
        """Type a command for the new version, and wait for its end, however it ends."""
        return self.desk.end(self.start(command, *words), expect_exit=None)

    def start(
        self, command: str = "apply", *words: str, before: Sequence[str] = ()
    ) -> "subprocess.Popen[str]":
        """Type a command for the new version; `before` is a program that runs it."""
        new = f"version={self.version(NEW)}"
        return self.desk.start(command, "--json", "--set", new, *words, before=before)

    @contextlib.contextmanager
    def standing(self, moment: str, *words: str) -> "Iterator[subprocess.Popen[str]]":
        """Start an apply of the new version, and hold it at a moment of `fault_rows` while in here."""
        if moment == PLAN:
            # A run that makes a folder asks before it gives its orders, so that it stands in the plan.
            words = (*words, "--set", f"folder={self.version(NEW)}")
        with self._held(moment) as wait:
            running = self.start("apply", *words)
            try:
                wait()
                yield running
            except BaseException:
                kill(running)
                raise

    def settle(self, *, seconds: int = 240) -> None:
        """Wait until no run, and nothing that a run has left behind, works on the host."""
        waited = self.machine.run("timeout %s sh -c %s", str(seconds), _SETTLED)
        assert waited.rc == 0, f"the host is not at rest after {seconds} s: {self._look()}"

    def ended_with(self, which: str, *, journal: str = "") -> str:
        """Assert which version the host has in the end, linked and running; return it in words.

        Args:
            which: The old or the new one.
            journal: What the journal's last line must say; empty: the host never had to go back.
        """
        self.settle()
        link, runs, journal_now = self._look()
        story = journal_now[self._journal :]
        assert link == runs, f"{link} is linked, {runs} runs: {story}"
        assert (OLD if link == self.release else NEW) == which, f"{link}, was {self.release}: {story}"
        if not journal:
            assert not any("revert" in entry for entry in story), story
            return f"the {which} release"
        assert journal in story[-1], story
        return f"the {which} release; its journal: {journal}"

    def saw(self, visitor: Visitor, which: str, *, other: bool = False, away: str = "") -> str:
        """Assert what a visitor saw who has gone; return it in words.

        Args:
            visitor: After its context.
            which: The version that was there in the end.
            other: Whether the other version may have been seen before.
            away: Who was not there for a while, where errors were allowed for that.
        """
        assert visitor.errors() == []
        version = self.version(which)
        assert visitor.last() == {version}, visitor.last()
        assert visitor.versions() <= {self.version(OLD), self.version(NEW)}, visitor.versions()
        if not other:
            assert visitor.versions() == {version}, visitor.versions()
        seen = f"old or new, whole, in the end the {which} site" if other else f"the {which} site"
        return f"{seen}; nothing while {away}" if away else seen

    def following(self) -> str:
        """Assert that the next apply works and gives visitors the new version; return it in words.

        The row is over then: the new version is the old one of the next row.
        """
        with self.visited() as visitor:
            applied = self.type("apply")
            assert applied.exit_code == 0, f"{applied.stdout}\n{applied.stderr}"
            visitor.wait_for(self.version(NEW))
        assert visitor.errors() == []
        self.machine.check_output(_GUARDED)
        left = self.machine.check_output(_LEFT).split()
        assert left == [], f"left behind: {left}"
        self.number += 1
        self.sound = True
        return "nothing to do" if applied.host["state"] == "unchanged" else "the new site, proven"

    def told(self, ended: Typed) -> str:
        """Return exit code and sentence of a run, in words that are the same for every run."""
        host = ended.host
        sentence = f": {self.in_words(host['message'])}" if host["message"] else ""
        return f"exit {ended.exit_code}, {host['state']} in {host['phase']}{sentence}"

    def in_words(self, text: str) -> str:
        """Return what deployer said without what differs from run to run."""
        told = _RELEASE.sub(lambda name: "OLD" if name[0] == self.release else "NEW", text)
        told = told.replace(f":{self.link.port}", "").replace(f"{self.desk.folder}/", "")
        for varying, instead in _VARYING.items():
            told = re.sub(varying, instead, told)
        return told

    def die(self) -> None:
        """Kill every process at once, and boot."""
        for command in ("kill", "start"):
            subprocess.run(["docker", command, self.host.name], check=True, capture_output=True)
        self._booted()

    @contextlib.contextmanager
    def asleep(self) -> Iterator[None]:
        """Stop every process but the first one, our own shell too; they go on at the end of the context."""
        self.host.machine.check_output("kill -STOP -1")
        try:
            yield
        finally:
            self.host.machine.check_output("kill -CONT -1")

    def wait_until_alone(self, *, seconds: int = 240) -> None:
        """Wait until the host's sshd has noticed that the operator's connection is gone."""
        loop = f"while pgrep -f '^sshd[^ ]*: {_USER}( |@|$)' >/dev/null; do sleep 0.05; done"
        waited = self.machine.run("timeout %s sh -c %s", str(seconds), loop)
        assert waited.rc == 0, "the session of the operator has not ended"

    def kill_script(self) -> None:
        """Kill the shells that run the host's script, and nothing else."""
        self.machine.check_output("pkill -KILL -f %s", _SCRIPT)

    def _booted(self) -> None:
        wait_for(
            lambda: self.machine.run("systemctl is-active ssh").stdout.strip() == "active",
            seconds=240,
            sentence="sshd is not back",
        )
        self.host.address = _address(self.host.name)

    def _look(self) -> tuple[str, str, list[str]]:
        """The linked release, the one that runs, and the journal."""
        linked, runs, journal = self.machine.run("bash -c %s", _LOOK).stdout.split("\f")
        return linked.strip(), runs.strip(), journal.splitlines()

    @contextlib.contextmanager
    def _held(self, moment: str) -> Iterator[Callable[[], None]]:
        """Hold runs at `moment`; yields what waits until one is there."""
        if moment == CONNECT:
            with self.link.held():
                yield self.link.wait_for_a_call
        elif moment == RENDER:
            with self._rendering_held() as wait:
                yield wait
        elif moment == PLAN:
            # The plan is made, and what works before the switch is being asked.
            with self.backend.held():
                yield self.backend.wait_for_a_question
        elif moment == PROBE:
            with held(self.machine, MOMENTS[RELOAD]), contextlib.ExitStack() as until_end:
                yield lambda: self._hold_probes(until_end)
        else:
            with held(self.machine, MOMENTS[moment]):
                yield lambda: wait_until_held(self.machine, MOMENTS[moment])

    def _hold_probes(self, until_end: contextlib.ExitStack) -> None:
        wait_until_held(self.machine, MOMENTS[RELOAD])
        until_end.enter_context(self.backend.held())
        let_go(self.machine, MOMENTS[RELOAD])
        self.backend.wait_for_a_question()

    @contextlib.contextmanager
    def _rendering_held(self) -> Iterator[Callable[[], None]]:
        gate = self.desk.folder / "gate"
        gate.unlink()
        os.mkfifo(gate)
        held_open: list[int] = []

        def wait() -> None:
            wait_for(lambda: _opened(gate, held_open), seconds=240, sentence="nobody renders")

        try:
            yield wait
        finally:
            gate.unlink()
            gate.write_text(_GATE)
            for descriptor in held_open:
                with contextlib.suppress(BrokenPipeError):
                    os.write(descriptor, _GATE.encode())
                os.close(descriptor)


def _opened(pipe: Path, held_open: list[int]) -> bool:
    """Open a pipe for writing as soon as somebody reads it."""
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    with contextlib.suppress(OSError):
        held_open.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    return bool(held_open)


def _address(container: str) -> str:
    client = docker.from_env()
    try:
        (network,) = client.containers.get(container).attrs["NetworkSettings"]["Networks"].values()
        return str(network["IPAddress"])
    finally:
        client.close()


@contextlib.contextmanager
def a_patient(lab: Lab, folder: Path) -> Iterator[Patient]:
    """Start a server and apply the first version; it is removed afterwards."""
    echo = lab.status.member("echo")
    assert echo is not None
    gateway = f"{echo.address.rpartition('.')[0]}.1"
    with (
        own_host(lab, folder, like="edge1") as host,
        Link(lambda: Address(host.address, 22)) as link,
        Backend(gateway) as backend,
        contextlib.closing(Shell(host.name)) as machine,
    ):
        state = CHECKOUT / ".lab"
        (folder / "inventory.yaml").write_text(
            _INVENTORY.format(
                port=link.port,
                state=state,
                site=SITE,
                user=_USER,
                echo=echo.address,
                gateway=gateway,
                backend=backend.port,
            )
        )
        _write_role(folder)
        key = (state / "id_ed25519.pub").read_text()
        machine.check_output(
            "printf %%s %s >/home/deploy/.ssh/authorized_keys && chown -R deploy: /home/deploy/.ssh", key
        )
        keys = machine.check_output("cat /etc/ssh/ssh_host_*_key.pub")
        (folder / "known_hosts").write_text(known_hosts({f"127.0.0.1:{link.port}": keys}))
        prepare(machine)
        patient = Patient(host, host.desk, machine, link, backend, number=-1)
        applied = patient.type("apply")
        assert applied.exit_code == 0, f"{applied.stdout}\n{applied.stderr}"
        patient.number, patient.sound = 0, True
        yield patient


def _write_role(folder: Path) -> None:
    for name, text in {
        "roles/page/tasks/main.yml": _TASKS,
        "roles/page/templates/index.html.j2": _PAGE.format(lines=LINES),
        "gate": _GATE,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
