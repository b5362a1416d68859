"""deployer, as the benchmark runs it on simulated hosts."""

import shutil
from pathlib import Path

from tests.bench.job import Scene
from tests.bench.measuring import Command
from tests.bench.ours import Deployer, deployer
from tests.bench.places import CHECKOUT


class OnSimulated(Deployer):
    """The same job; a role `nginx` beside the inventory differs in one word: it finds nginx on PATH."""

    def command(self, scene: Scene, job: str) -> Command:
        """As a user would type it, with as many hosts at a time as nothing said means."""
        return deployer("apply", "inventory.yaml", folder=scene.folder / self.name)

    def prepare(self, scene: Scene, revision: str) -> None:
        """Write the inventory and the role."""
        super().prepare(scene, revision)
        role = scene.folder / self.name / "roles" / "nginx"
        shutil.copytree(CHECKOUT / "roles" / "nginx", role, dirs_exist_ok=True)
        _replace(role / "tasks" / "main.yml", "/usr/sbin/nginx -t", "nginx -t")


def _replace(file: Path, former: str, new: str) -> None:
    file.write_text(file.read_text(encoding="utf-8").replace(former, new), encoding="utf-8")
