"""What a look costs the host, and that nothing it spares makes it wrong."""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Machine
from pair import make_pair

from deployer.bundle import Bundle, Certificate, Directory
from deployer.drift import CURRENT_ROOT

STATUS = "/var/lib/dpkg/status"


def usual(machine: Machine) -> Bundle:
    """A bundle that lets a look ask for everything that most hosts have."""
    return replace(
        machine.bundle(srv_www_index="hello"),
        packages=("nginx", "php-fpm"),
        directories={"/srv/www": Directory(0o755, "root", "root")},
        absent=frozenset({"/etc/nginx/sites-enabled/default"}),
    )


@pytest.fixture
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_pair(tmp_path_factory.mktemp("pair"))


@pytest.fixture
def settled(machine: Machine, certificate: Certificate) -> Machine:
    """A host that needs nothing."""
    machine.write(STATUS, "Package: nginx\n")
    machine.path("/var/lib/dpkg/updates").mkdir()
    applied, _ = machine.apply(usual(machine), certificates=(certificate,))
    assert applied.ending == "ok"
    return machine


def counted(machine: Machine) -> int:
    """How many processes the shell starts for a look: a space of their own numbers them in turn."""
    counts = machine.root / "count"
    shell = machine.path("bin/shell")
    machine.write("bin/counted", shell.read_text(), executable=True)
    machine.write(
        "bin/shell",
        '#!/bin/sh\nexec unshare --pid --fork dash -c \'"$@"; dash -c "echo \\$\\$" >'
        f'{counts}\' count {machine.root}/bin/counted "$@"\n',
        executable=True,
    )
    machine.observe()
    machine.path("bin/counted").replace(shell)
    # The first is the one that counts, the second the shell of the look, the last tells its number.
    return int(counts.read_text()) - 3


def test_a_look_that_finds_nothing_to_do_starts_four_processes(settled: Machine) -> None:
    assert counted(settled) == len(("awk", "find", "sha256sum", "perl"))


def asked(machine: Machine) -> Path:
    """A file that gets a line for each time that dpkg is asked."""
    log = machine.root / "asked"
    log.write_text("")
    machine.write(
        "bin/dpkg-query",
        f"#!/bin/sh\necho asked >>{log}\nshift 3\n"
        'for name; do printf "%s\\tinstalled\\t2.0\\n" "$name"; done\n',
        executable=True,
    )
    return log


def test_what_is_installed_is_asked_again_when_dpkg_has_done_something(settled: Machine) -> None:
    log = asked(settled)
    assert settled.observe().packages == {"nginx": "1.0", "php-fpm": "1.0"}
    assert log.read_text() == ""

    before = settled.path(STATUS).stat()
    settled.write(STATUS, "Package: xnginx\n"[:15])
    os.utime(settled.path(STATUS), ns=(before.st_atime_ns, before.st_mtime_ns))
    assert settled.path(STATUS).stat().st_size == before.st_size

    assert settled.observe().packages == {"nginx": "2.0", "php-fpm": "2.0"}
    assert log.read_text() == "asked\n"


def test_a_look_at_a_package_that_no_run_knew_asks_for_that_one(settled: Machine) -> None:
    log = asked(settled)

    seen = settled.observe("package:tomcat10")

    assert seen.packages == {"nginx": "1.0", "php-fpm": "1.0", "tomcat10": "2.0"}
    assert log.read_text() == "asked\n"


def test_another_nginx_is_asked_what_it_is(settled: Machine) -> None:
    known = settled.observe().facts.nginx_version
    plain = settled.path("bin/nginx").read_text()
    settled.write(
        "bin/nginx",
        plain.replace("#!/bin/sh", "#!/bin/sh\n[ $1 != -V ] || exec echo nginx version: nginx/9.8.7"),
    )

    assert known != (9, 8, 7)
    assert settled.observe().facts.nginx_version == (9, 8, 7)


def test_a_look_writes_nothing(settled: Machine) -> None:
    settled.write(STATUS, "Package: other\n")
    stamp = settled.write("stamp", "")

    settled.observe("stored", "workers", "sites", "manifests", "journal")

    newer = subprocess.run(
        ["find", settled.root, "-newer", stamp, "!", "-type", "d"], capture_output=True, text=True, check=True
    )
    assert newer.stdout == ""


def test_a_link_that_leads_elsewhere_is_told_with_what_it_leads_to(settled: Machine) -> None:
    other = settled.write("/srv/other", "hello")
    other.chmod(0o600)
    page = settled.path("/srv/www/index")
    page.unlink()
    page.symlink_to(other)

    live = settled.observe().files["/srv/www/index"]

    assert (live.link, live.mode, live.owner) == ("/srv/other", 0o600, "root")


def test_a_link_past_current_to_the_same_file_is_not_ours(settled: Machine) -> None:
    page = settled.path("/srv/www/index")
    target = page.resolve()
    page.unlink()
    page.symlink_to(target)

    live = settled.observe().files["/srv/www/index"]

    assert live.mode == 0o644
    assert live.link == f"/{target.relative_to(settled.root)}" != f"{CURRENT_ROOT}/srv/www/index"


def test_a_folder_that_is_a_link_is_told_as_what_it_leads_to(settled: Machine) -> None:
    folder = settled.path("/srv/www")
    folder.rename(settled.path("/srv/moved"))
    settled.path("/srv/moved").chmod(0o700)
    folder.symlink_to("moved")

    assert settled.observe().directories["/srv/www"].mode == 0o700


def test_a_chain_is_told_to_the_byte_whatever_stands_in_it(
    machine: Machine, certificate: Certificate
) -> None:
    odd = replace(
        certificate, fullchain="# Zürich | Genève\t\r\n".encode("latin-1") + certificate.fullchain[:-1]
    )
    machine.apply(machine.bundle(), certificates=(odd,))

    assert machine.observe().certificates == {"abc": odd.fullchain}


def test_a_pair_that_somebody_changed_does_not_count(settled: Machine, certificate: Certificate) -> None:
    assert settled.observe().certificates == {"abc": certificate.fullchain}
    with settled.path("/etc/deployer/certs/abc/privkey.pem").open("a") as key:
        key.write("\n")

    assert settled.observe().certificates == {}


@pytest.mark.parametrize("missing", [("perl",), ("perl", "bash")])
def test_a_host_without_the_usual_tools_tells_what_runs(settled: Machine, missing: tuple[str, ...]) -> None:
    nothing = settled.write("nothing", "")
    programs = [program for tool in missing if (program := shutil.which(tool, path="/usr/bin"))]
    hide = "; ".join(f"mount --bind {nothing} {program}" for program in programs)
    plain = settled.path("bin/shell").read_text()
    settled.write("bin/plain", plain, executable=True)
    settled.write(
        "bin/shell",
        f'#!/bin/sh\nexec unshare --mount dash -c \'{hide}; exec "$@"\' hide {settled.root}/bin/plain "$@"\n',
    )

    seen = settled.observe()

    settled.write("bin/shell", plain)
    assert seen.running == seen.current != ""
