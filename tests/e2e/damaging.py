"""Faults of a host, and of what is behind it; each is over when its context ends."""

import contextlib
import json
import shlex
from collections.abc import Iterator

from holding import wrapped
from operating import Typed
from patient import Patient
from testinfra.host import Host as Machine

VERSION = "      version: v0\n"
"""The line of the patient's inventory behind which more variables go."""


@contextlib.contextmanager
def inventory_saying(patient: Patient, old: str, new: str) -> Iterator[None]:
    """Say something else in the inventory."""
    before = patient.desk.inventory.read_text()
    patient.desk.edit(old, new)
    try:
        yield
    finally:
        patient.desk.inventory.write_text(before)


@contextlib.contextmanager
def with_variable(patient: Patient, name: str, value: object) -> Iterator[None]:
    """Give the host one variable more."""
    with inventory_saying(patient, VERSION, f"{VERSION}      {name}: {json.dumps(value)}\n"):
        yield


def told(patient: Patient, ended: Typed, *, expect_exit: int) -> str:
    """Assert how a run ended, and that what it told to type next works; return both in words."""
    assert ended.exit_code == expect_exit, f"exit {ended.exit_code}\n{ended.stdout}\n{ended.stderr}"
    words = patient.told(ended)
    if not expect_exit:
        return words
    step = ended.host["next_step"]
    assert step, ended.stdout
    program, command, *arguments = shlex.split(step.rpartition(": ")[2])
    assert (program, arguments[0]) == ("deployer", "inventory.yaml"), step
    patient.desk.type(command, *arguments[1:])
    return f"{words}; next: {patient.in_words(step)}"


@contextlib.contextmanager
def squatter(machine: Machine, port: int) -> Iterator[None]:
    """Let another program hold a port."""
    unit = "deployer-test-squatter"
    machine.check_output(
        "systemd-run -q --unit=%s --socket-property=ListenStream=0.0.0.0:%s cat", unit, str(port)
    )
    try:
        yield
    finally:
        machine.check_output("systemctl stop %s.socket", unit)


@contextlib.contextmanager
def hanging_worker(machine: Machine) -> Iterator[None]:
    """Stop one of nginx's workers, so that it hears and does nothing; it ends with the context."""
    worker = machine.check_output("pgrep -P $(cat /run/nginx.pid) -f 'worker process$' | head -n 1")
    machine.check_output("kill -STOP %s", worker)
    try:
        yield
    finally:
        machine.run("kill -KILL %s", worker)


_DISK = "/run/small-disk"
_ON_IT = ("/etc/deployer", "/var/lib/deployer", "/var/log/nginx", "/tmp")
_PAGE = 4096

FILL = f"head -c 1G /dev/zero 2>/dev/null >{_DISK}/filler"
"""Leaves no room for a byte; files can still be made."""
USE_UP = f"mkdir {_DISK}/files; seq -f {_DISK}/files/%g 9999 | xargs touch 2>/dev/null"
"""Leaves no inode: no file, folder or link can be made any more."""
# A second mount on top, since the run's lock keeps the first one from being made read-only.
_LOCKED = "mount --rbind {0} {0} && mount -o remount,bind,ro {0}"
LOCK_ETC = (
    f"{_LOCKED.format('/etc')}; ! mountpoint -q /etc/deployer || {{ {_LOCKED.format('/etc/deployer')}; }}"
)
"""Makes /etc read-only, as a kernel does that has met an error on its disk."""


@contextlib.contextmanager
def on_a_small_disk(patient: Patient) -> Iterator[None]:
    """Have all that a run writes on a disk of 8 MiB and 1500 files; what was filled is empty at the end."""
    machine = patient.machine
    if machine.run(f"mountpoint -q {_DISK}").rc != 0:
        machine.check_output(
            f"mkdir {_DISK} && mount -t tmpfs -o size=8m,nr_inodes=1500 small-disk {_DISK}"
            f" && for folder in {' '.join(_ON_IT)}; do mkdir -p {_DISK}$folder"
            f" && cp -a $folder/. {_DISK}$folder && mount --bind {_DISK}$folder $folder || exit 1; done"
            " && kill -USR1 $(cat /run/nginx.pid)"
        )
    _fill_the_last_page(machine, "/var/lib/deployer/journal")
    patient.begin()
    try:
        yield
    finally:
        machine.check_output(f"rm -rf {_DISK}/filler {_DISK}/files")


def _fill_the_last_page(machine: Machine, path: str) -> None:
    """Append a line, so that the next one needs room on the disk."""
    size = int(machine.check_output("stat -c %s %s", "%s", path))
    missing = -(size + 1) % _PAGE
    machine.check_output("printf '%%0*d\\n' %s 0 >>%s", str(missing), path)


@contextlib.contextmanager
def etc_that_can_be_locked(machine: Machine) -> Iterator[None]:
    """Let `LOCK_ETC` be over at the end."""
    try:
        yield
    finally:
        machine.run("umount --lazy /etc")


@contextlib.contextmanager
def doing(machine: Machine, what: str, *, when: str, called: str = "*") -> Iterator[None]:
    """Have a shell command done on the host as soon as a run calls a program."""
    script = f'#!/bin/sh\ncase "$*" in {called}) {what} ;; esac\nexec {{real}} "$@"\n'
    with wrapped(machine, when, script):
        yield


@contextlib.contextmanager
def needing(patient: Patient, package: str) -> Iterator[None]:
    """Have the inventory ask for a package more."""
    _write(patient, "roles/more/tasks/main.yml", f"- package: {{name: {package}}}\n")
    with inventory_saying(patient, "roles: [nginx, page]", "roles: [nginx, page, more]"):
        yield


def with_php(patient: Patient) -> None:
    """Give the site a location of PHP, from now on."""
    if "php_fpm" in patient.desk.inventory.read_text():
        return
    _write(patient, "roles/app/files/index.php", "<?php echo 'php';\n")
    _write(patient, "roles/app/tasks/main.yml", "- copy: {src: index.php, dest: /srv/www/app/index.php}\n")
    patient.desk.edit("roles: [nginx, page]", "roles: [nginx, page, app, php_fpm]")
    patient.desk.edit(
        "            - path: /backend/\n",
        "            - path: /app/\n"
        "              php:\n"
        "                root: /srv/www/app\n"
        "                fpm: unix:/run/php/deployer.sock\n"
        "                front_controller: index.php\n"
        "            - path: /backend/\n",
    )
    patient.following()
    patient.begin()


def _write(patient: Patient, name: str, text: str) -> None:
    path = patient.desk.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


# apt's lock is one of fcntl's, which flock does not take.
_LOCK_APT = """
use Fcntl;
open(my $file, ">>", "/var/lib/dpkg/lock-frontend") or die;
my $lock = pack("s s x4 q q i x4", F_WRLCK, 0, 0, 0, 0);
fcntl($file, F_SETLK, $lock) or die;
open(my $done, ">", "/run/deployer-test-apt") or die;
sleep 600;
"""


@contextlib.contextmanager
def apt_locked(machine: Machine) -> Iterator[None]:
    """Hold the lock of apt and dpkg."""
    unit = "deployer-test-apt"
    # As a file: systemd would replace what looks like a variable.
    machine.check_output("rm -f /run/%s; printf %%s %s >/run/%s.pl", unit, _LOCK_APT, unit)
    machine.check_output("systemd-run -q --unit=%s perl /run/%s.pl", unit, unit)
    try:
        machine.check_output("timeout 30 sh -c 'until [ -e /run/%s ]; do sleep 0.1; done'", unit)
        yield
    finally:
        machine.check_output("systemctl stop %s", unit)


def wait_until_apt_waits(machine: Machine) -> None:
    """Wait until a run installs packages."""
    machine.check_output("timeout 120 sh -c 'until pgrep -f \"[a]pt-get .* install\"; do sleep 0.2; done'")
