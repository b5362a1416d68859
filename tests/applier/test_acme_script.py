"""ACME on the host: the script's orders to certbot, and the deploy hook, with a certbot that asks nobody."""

import asyncio
import fcntl
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import Machine, free_port

from deployer.applier import AcmeOrder, Applied, Orders
from deployer.bundle import Bundle, Certificate, File
from deployer.certs.issue import issue_self_signed
from deployer.model.site import Site
from deployer.transport import Result
from deployer.transport.local import LocalTransport

DIRECTORY = "https://ca.test/dir"
HOOK = "/etc/letsencrypt/deployer-deploy"
SITES = "/etc/letsencrypt/deployer-sites"
SITE = Site.model_validate(
    {"name": "abc", "server_names": "abc.test", "locations": [{"path": "/", "redirect": {"to": "/a"}}]}
)
ORDER = AcmeOrder("abc", ("abc.test",), DIRECTORY, "ops@abc.test", "ecdsa")

CERTBOT = """#!/bin/sh
# Has what a CA would have issued in ROOT/ca; without it, the CA says no.
while [ $# -gt 0 ]; do
    case "$1" in
        --server) server=$2 ;;
        --config-dir) config=$2 ;;
        --cert-name) name=$2 ;;
        --deploy-hook) hook=$2 ;;
    esac
    shift
done
refusals="$DEPLOYER_ROOT/ca/refusals"
if [ -s "$refusals" ]; then
    # As certbot 2.1 with Python 3.11: what the CA said is in the log alone.
    mkdir -p "$DEPLOYER_ROOT/var/log/letsencrypt"
    log="$DEPLOYER_ROOT/var/log/letsencrypt/letsencrypt.log"
    sed -n '1s/^/acme.messages.Error: /p' "$refusals" >>"$log"
    sed -i 1d "$refusals"
    echo 'An unexpected error occurred:' >&2
    echo "AttributeError: can't set attribute" >&2
    exit 1
fi
[ -f "$DEPLOYER_ROOT/ca/fullchain.pem" ] || {
    printf '  Domain: abc.test\\n  Type:   dns\\n  Detail: no A record\\n' >&2
    exit 1
}
mkdir -p "$config/live/$name" "$config/renewal"
cp "$DEPLOYER_ROOT"/ca/*.pem "$config/live/$name/"
printf 'version = 2.1.0\\nserver = %s\\n' "$server" >"$config/renewal/$name.conf"
RENEWED_LINEAGE="$config/live/$name" "$hook" || printf 'the hook failed\\n'
"""


class Tls:
    """The machine with one TLS site, and a CA that issues what it is given."""

    def __init__(self, machine: Machine) -> None:
        self.machine, self.port = machine, free_port()
        machine.write("bin/certbot", CERTBOT, executable=True)
        self.bootstrap = new()

    def bundle(self) -> Bundle:
        live = self.machine.path("/etc/deployer/certs/abc")
        plain = self.machine.bundle(
            f"listen 127.0.0.1:{self.port} ssl; ssl_certificate {live}/fullchain.pem; "
            f"ssl_certificate_key {live}/privkey.pem; return 200 one;"
        )
        hook = Path(__file__).parents[2] / "roles/nginx/files/deployer-deploy"
        new = {HOOK: File(hook.read_bytes(), mode=0o755), SITES: File(b"abc\n")}
        return replace(plain, files={**plain.files, **new})

    def give(self, certificate: Certificate, *, key: Certificate | None = None) -> None:
        """Let the CA issue this; with the key of another one, if that is asked for."""
        self.machine.write("ca/fullchain.pem", certificate.fullchain.decode())
        self.machine.write("ca/privkey.pem", (key or certificate).key.reveal())

    def apply(self, decision: str = "") -> Applied:
        def change(orders: Orders) -> Orders:
            return replace(orders, acme=(ORDER,))

        certificates = () if self.link else (self.bootstrap,)
        return self.machine.apply(self.bundle(), certificates=certificates, change=change, decision=decision)[
            0
        ]

    @property
    def link(self) -> str:
        live = self.machine.path("/etc/deployer/certs/abc")
        return str(live.readlink()) if live.is_symlink() else ""

    @property
    def stored(self) -> set[str]:
        return {f".store/{path.name}" for path in self.machine.path("/etc/deployer/certs/.store").iterdir()}

    def served(self) -> str:
        return ssl.get_server_certificate(("127.0.0.1", self.port), timeout=10)

    async def renew(self) -> Result:
        """Call the hook as certbot does at night."""
        lineage = self.machine.path("/etc/letsencrypt/live/deployer-abc")
        for file in self.machine.path("ca").iterdir():
            self.machine.write(f"/etc/letsencrypt/live/deployer-abc/{file.name}", file.read_text())
        path = f"PATH={self.machine.root}/bin:/usr/sbin:/usr/bin:/bin"
        root = f"DEPLOYER_ROOT={self.machine.root}"
        hook = str(self.machine.path(HOOK))
        return await LocalTransport().run(("env", path, root, f"RENEWED_LINEAGE={lineage}", "dash", hook))


def new() -> Certificate:
    return issue_self_signed(SITE, datetime.now(UTC))


@pytest.fixture
def tls(machine: Machine) -> Tls:
    return Tls(machine)


def test_what_the_ca_issues_serves_at_the_end_of_the_same_apply(tls: Tls) -> None:
    issued = new()
    tls.give(issued)

    applied = tls.apply()

    assert (applied.ending, applied.unissued) == ("ok", {})
    assert tls.served() == issued.fullchain.decode()
    assert [event[0] for event in tls.machine.events if event.kind in ("issuing", "issued")] == ["abc"] * 2
    seen = tls.machine.observe("journal")
    assert seen.certificates["abc"] == issued.fullchain
    assert seen.renewals == {"abc": DIRECTORY}
    assert any(f"issued abc by {DIRECTORY}" in line for line in seen.journal)


def test_a_ca_that_says_no_is_no_reason_to_go_back(tls: Tls) -> None:
    applied = tls.apply()

    assert applied.ending == "ok"
    assert applied.unissued["abc"][-1].strip() == "Detail: no A record"
    assert tls.served() == tls.bootstrap.fullchain.decode()
    assert tls.machine.observe().renewals == {}


NONCE = "urn:ietf:params:acme:error:badNonce :: unacceptable :: JWS has an invalid anti-replay nonce: x"


@pytest.mark.parametrize(("refusals", "said"), [(1, {}), (2, {"abc": (NONCE,)})])
def test_a_ca_that_refuses_a_nonce_is_asked_once_more(
    tls: Tls, refusals: int, said: dict[str, tuple[str, ...]]
) -> None:
    tls.give(new())
    tls.machine.write("ca/refusals", f"{NONCE}\n" * refusals)

    applied = tls.apply()

    assert (applied.ending, applied.unissued) == ("ok", said)


def test_what_the_ca_said_is_told_where_certbot_hides_it(tls: Tls) -> None:
    limited = "urn:ietf:params:acme:error:rateLimited :: too many requests :: retry after an hour"
    tls.machine.write("ca/refusals", f"{limited}\n" * 2)

    applied = tls.apply()

    assert applied.unissued == {"abc": (limited,)}
    assert tls.machine.path("ca/refusals").read_text() == f"{limited}\n"


def test_what_was_issued_stays_when_the_release_goes_back(tls: Tls) -> None:
    issued = new()
    tls.apply()
    tls.give(issued)

    assert tls.apply("a probe failed").ending == "reverted"

    assert tls.served() == issued.fullchain.decode()


def test_a_pair_that_nginx_refuses_leaves_the_old_one(tls: Tls) -> None:
    tls.give(new(), key=new())

    applied = tls.apply()

    assert applied.ending == "ok"
    assert any("key values mismatch" in line for line in applied.unissued["abc"])
    assert tls.served() == tls.bootstrap.fullchain.decode()
    assert tls.stored == {tls.link}


def test_a_renewal_on_the_host_alone_serves_at_once_and_tidies_up(tls: Tls) -> None:
    tls.give(new())
    tls.apply()
    master, before = tls.machine.master(), tls.link
    renewed = new()
    tls.give(renewed)

    assert asyncio.run(tls.renew()).exit_code == 0

    assert tls.served() == renewed.fullchain.decode()
    assert tls.machine.master() == master
    assert tls.link != before
    assert tls.stored == {tls.link}
    store = tls.machine.path("/etc/deployer/certs") / tls.link
    assert store.stat().st_mode & 0o777 == 0o700
    assert (store / "privkey.pem").stat().st_mode & 0o777 == 0o600
    assert tls.machine.observe().certificates["abc"] == renewed.fullchain


def test_a_renewal_that_nginx_refuses_is_undone_and_told(tls: Tls) -> None:
    tls.apply()
    before = tls.link
    tls.give(new(), key=new())

    ended = asyncio.run(tls.renew())

    assert ended.exit_code == 1
    assert "nginx does not take the new certificate" in ended.stderr
    assert tls.link == before
    assert tls.served() == tls.bootstrap.fullchain.decode()
    assert "not renewed" in tls.machine.observe("journal").journal[-1]


@contextmanager
def held(machine: Machine) -> Iterator[None]:
    with machine.path("/etc/deployer/lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def test_a_renewal_waits_for_an_apply(tls: Tls) -> None:
    tls.apply()
    before = tls.link
    tls.give(new())

    async def both() -> int:
        with held(tls.machine):
            renewal = asyncio.create_task(tls.renew())
            await asyncio.sleep(1)
            assert tls.link == before
        return (await renewal).exit_code

    assert asyncio.run(both()) == 0
    assert tls.link != before


@pytest.mark.parametrize("name", ["theirs", "deployer-def", "deployer-ab"])
def test_the_hook_leaves_alone_what_is_no_acme_site_of_ours(tls: Tls, name: str) -> None:
    tls.apply()
    before = tls.link
    hook = str(tls.machine.path(HOOK))
    theirs = f"RENEWED_LINEAGE=/etc/letsencrypt/live/{name}"

    ended = asyncio.run(
        LocalTransport().run(("env", f"DEPLOYER_ROOT={tls.machine.root}", theirs, "dash", hook))
    )

    assert ended.exit_code == 0
    assert (tls.link, tls.stored) == (before, {before})
