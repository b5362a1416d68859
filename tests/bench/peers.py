"""Ansible, Ansible with Mitogen, and pyinfra, each in an environment of its own."""

import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import yaml

from tests.bench.job import Scene
from tests.bench.measuring import Command
from tests.bench.places import CHECKOUT, HERE, STATE

_VARIABLES = "ansible/group_vars/all.yml"
_SSH_ARGS = (
    "-o ControlMaster=auto -o ControlPersist=60s -o UserKnownHostsFile={known_hosts} -o IdentitiesOnly=yes"
)


def environment(name: str, *requirements: str) -> Path:
    """Return the programs of the virtual environment `name`, made with pip if it is not as asked."""
    folder = STATE / "environments" / name
    mark = folder / "requirements"
    wanted = "\n".join(requirements)
    if not mark.exists() or mark.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        python = str(folder / "bin" / "python")
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
        said = subprocess.run(pip, capture_output=True, text=True, check=False)
        if said.returncode:
            raise RuntimeError(f"pip could not make the environment of {name}:\n{said.stderr}")
        mark.write_text(wanted)
    return folder / "bin"


def prepare_environments(tools: Collection[str]) -> None:
    """Make the environments of `tools`, so that none is made while something is measured."""
    if {"ansible", "mitogen"} & set(tools):
        _ansible_programs()
    if "pyinfra" in tools:
        _pyinfra_programs()


class Ansible:
    """ansible-core with pipelining, as many forks as hosts, no facts."""

    name = "ansible"
    rolls_back = False
    strategy = "linear"

    def prepare(self, scene: Scene, revision: str) -> None:
        """Write playbook, inventory, variables and ansible.cfg."""
        folder = _job_folder(scene, self.name, "ansible")
        inventory = scene.inventory({"ansible_python_interpreter": "/usr/bin/python3"})
        (folder / "hosts.yml").write_text(yaml.safe_dump(inventory))
        scene.fill(_VARIABLES, folder / "group_vars" / "all.yml", revision)
        (folder / "ansible.cfg").write_text(self._configuration(scene, folder))

    def command(self, scene: Scene, job: str) -> Command:
        """Every job is the same play; what differs is the variables."""
        programs = _ansible_programs()
        folder = scene.folder / self.name
        argv = (str(programs / "ansible-playbook"), "site.yml")
        path = {"PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin"}
        return Command(argv, folder, {"ANSIBLE_CONFIG": str(folder / "ansible.cfg"), **path})

    def _configuration(self, scene: Scene, folder: Path) -> str:
        return "\n".join(
            [
                "[defaults]",
                f"inventory = {folder / 'hosts.yml'}",
                f"forks = {len(scene.targets)}",
                f"strategy = {self.strategy}",
                "timeout = 60",
                *self._plugins(),
                "[connection]",
                "pipelining = true",
                "[ssh_connection]",
                f"ssh_args = {_SSH_ARGS.format(known_hosts=scene.known_hosts)}",
                # The socket's path must stay below 108 bytes.
                f"control_path_dir = /tmp/bench-{abs(hash(str(CHECKOUT))) % 10**6}",
                "",
            ]
        )

    def _plugins(self) -> list[str]:
        return []


class Mitogen(Ansible):
    """The same play by Mitogen's strategy."""

    name = "mitogen"
    strategy = "mitogen_linear"

    def _plugins(self) -> list[str]:
        packages = next((_ansible_programs().parent / "lib").glob("python3*")) / "site-packages"
        return [f"strategy_plugins = {packages / 'ansible_mitogen' / 'plugins' / 'strategy'}"]


class Pyinfra:
    """pyinfra with all hosts at a time."""

    name = "pyinfra"
    rolls_back = False

    def prepare(self, scene: Scene, revision: str) -> None:
        """Write deploy, inventory and data."""
        folder = _job_folder(scene, self.name, "pyinfra")
        hosts = [(each.name, {"ssh_hostname": each.address, "ssh_port": each.port}) for each in scene.targets]
        (folder / "config.py").write_text("CONNECT_TIMEOUT = 60\n")
        (folder / "inventory.py").write_text(f"hosts = {hosts!r}\n")
        common = {
            "ssh_user": "root",
            "ssh_key": str(scene.key),
            "ssh_known_hosts_file": str(scene.known_hosts),
            "ssh_strict_host_key_checking": "yes",
        }
        variables = yaml.safe_load(scene.filled(_VARIABLES, revision))
        lines = [f"{key} = {value!r}\n" for key, value in (common | variables).items()]
        (folder / "group_data").mkdir(exist_ok=True)
        (folder / "group_data" / "all.py").write_text("".join(lines))

    def command(self, scene: Scene, job: str) -> Command:
        """Every job is the same deploy; what differs is the data."""
        programs = _pyinfra_programs()
        options = ("--yes", "--parallel", str(len(scene.targets)))
        return Command(
            (str(programs / "pyinfra"), *options, "inventory.py", "deploy.py"), scene.folder / self.name
        )


def _ansible_programs() -> Path:
    return environment("ansible", "ansible-core==2.19.14", "mitogen==0.3.54")


def _pyinfra_programs() -> Path:
    return environment("pyinfra", "pyinfra==3.10.0")


def _job_folder(scene: Scene, name: str, job: str) -> Path:
    folder = scene.folder / name
    for source, target in ((job, folder), ("templates", folder / "templates"), ("files", folder / "files")):
        shutil.copytree(HERE / "jobs" / source, target, dirs_exist_ok=True)
    return folder
