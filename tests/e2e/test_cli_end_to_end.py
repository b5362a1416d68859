"""What an operator meets before and around an apply: mistakes, hosts that do not answer, secrets."""

import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from operating import Desk, Typed, nginx_of
from secrets_seen import Processes
from testinfra.host import Host as Machine
from visiting import Lab

HELLO = ("- path: /hello", "  redirect: {to: /one, status: 302}")
PASSWORD = "korrekt-pferd-batterie-2026"
CLERK = "clerk"
FIRST_SITE_TLS = """            server_names: [abc.test, www.abc.test]
            tls:
              local_ca: {directory: ../.lab/ca}
"""
OWN_TLS = """            server_names: [abc.test, www.abc.test]
            tls:
              files: {certificate: own.pem, key: own.key}
"""
TEN_MISTAKES = """all:
  vars:
    ansible_usr: deploy
    ansible_become: perhaps
  hosts:
    trap: {{ansible_host: 127.0.0.1, ansible_port: {port}}}
  vras: {{}}
  children:
    edge:
      hosts:
        trap:
      vars:
        sites:
          - name: abc
            server_names: ["www abc.com"]
            tls: {{files: {{certificate: abc.pem}}}}
            locations:
              - path: /app/
                php: {{fpm: unix:/run/php.sock, front_controler: index.php, root: /srv/www/app}}
              - path: /sh/
                php: {{fpm: unix:/run/php.sock}}
              - path: /api/
                proxy: {{upstream: 10.0.0.7:99999}}
              - path: /wss
                websocket: {{upstream: 127.0.0.1:8888, idle_timeout: soon}}
              - path: /both
                static: {{root: /srv}}
                redirect: {{to: /}}
"""


@contextmanager
def trap() -> Iterator[socket.socket]:
    """A listener that nobody should ever call."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        yield listener


def was_called(listener: socket.socket) -> bool:
    try:
        listener.accept()[0].close()
    except TimeoutError:
        return False
    return True


def test_ten_mistakes_are_ten_problems_with_their_places_and_nothing_is_contacted(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with trap() as listener:
        desk.inventory.write_text(TEN_MISTAKES.format(port=listener.getsockname()[1]))

        document = desk.type("apply", "--json", expect_exit=2).document
        text = desk.type("apply", expect_exit=2).stderr

        assert not was_called(listener)
    places = [(problem["line"], problem["path"]) for problem in document["problems"]]
    assert len(places) == 10, document["problems"]
    assert all(line for line, _ in places)
    assert {problem["file"] for problem in document["problems"]} == {"inventory.yaml"}
    lines = TEN_MISTAKES.splitlines()
    blamed = "\n".join(lines[line - 1] for line, _ in places)
    for wrong in (
        "ansible_usr",
        "perhaps",
        "vras",
        "www abc.com",
        "abc.pem",
        "front_controler",
        "99999",
        "soon",
    ):
        assert wrong in blamed
    assert "10 problems; nothing was contacted" in text
    assert document["hosts"] == []


def test_a_host_that_does_not_answer_does_not_keep_another_from_its_change(lab: Lab, desk: Desk) -> None:
    desk.add_location(*HELLO)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        desk.set_for("edge1", "ansible_port", nobody.getsockname()[1])

        ended = desk.type("apply", "--limit", "edge1,edge2", "--json", expect_exit=4)

    away = ended.hosts["edge1"]
    assert (away["state"], away["phase"]) == ("unreachable", "connect")
    assert "refused" in away["message"]
    assert away["next_step"]
    assert ended.hosts["edge2"]["state"] == "changed"
    assert lab.get("/hello", edge="edge2").headers["location"] == "/one"


def test_a_host_with_another_key_than_known_is_not_entered(lab: Lab, desk: Desk) -> None:
    known = Path(desk.host("edge1").settings.ansible_ssh_known_hosts_file or "").read_text().splitlines()
    address = lab.address("edge1", "ssh")
    other = lab.address("edge2", "ssh")
    forged = [
        line.replace(f"]:{other.port} ", f"]:{address.port} ") for line in known if f"]:{other.port} " in line
    ]
    file = desk.folder / "known_hosts"
    file.write_text("\n".join(forged) + "\n")
    desk.set_for("edge1", "ansible_ssh_known_hosts_file", str(file))

    outcome = desk.type("apply", "--limit", "edge1", "--json", expect_exit=4).host

    assert (outcome["state"], outcome["phase"]) == ("unreachable", "connect")
    assert "host key" in outcome["message"]
    assert outcome["next_step"]


class OwnCertificate:
    """A certificate and its key, in two files beside the inventory."""

    def __init__(self, folder: Path, *names: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        now = datetime.now(UTC)
        self.serial = x509.random_serial_number()
        self.certificate = (
            x509.CertificateBuilder(subject, subject, key.public_key(), self.serial)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=90))
            .add_extension(
                x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        self.key_text = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        (folder / "own.pem").write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        (folder / "own.key").write_text(self.key_text)

    @property
    def key_lines(self) -> list[str]:
        """The lines that make the key secret."""
        return [line for line in self.key_text.splitlines() if not line.startswith("-----")]


def served_serial(lab: Lab) -> int:
    """The serial number of the certificate that edge1 serves."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection(lab.address("edge1"), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="abc.test") as secure,
    ):
        served = secure.getpeercert(binary_form=True)
    assert served
    return x509.load_der_x509_certificate(served).serial_number


@pytest.fixture
def clerk(lab: Lab, desk: Desk) -> Iterator[Machine]:
    """A user of edge1 whom sudo asks for a password."""
    machine = lab.container("edge1")
    machine.run("userdel -rf %s", CLERK)  # of a run that was killed
    machine.check_output("useradd -m -s /bin/bash %s", CLERK)
    machine.check_output("printf '%%s:%%s' %s %s | chpasswd", CLERK, PASSWORD)
    machine.check_output("printf '%%s ALL=(ALL:ALL) ALL\\n' %s >/etc/sudoers.d/%s", CLERK, CLERK)
    machine.check_output("cp -a /home/deploy/.ssh /home/%s/ && chown -R %s: /home/%s/.ssh", *[CLERK] * 3)
    yield machine
    machine.check_output("rm -f /etc/sudoers.d/%s; userdel -rf %s 2>&1", CLERK, CLERK)


def told(ended: Typed) -> str:
    return ended.stdout + ended.stderr


def test_no_secret_is_ever_printed_or_passed_where_others_can_see_it(
    lab: Lab, desk: Desk, clerk: Machine
) -> None:
    own = OwnCertificate(desk.folder, "abc.test", "www.abc.test")
    desk.edit(FIRST_SITE_TLS, OWN_TLS)
    desk.add_location(*HELLO)
    as_clerk = ("--limit", "edge1", "--set", f"ansible_user={CLERK}", "--debug")
    secrets = [PASSWORD, *own.key_lines]

    with Processes(secrets) as seen:
        refused = desk.type("apply", *as_clerk, "--json", expect_exit=4)
        mistyped = desk.type("apply", *as_clerk, "-K", "--json", stdin="wrong\n", expect_exit=4)
        asked = desk.type("apply", *as_clerk, "-K", "-v", "--diff", "--json", stdin=f"{PASSWORD}\n")
        desk.set_for("edge1", "ansible_become_password", PASSWORD)
        text = desk.type("apply", *as_clerk, "-v", "--diff")
        renderings = desk.type("render", "--limit", "edge1", "--json")

    assert refused.host["message"].startswith("sudo refused")
    assert mistyped.host["message"].startswith("sudo refused")
    assert refused.host["next_step"].startswith("-K asks for sudo's password")
    assert asked.host["state"] == "changed"
    assert served_serial(lab) == own.serial
    for secret in secrets:
        assert all(secret not in told(ended) for ended in (refused, mistyped, asked, text, renderings))
        assert (
            clerk.run("grep -rqF -e %s /var/lib/deployer /etc/deployer/releases /var/log /tmp", secret).rc
            == 1
        )
        assert (
            subprocess.run(["grep", "-rqF", "-e", secret, desk.folder / "rendered"], check=False).returncode
            == 1
        )
    assert seen.looks > 10
    assert seen.found == set()
    key = clerk.file("/etc/deployer/certs/abc/privkey.pem")
    stored = clerk.file(clerk.check_output("readlink -f %s", key.path))
    assert (stored.mode, stored.user, stored.group) == (0o600, "root", "root")
    assert stored.content_string == own.key_text


def test_a_new_certificate_is_served_after_a_reload(lab: Lab, desk: Desk) -> None:
    desk.edit(FIRST_SITE_TLS, OWN_TLS)
    first = OwnCertificate(desk.folder, "abc.test", "www.abc.test")
    desk.type("apply", "--limit", "edge1", "--json")
    before = nginx_of(lab.container("edge1"))
    assert served_serial(lab) == first.serial

    second = OwnCertificate(desk.folder, "abc.test", "www.abc.test")
    outcome = desk.type("apply", "--limit", "edge1", "--json").host

    assert served_serial(lab) == second.serial
    assert nginx_of(lab.container("edge1")).master == before.master
    assert {(change["kind"], change["subject"]) for change in outcome["changes"]} == {
        ("certificate", "abc"),
        ("service", "nginx"),
    }
    assert desk.type("apply", "--limit", "edge1", "--json").host["state"] == "unchanged"


def test_a_key_that_does_not_fit_is_refused_before_any_contact(desk: Desk) -> None:
    OwnCertificate(desk.folder, "abc.test", "www.abc.test")
    certificate = (desk.folder / "own.pem").read_bytes()
    OwnCertificate(desk.folder, "abc.test", "www.abc.test")
    (desk.folder / "own.pem").write_bytes(certificate)
    desk.edit(FIRST_SITE_TLS, OWN_TLS)
    with trap() as listener:
        desk.set_for("edge1", "ansible_port", listener.getsockname()[1])

        document = desk.type("apply", "--limit", "edge1", "--json", expect_exit=2).document

        assert not was_called(listener)
    (problem,) = document["problems"]
    assert problem["line"] == desk.line_of("own.key")
    assert "does not" in problem["sentence"]
