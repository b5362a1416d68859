"""What the host's script is told to do: lines of orders, then one archive."""

import base64
import io
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deployer.bundle import Bundle, Certificate, Command, Directory
from deployer.release import Record, manifest, manifest_lines


@dataclass(frozen=True)
class AcmeOrder:
    """One certificate that the host asks its CA for.

    Attributes:
        name: The site's name.
        names: The names to vouch for.
        directory: URL of the CA's directory.
        email: Of the account.
        key_type: `ecdsa` or `rsa`.
        own_roots: The host trusts its managed bundle at the directory, not the system's roots.
    """

    name: str
    names: Sequence[str]
    directory: str
    email: str
    key_type: str
    own_roots: bool = False

    def encode(self) -> str:
        """Return the order's fields; none of them can hold a blank or what a shell would expand."""
        roots = "own" if self.own_roots else "-"
        fields = (self.name, self.directory, self.email, self.key_type, roots, *self.names)
        return " ".join(fields)


@dataclass(frozen=True)
class Orders:
    """One run on one host, as the script reads it.

    Attributes:
        who: `user@controller`, for lock and journal.
        current: The release that the plan was made against, empty for none.
        target: The release to switch to.
        picked: The target is on the host already: a rollback, a reload that is owed, new certificates alone.
        keep: How many releases to keep.
        confirm_within: Seconds in which the switched host must be confirmed.
        go_within: Seconds in which the host must be told that it may switch.
        nginx: The nginx version that the templates were rendered for, empty where it does not matter.
        packages: To be installed.
        directories: To be made.
        links: Managed paths of the target.
        unlinks: Managed paths that the target no longer has.
        absent: Paths to be removed.
        restores: Paths that were removed once and come back.
        checks: Path and validation command.
        commands: To be run before validation.
        services: Name, action, and whether to enable.
        certificates: To be put in place.
        acme: To be asked for after the switch.
    """

    who: str
    current: str
    target: str
    picked: bool
    keep: int = 5
    confirm_within: int = 60
    go_within: int = 60
    nginx: str = ""
    packages: Sequence[str] = ()
    directories: Mapping[str, Directory] | None = None
    links: Sequence[str] = ()
    unlinks: Sequence[str] = ()
    absent: Sequence[str] = ()
    restores: Sequence[str] = ()
    checks: Sequence[tuple[str, str]] = ()
    commands: Sequence[Command] = ()
    services: Sequence[tuple[str, str, bool]] = ()
    certificates: Sequence[Certificate] = ()
    acme: Sequence[AcmeOrder] = ()

    def encode(self, archive: bytes) -> bytes:
        """Return the orders followed by `archive`, as the script reads them from its input."""
        lines = (
            f"who {self.who}",
            f"from {self.current or '-'}",
            f"to {self.target}",
            f"pick {'yes' if self.picked else 'no'}",
            f"keep {self.keep}",
            f"confirm-within {self.confirm_within}",
            f"go-within {self.go_within}",
            *([f"nginx {self.nginx}"] if self.nginx else ()),
            *(f"package {name}" for name in self.packages),
            *(
                f"dir {entry.mode:04o} {entry.owner} {entry.group} {path}"
                for path, entry in sorted((self.directories or {}).items())
            ),
            *(f"link {path}" for path in self.links),
            *(f"unlink {path}" for path in self.unlinks),
            *(f"absent {path}" for path in self.absent),
            *(f"restore {path}" for path in self.restores),
            *(f"check {path} {command}" for path, command in self.checks),
            *(f"command {_encoded(command)}" for command in self.commands),
            *(f"cert {certificate.name}" for certificate in self.certificates),
            *(f"service {name} {action} {'yes' if on else 'no'}" for name, action, on in self.services),
            *(f"acme {order.encode()}" for order in self.acme),
            f"tar {len(archive)}",
        )
        return "\n".join(lines).encode() + b"\n" + archive


def _encoded(command: Command) -> str:
    return " ".join(
        base64.b64encode(text.encode()).decode() if text else "-"
        for text in (command.creates, command.unless, command.run)
    )


def archive(
    bundle: Bundle | None, record: Record | None, certificates: Sequence[Certificate], *, sites: bytes = b""
) -> bytes:
    """Pack a new release and new certificates as one tar.

    Args:
        bundle: Its files go below `root/`; None where no new release is made.
        record: Who made it of what; its `release` is the name that the files are written for.
        certificates: They go below `certs/NAME/`.
        sites: What the sites are in this release, for its sites.json, which only root may read.

    Returns:
        An uncompressed tar with modes, without owners or times: the manifest says who owns what. Empty bytes
        where there is nothing to send.
    """
    members = {
        f"certs/{each.name}/{name}": (content, 0o600)
        for each in certificates
        for name, content in (("fullchain.pem", each.fullchain), ("privkey.pem", each.key.reveal().encode()))
    }
    if bundle is not None and record is not None:
        members |= {
            f"root{path}": (file.at(record.release), file.mode) for path, file in bundle.files.items()
        }
        members["manifest"] = manifest_lines(manifest(bundle, record.release)).encode(), 0o644
        members["release.json"] = record.to_json().encode() + b"\n", 0o644
        members["asks"] = _asks(bundle).encode(), 0o644
        if sites:
            members["sites.json"] = sites, 0o600
    return _tar(members) if members else b""


def _asks(bundle: Bundle) -> str:
    """What the next look at the host should tell, so that one round trip is enough."""
    questions = (
        *(f"package:{name}" for name in bundle.packages),
        *(f"service:{service.name}" for service in bundle.services),
        *(f"dir:{path}" for path in sorted(bundle.directories)),
        *(f"file:{path}" for path in sorted(bundle.absent)),
    )
    return "".join(f"{question}\n" for question in questions)


def _tar(members: Mapping[str, tuple[bytes, int]]) -> bytes:
    """Pack members by name, each its content and mode."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, (content, mode) in sorted(members.items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mode = mode
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
