import subprocess
from pathlib import Path

import yaml

from deployer.lab import variables
from deployer.lab.access import key_pair, known_hosts
from deployer.lab.home import Home
from deployer.lab.status import LabStatus, Member


def edge(service: str, **ports: str) -> Member:
    return Member(service, f"lab_{service}_1", "running", "healthy", ports, "10.213.7.11")


def lab() -> LabStatus:
    backends = {"echo": 21, "php": 22, "tomcat": 23, "api1": 24, "api2": 25}
    edges = (
        edge("edge1", **{"22/tcp": "127.0.0.1:32801", "443/tcp": "127.0.0.1:32803"}),
        edge("edge3", **{"443/tcp": "127.0.0.1:32809"}),
    )
    behind = (Member(name, name, "running", "healthy", {}, f"10.213.7.{at}") for name, at in backends.items())
    return LabStatus((*edges, *behind), ca="")


def test_the_private_key_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    key_pair(tmp_path / "id_ed25519")

    assert (tmp_path / "id_ed25519").stat().st_mode & 0o777 == 0o600


def test_openssh_finds_the_public_key_that_we_wrote_in_the_private_one(tmp_path: Path) -> None:
    public = key_pair(tmp_path / "id_ed25519")

    derived = subprocess.run(
        ["ssh-keygen", "-y", "-f", str(tmp_path / "id_ed25519")], check=True, capture_output=True, text=True
    ).stdout

    assert derived.split()[:2] == public.split()[:2]


def test_a_second_call_keeps_the_key(tmp_path: Path) -> None:
    assert key_pair(tmp_path / "id_ed25519") == key_pair(tmp_path / "id_ed25519")


def test_a_key_without_its_public_half_is_made_anew(tmp_path: Path) -> None:
    first = key_pair(tmp_path / "id_ed25519")
    (tmp_path / "id_ed25519.pub").unlink()

    assert key_pair(tmp_path / "id_ed25519") != first


def test_known_hosts_names_the_published_port() -> None:
    text = known_hosts({"127.0.0.1:32801": "ssh-ed25519 AAAA root@edge1\nssh-rsa BBBB root@edge1\n"})

    assert text == "[127.0.0.1]:32801 ssh-ed25519 AAAA\n[127.0.0.1]:32801 ssh-rsa BBBB\n"


def test_the_generated_variables_say_where_hosts_and_backends_are(tmp_path: Path) -> None:
    home = Home(root=tmp_path, source=tmp_path)
    home.files.mkdir()

    variables.write(home, lab())

    first = yaml.safe_load((home.files / "host_vars/edge1.yml").read_text())
    third = yaml.safe_load((home.files / "host_vars/edge3.yml").read_text())
    everyone = yaml.safe_load((home.files / "group_vars/all.yml").read_text())
    assert (first["ansible_host"], first["ansible_port"], first["lab_https_port"]) == (
        "127.0.0.1",
        32801,
        32803,
    )
    assert first["ansible_ssh_known_hosts_file"] == str(home.known_hosts)
    assert third == {"ansible_host": "lab_edge3_1", "lab_https_port": 32809}
    assert everyone["lab_api"] == ["10.213.7.24:3000", "10.213.7.25:3000"]
