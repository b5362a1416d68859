"""Where the lab lives: its files, and what is made while it is up."""

import hashlib
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deployer import resources
from deployer.errors import LabError

_GENERATED = ("host_vars", "group_vars")


@dataclass(frozen=True)
class Home:
    """A folder with `docker-compose.yml` and `lab/`; what is made goes to `.lab/` and `lab/*_vars/`.

    Attributes:
        root: The checkout, or a copy of the installed files where the user may write.
        source: Where the files are copied from; `root` itself in a checkout.
    """

    root: Path
    source: Path

    @property
    def files(self) -> Path:
        """Inventory, roles and images."""
        return self.root / "lab"

    @property
    def state(self) -> Path:
        """Keys, CA and logs."""
        return self.root / ".lab"

    @property
    def inventory(self) -> Path:
        """The inventory that `deployer lab up` applies."""
        return self.files / "inventory.yaml"

    @property
    def setup(self) -> Path:
        """The script that makes a machine able to run the lab."""
        return self.files / "setup"

    @property
    def ca(self) -> Path:
        """The certificate to trust; made when the inventory is first applied."""
        return self.state / "ca" / "ca.pem"

    @property
    def key(self) -> Path:
        """The private key that opens the lab's hosts."""
        return self.state / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        """The host keys of the lab's hosts, as ssh reads them."""
        return self.state / "known_hosts"

    @property
    def project(self) -> str:
        """The compose project; two checkouts have two."""
        return project_name(self.root)

    def prepare(self) -> None:
        """Make the folders, and bring an installed copy up to date.

        Raises:
            LabError: The folder cannot be written.
        """
        try:
            self.state.mkdir(mode=0o755, parents=True, exist_ok=True)
            if self.source != self.root:
                _copy(self.source, self.root)
        except OSError as error:
            raise LabError(
                f"the lab cannot be kept in {self.root}: {error.strerror}",
                next_step="set XDG_STATE_HOME to a folder that you may write",
            ) from error

    def clear(self) -> None:
        """Remove what was made, except the log of a Docker engine that `lab/setup` started."""
        for name in _GENERATED:
            shutil.rmtree(self.files / name, ignore_errors=True)
        for path in (self.key, self.key.with_suffix(".pub"), self.known_hosts, self.state / "compose.log"):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.ca.parent, ignore_errors=True)
        if self.source != self.root:
            shutil.rmtree(self.files, ignore_errors=True)
            (self.root / "docker-compose.yml").unlink(missing_ok=True)
        for folder in (self.state, self.root):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def find(share: Path | None = None, environ: Mapping[str, str] = os.environ) -> Home:
    """Return the lab's home: the checkout, or for an installed deployer a folder of the user's state.

    Args:
        share: Where the files come from; default: what this deployer carries.
        environ: Read for `XDG_STATE_HOME`.
    """
    source = share or resources.share()
    if (source / "pyproject.toml").is_file():
        return Home(root=source, source=source)
    state = environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Home(root=Path(state) / "deployer" / "lab", source=source)


def project_name(root: Path) -> str:
    """Return the compose project's name for the lab in `root`: the folder's name and a hash of its path.

    Compose allows lower-case letters, digits, `-` and `_`.
    """
    path = root.resolve()
    slug = re.sub(r"[^a-z0-9]+", "-", path.name.lower()).strip("-") or "lab"
    return f"deployer-{slug[:20]}-{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"


def _copy(source: Path, root: Path) -> None:
    ignored = shutil.ignore_patterns(*_GENERATED)
    shutil.copytree(source / "lab", root / "lab", ignore=ignored, dirs_exist_ok=True)
    shutil.copy2(source / "docker-compose.yml", root / "docker-compose.yml")
