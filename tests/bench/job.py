"""The job that every tool does, on which hosts; and how a tool is asked to do it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Protocol

from tests.bench import hosts, material
from tests.bench.hosts import Target
from tests.bench.measuring import Command
from tests.bench.places import HERE

FIRST, NOTHING, CHANGE, ROLLBACK, TRUE = "first", "nothing", "change", "rollback", "true"
JOBS = (FIRST, NOTHING, CHANGE, ROLLBACK)
"""What is measured of a tool that configures hosts; of a floor it is TRUE."""

_SECURE = ("www", "app")
"""The sites with TLS."""


@dataclass(frozen=True)
class Scene:
    """What a tool is to work on.

    Attributes:
        targets: The hosts, as they are to be reached.
        backend: `host:port` of what the sites pass requests on to.
        folder: For the files of all tools.
    """

    targets: tuple[Target, ...]
    backend: str
    folder: Path

    @property
    def key(self) -> Path:
        """The private key that every host lets in."""
        return hosts.login_key()

    @property
    def known_hosts(self) -> Path:
        """The file with all the hosts' keys."""
        return self.folder / "known_hosts"

    @property
    def certificates(self) -> Path:
        """The folder with NAME.pem and NAME.key of each site with TLS, and ca.pem."""
        return self.folder / "certificates"

    def write(self) -> None:
        """Write what the tools share."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lines = [f"{_bracketed(target)} {target.host_key}\n" for target in self.targets]
        self.known_hosts.write_text("".join(lines))
        material.certificates(self.certificates, _SECURE)

    def inventory(self, variables: Mapping[str, object]) -> dict[str, object]:
        """Return an inventory of Ansible's form, with `variables` beside those of the connection."""
        hosts = {
            each.name: {"ansible_host": each.address, "ansible_port": each.port} for each in self.targets
        }
        common = {"ansible_user": "root", "ansible_ssh_private_key_file": str(self.key)}
        return {"all": {"vars": {**common, **variables}, "hosts": hosts}}

    def filled(self, source: str, revision: str) -> str:
        """Return the file `source` of jobs/ with what this scene knows."""
        known = {"certificates": str(self.certificates), "backend": self.backend, "revision": revision}
        return Template((HERE / "jobs" / source).read_text()).substitute(known)

    def fill(self, source: str, target: Path, revision: str) -> None:
        """Write `source` as `filled` to `target`."""
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(self.filled(source, revision))


class Tool(Protocol):
    """One way to do the job.

    Attributes:
        name: In tables and on the command line.
        rolls_back: Whether it has a rollback of its own; to others it is the old files, applied again.
    """

    name: str
    rolls_back: bool

    def prepare(self, scene: Scene, revision: str) -> None:
        """Write what its user would have written, with `revision` as the header's value."""
        ...

    def command(self, scene: Scene, job: str) -> Command:
        """Return what its user would type; its files are prepared."""
        ...


def _bracketed(target: Target) -> str:
    return target.address if target.port == 22 else f"[{target.address}]:{target.port}"
