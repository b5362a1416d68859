"""The rendered tree under the real nginx of this machine, in a folder of its own and on free ports."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from deployer.bundle import Bundle

RELEASE = "20261122T101500Z-3f9a1c"
NGINX = os.environ.get("TEST_NGINX", "/usr/sbin/nginx")
"""The nginx of this machine, or another one: TEST_NGINX=/path/to/nginx pytest tests/pure"""


def free_port() -> int:
    """A TCP port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def place(bundle: Bundle, root: Path, *, sites: tuple[str, ...]) -> Path:
    """Write the release as a host would have it, below `root`; return its nginx.conf."""
    tree = root / "releases" / RELEASE / "root"
    for path, file in bundle.files.items():
        target = tree / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_moved(file.at(RELEASE), root))
    for site in sites:
        write_certificate(root / "certs" / site)
    (root / "log").mkdir(exist_ok=True)
    return tree / "etc/nginx/nginx.conf"


def _moved(content: bytes, root: Path) -> bytes:
    """The same configuration, with the host's folders below `root` and without the host's user."""
    folder = str(root).encode()
    moved = content.replace(b"/etc/deployer/releases", folder + b"/releases")
    moved = moved.replace(b"/etc/deployer/certs", folder + b"/certs")
    moved = moved.replace(b"/var/log/nginx", folder + b"/log").replace(
        b"/run/nginx.pid", folder + b"/nginx.pid"
    )
    moved = re.sub(rb"(?m)^user .*$", b"user root;", moved)
    # Modules of this machine's nginx, which another one refuses.
    moved = re.sub(rb"(?m)^include /etc/nginx/modules-enabled/.*$", b"", moved)
    temporary = b"".join(
        b"    %s_temp_path %s/tmp_%s;\n" % (name, folder, name)
        for name in (b"client_body", b"proxy", b"fastcgi", b"uwsgi", b"scgi")
    )
    return moved.replace(b"http {\n", b"http {\n" + temporary, 1)


def write_certificate(folder: Path, *, rsa_bits: int = 0) -> None:
    """A self-signed certificate that nobody checks, with an EC key unless RSA is wanted."""
    key = rsa.generate_private_key(65537, rsa_bits) if rsa_bits else ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def check(configuration: Path) -> str:
    """What `nginx -t` says; empty when it has nothing to say."""
    assert shutil.which(NGINX), "these tests need the real nginx: apt-get install nginx-light"
    result = subprocess.run(
        [NGINX, "-t", "-q", "-c", str(configuration)], capture_output=True, text=True, check=False
    )
    return (
        result.stdout + result.stderr + (f"exit {result.returncode}" if result.returncode else "")
    ).strip()


@contextlib.contextmanager
def running(configuration: Path, *, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """nginx serves `configuration` while the block runs; gives its master process."""
    assert check(configuration) == ""
    process = subprocess.Popen([NGINX, "-c", str(configuration), "-g", "daemon off;"])
    try:
        await_port(port)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=10)


def version() -> tuple[int, ...]:
    """Of the nginx that these tests run."""
    said = subprocess.run([NGINX, "-v"], capture_output=True, text=True, check=True).stderr
    found = re.search(r"nginx/([0-9.]+)", said)
    assert found, said
    return tuple(int(part) for part in found[1].split("."))


def reload(master: "subprocess.Popen[bytes]") -> None:
    """Tell nginx to read its configuration again, and return once only new workers take connections."""
    children = Path(f"/proc/{master.pid}/task/{master.pid}/children")
    old = set(children.read_text().split())
    master.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 10
    while old & set(children.read_text().split()) or not children.read_text().strip():
        assert time.monotonic() < deadline, "old workers stay"
        time.sleep(0.02)


def await_port(port: int) -> None:
    """Return once something listens on `port`; ten seconds at most."""
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, f"nothing listens on port {port}"
            time.sleep(0.02)
        else:
            return
