"""Pebble, the lab's ACME server, and a host of the test's own that gets its certificate there."""

import json
import ssl
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import create_connection

import docker
from cryptography import x509
from operating import OwnHost, own_host, wait_for
from sockets import WebSocket
from visiting import Lab

DIRECTORY = "https://pebble:14000/dir"
LIKE = {"bookworm": "edge1", "trixie": "edge2"}
"""A host of the lab with that release of Debian."""


@dataclass(frozen=True)
class Pebble:
    """The lab's CA and its DNS server."""

    lab: Lab

    @property
    def minica(self) -> str:
        """What vouches for the directory itself, in PEM."""
        return self._run("cat minica.pem")

    @property
    def root(self) -> str:
        """What visitors trust, in PEM; another one after each start."""
        return self._run("curl -sf --cacert minica.pem https://localhost:15000/roots/0")

    def resolve(self, name: str, address: str) -> None:
        """Let the CA find `name` at `address`."""
        self._post("clear-a", {"host": name})
        self._post("add-a", {"host": name, "addresses": [address]})

    @contextmanager
    def down(self) -> Iterator[None]:
        """Stop the CA, and start it again."""
        member = self.lab.status.member("pebble")
        assert member is not None
        client = docker.from_env()
        container = client.containers.get(member.container)
        container.stop(timeout=2)
        try:
            yield
        finally:
            container.start()
            wait_for(lambda: not self.lab.status.waiting, sentence="pebble does not come back")
            client.close()

    def _post(self, what: str, document: dict[str, object]) -> None:
        self._run(f"curl -sf -d '{json.dumps(document)}' http://127.0.0.1:8055/{what}")

    def _run(self, command: str) -> str:
        return str(self.lab.container("pebble").check_output(command))


@dataclass
class Certified:
    """A host of the test's own with one site by ACME and a WebSocket on it."""

    pebble: Pebble
    own: OwnHost
    name: str

    def write(self, *, names: tuple[str, ...] = ()) -> None:
        """Write the inventory and the CA's roots as they are now, and tell its DNS of the host."""
        self.pebble.resolve(self.name, self.own.address)
        desk = self.own.desk
        (desk.folder / "minica.pem").write_text(self.pebble.minica)
        (desk.folder / "root.pem").write_text(self.pebble.root)
        echo = self.pebble.lab.status.member("echo")
        assert echo is not None
        desk.inventory.write_text(
            textwrap.dedent(f"""\
            all:
              hosts:
                own:
                  ansible_connection: docker
                  ansible_host: {self.own.name}
                  sites:
                    - name: shop
                      server_names: {json.dumps(names or (self.name,))}
                      tls:
                        acme:
                          email: ops@shop.test
                          directory: {DIRECTORY}
                          ca_bundle: minica.pem
                          trust: root.pem
                      locations:
                        - path: /wss
                          websocket: {{upstream: "{echo.address}:8888"}}
                        - path: /
                          redirect: {{to: "https://elsewhere.test/"}}
            """)
        )

    def served(self) -> x509.Certificate:
        """The certificate on the wire, whoever vouches for it."""
        trust = ssl.create_default_context()
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
        return self._greet(trust)

    def proven(self) -> x509.Certificate:
        """The certificate on the wire, which a visitor who trusts Pebble's root accepts."""
        return self._greet(self._trust())

    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.own.desk.folder / "root.pem"))

    def _greet(self, trust: ssl.SSLContext) -> x509.Certificate:
        with (
            create_connection((self.own.address, 443), timeout=10) as plain,
            trust.wrap_socket(plain, server_hostname=self.name) as connection,
        ):
            leaf = connection.getpeercert(binary_form=True)
        assert leaf is not None
        return x509.load_der_x509_certificate(leaf)

    def websocket(self) -> WebSocket:
        """An open WebSocket to the echo."""
        return WebSocket(f"wss://{self.name}/wss", host=self.own.address, port=443, ssl=self._trust())

    def renew(self) -> int:
        """Do what the host's timer does, as if the certificate were about to end; the unit's exit code."""
        # What certbot itself calls "soon" is longer than the life of any certificate.
        self.own.machine.check_output(
            "f=/etc/letsencrypt/renewal/deployer-shop.conf; sed -i '/^renew_before_expiry/d' $f && "
            "sed -i '1i renew_before_expiry = 20000 days' $f"
        )
        return int(self.own.machine.run("systemctl start certbot.service").rc)


@contextmanager
def certified(lab: Lab, folder: Path, *, release: str) -> Iterator[Certified]:
    """A bare host of a Debian release, whose one name the CA finds; nothing is applied yet."""
    pebble = Pebble(lab)
    with own_host(lab, folder, like=LIKE[release]) as own:
        host = Certified(pebble, own, f"{release}-{own.address.rpartition('.')[2]}.shop.test")
        host.write()
        yield host
