"""What an odd host, or another run, must not make of a look or of a run."""

import os
import shutil
import subprocess
from dataclasses import replace

import pytest
from conftest import Machine
from pair import make_pair

from deployer.applier.command import argv
from deployer.applier.conversation import to_apply

NEW = 'return 200 "two";'


def tell(machine: Machine, words: bytes, *, operation: str = "follow", **environment: str) -> str:
    """Run the script as it is, and return its events."""
    command = argv(machine.privilege, "decide" if operation == "decide" else "follow", *_arguments(operation))
    ended = subprocess.run(
        command, input=words, env={**os.environ, **environment}, capture_output=True, check=False
    )
    return ended.stdout.decode()


def _arguments(operation: str) -> tuple[str, ...]:
    return ("confirm ops@desk",) if operation == "decide" else ()


@pytest.mark.parametrize("name", ["T", "EAR", "CLOCK", "HOLDS", "WITHIN", "TO", "RUN", "CERTS"])
def test_a_variable_of_the_login_is_none_of_the_scripts(machine: Machine, name: str) -> None:
    precious = machine.write("precious/file", "mine").parent
    words = to_apply(b"who ops@desk\n")

    settled = tell(machine, b"", operation="decide", **{name: str(precious)})
    refused = tell(machine, words, **{name: str(precious)})

    assert settled.splitlines()[-1] == "deployer\tend\tnone"
    assert refused.splitlines()[-1] == "deployer\tend\trefused"
    assert (precious / "file").read_text() == "mine"


@pytest.mark.parametrize("orders", ["to {release}\n", "to {release}\nwho ops@desk\ncert abc\n"])
def test_a_run_that_never_had_the_lock_tidies_up_nothing(machine: Machine, orders: str) -> None:
    _, release = machine.apply(machine.bundle())
    staging = machine.path("/etc/deployer/releases/.tmp-other")
    staging.mkdir()

    said = tell(machine, to_apply(orders.format(release=release).encode()))

    assert said.splitlines()[-1] == "deployer\tend\trefused"
    assert staging.is_dir()
    assert machine.observe().current == release
    assert machine.path(f"/etc/deployer/releases/{release}/manifest").is_file()


def test_an_nginx_behind_a_link_is_asked_at_every_look(machine: Machine) -> None:
    plain = machine.path("bin/nginx").rename(machine.path("bin/nginx-one"))
    machine.path("bin/nginx").symlink_to("alternative")
    machine.path("bin/alternative").symlink_to(plain.name)
    machine.apply(machine.bundle())
    known = machine.observe().facts.nginx_version
    machine.write("bin/nginx-two", "#!/bin/sh\necho nginx version: nginx/9.8.7 >&2\n", executable=True)
    machine.path("bin/alternative").unlink()
    machine.path("bin/alternative").symlink_to("nginx-two")

    assert known != (9, 8, 7)
    assert machine.observe().facts.nginx_version == (9, 8, 7)


def test_what_a_run_finds_outdated_is_forgotten(machine: Machine) -> None:
    machine.apply(machine.bundle())
    known = machine.path("/var/lib/deployer/known/nginx")
    assert known.exists()

    applied, _ = machine.apply(machine.bundle(NEW), change=lambda orders: replace(orders, nginx="9.8.7"))

    assert applied.ending == "stale"
    assert not known.exists()


def test_a_release_that_goes_during_a_look_takes_nothing_else_out_of_it(
    machine: Machine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    machine.apply(machine.bundle())
    certificate = make_pair(tmp_path_factory.mktemp("pair"))
    machine.apply(machine.bundle(NEW), certificates=(certificate,))
    before = machine.observe()
    awk = shutil.which("awk")
    first = machine.path(f"/etc/deployer/releases/{before.releases[1].name}")
    machine.write("bin/awk", f'#!/bin/sh\nrm -rf {first}\nexec {awk} "$@"\n', executable=True)

    seen = machine.observe()

    assert seen.by_name.keys() == before.by_name.keys() - {first.name}
    assert seen.certificates == before.certificates != {}
    assert seen.files == before.files


@pytest.mark.parametrize("name", ["known", "renewal"])
def test_a_certificate_may_have_any_name(
    machine: Machine, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    certificate = replace(make_pair(tmp_path_factory.mktemp("pair")), name=name)
    machine.apply(machine.bundle(), certificates=(certificate,))

    assert machine.observe().certificates == {name: certificate.fullchain}


def test_a_package_may_be_named_with_its_architecture(machine: Machine) -> None:
    machine.write(
        "bin/dpkg-query",
        '#!/bin/sh\nprintf "libc6\\tinstalled\\t2.36\\tamd64\\nlibc6\\tnot-installed\\t\\ti386\\n"\n',
        executable=True,
    )

    seen = machine.observe("package:libc6:amd64", "package:libc6:i386", "package:libc6")

    assert seen.packages == {"libc6:amd64": "2.36", "libc6:i386": "", "libc6": "2.36"}
