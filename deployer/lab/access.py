"""How deployer gets into the lab's hosts: a key pair made here, host keys read through Docker."""

import os
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deployer.lab.engine import Engine
from deployer.lab.home import Home
from deployer.lab.status import LabStatus, Member

_AUTHORIZE = (
    'umask 077; printf "%s\\n" "$LAB_KEY" >/home/deploy/.ssh/authorized_keys'
    " && chown deploy:deploy /home/deploy/.ssh/authorized_keys"
)


def key_pair(path: Path) -> str:
    """Make the key pair `path` and `path`.pub unless it is there; return the public line.

    The private key is in OpenSSH's form, mode 0600 from its first byte on.
    """
    public = path.with_suffix(".pub")
    if not (path.is_file() and public.is_file()):
        path.unlink(missing_ok=True)
        private = Ed25519PrivateKey.generate()
        text = private.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.OpenSSH, pem.NoEncryption())
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text)
        line = private.public_key().public_bytes(pem.Encoding.OpenSSH, pem.PublicFormat.OpenSSH)
        public.write_bytes(line + b" deployer-lab\n")
    return public.read_text().strip()


def known_hosts(keys: Mapping[str, str]) -> str:
    """Return the text of a known_hosts file.

    Args:
        keys: `127.0.0.1:32801` to the host's public keys, one per line, as in /etc/ssh/*.pub.
    """
    lines = []
    for published, text in keys.items():
        host, _, port = published.rpartition(":")
        lines += [f"[{host}]:{port} {' '.join(line.split()[:2])}\n" for line in text.splitlines() if line]
    return "".join(lines)


def open_hosts(home: Home, engine: Engine, status: LabStatus) -> None:
    """Let the lab's key into every host with sshd, and note their host keys.

    The keys come through Docker, not from the network: what is noted is what the host has.
    """
    public = key_pair(home.key)
    reachable = {edge.ports["22/tcp"]: edge for edge in status.edges if "22/tcp" in edge.ports}
    for edge in reachable.values():
        engine.run(edge.container, ["sh", "-c", _AUTHORIZE], environment={"LAB_KEY": public})
    keys = {published: _host_keys(engine, edge) for published, edge in reachable.items()}
    home.known_hosts.write_text(known_hosts(keys))


def _host_keys(engine: Engine, edge: Member) -> str:
    return engine.run(edge.container, ["sh", "-c", "cat /etc/ssh/ssh_host_*_key.pub"])
