"""deployer itself, and the two floors: what it costs to say `true` to every host."""

import json
import shlex
import sys
from pathlib import Path

import yaml

from tests.bench.job import ROLLBACK, Scene
from tests.bench.measuring import Command
from tests.bench.places import CHECKOUT, HERE

_OF_THIS_CHECKOUT = {"PYTHONPATH": str(CHECKOUT)}


class Deployer:
    """This checkout's deployer."""

    name = "deployer"
    rolls_back = True

    def prepare(self, scene: Scene, revision: str) -> None:
        """Write the inventory."""
        folder = scene.folder / self.name
        inventory = scene.inventory({"ansible_ssh_known_hosts_file": str(scene.known_hosts)})
        scene.fill("deployer/group_vars/all.yml", folder / "group_vars" / "all.yml", revision)
        (folder / "inventory.yaml").write_text(yaml.safe_dump(inventory, sort_keys=False))

    def command(self, scene: Scene, job: str) -> Command:
        """Rollback is a command of its own; all else is an apply."""
        verb = "rollback" if job == ROLLBACK else "apply"
        options = ("--yes", "--parallel", str(len(scene.targets)))
        return deployer(verb, "inventory.yaml", *options, folder=scene.folder / self.name)


class OpenSsh:
    """A shell loop of parallel `ssh host true`."""

    name = "openssh"
    rolls_back = False

    def prepare(self, scene: Scene, revision: str) -> None:
        """Write an ssh_config with the same key and the same known hosts."""
        common = (
            "BatchMode yes",
            "User root",
            f"IdentityFile {scene.key}",
            "IdentitiesOnly yes",
            f"UserKnownHostsFile {scene.known_hosts}",
            "GlobalKnownHostsFile none",
        )
        blocks = [f"Host {each.name}\nHostName {each.address}\nPort {each.port}\n" for each in scene.targets]
        _ssh_config(scene).write_text("".join(blocks) + "Host *\n" + "\n".join(common) + "\n")

    def command(self, scene: Scene, job: str) -> Command:
        """One ssh per host in the background, then wait for each."""
        ssh = f"ssh -F {shlex.quote(str(_ssh_config(scene)))}"
        names = " ".join(each.name for each in scene.targets)
        script = (
            f'for host in {names}; do {ssh} "$host" true & pids="$pids $!"; done\n'
            "for pid in $pids; do wait $pid || exit 1; done"
        )
        return Command(("sh", "-c", script), scene.folder)


class AsyncSsh:
    """One process with asyncssh that says `true` to all hosts at a time."""

    name = "asyncssh"
    rolls_back = False

    def prepare(self, scene: Scene, revision: str) -> None:
        """Write the list of hosts."""
        asked = {
            "key": str(scene.key),
            "known_hosts": str(scene.known_hosts),
            "hosts": [(each.address, each.port) for each in scene.targets],
        }
        (scene.folder / "floor.json").write_text(json.dumps(asked))

    def command(self, scene: Scene, job: str) -> Command:
        """See floor.py."""
        return Command((sys.executable, str(HERE / "floor.py"), "floor.json"), scene.folder)


def deployer(*arguments: str, folder: Path) -> Command:
    """Return the command of this checkout with `arguments`, as it is installed beside this Python."""
    program = Path(sys.executable).with_name("deployer")
    return Command((str(program), *arguments), folder, _OF_THIS_CHECKOUT)


def importing_typer(folder: Path) -> Command:
    """Return what the start of a command line costs without any of ours."""
    return Command((sys.executable, "-c", "import typer"), folder)


def _ssh_config(scene: Scene) -> Path:
    return scene.folder / "ssh_config"
