from pathlib import Path

import pytest

from deployer.errors import LabError
from deployer.lab.home import find, project_name


def installed_share(folder: Path) -> Path:
    """A folder as an installed deployer carries it, with files that a running lab left in it."""
    (folder / "lab" / "images").mkdir(parents=True)
    (folder / "lab" / "setup").write_text("#!/bin/sh\n")
    (folder / "lab" / "host_vars").mkdir()
    (folder / "lab" / "host_vars" / "edge1.yml").write_text("ansible_port: 1\n")
    (folder / "docker-compose.yml").write_text("services: {}\n")
    return folder


def test_two_checkouts_of_one_name_have_two_projects() -> None:
    here, there = project_name(Path("/home/ann/deployer")), project_name(Path("/home/bob/deployer"))

    assert here != there
    assert here.startswith("deployer-deployer-")


def test_a_project_name_is_the_same_tomorrow() -> None:
    assert project_name(Path("/srv/checkout")) == project_name(Path("/srv/../srv/checkout"))


def test_a_project_name_has_only_what_compose_allows() -> None:
    name = project_name(Path("/tmp/Ärger & Sons (copy 2)"))

    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_")
    assert "--" not in name


def test_in_a_checkout_the_lab_works_in_place(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()

    home = find(tmp_path, {})

    assert home.root == tmp_path
    assert home.state == tmp_path / ".lab"
    assert home.inventory == tmp_path / "lab" / "inventory.yaml"


def test_an_installed_deployer_keeps_the_lab_in_the_users_state(tmp_path: Path) -> None:
    share = installed_share(tmp_path / "share")

    home = find(share, {"XDG_STATE_HOME": str(tmp_path / "state")})
    home.prepare()

    assert home.root == tmp_path / "state" / "deployer" / "lab"
    assert (home.files / "setup").is_file()
    assert (home.root / "docker-compose.yml").is_file()


def test_what_another_lab_generated_is_not_copied(tmp_path: Path) -> None:
    home = find(installed_share(tmp_path / "share"), {"XDG_STATE_HOME": str(tmp_path / "state")})

    home.prepare()

    assert not (home.files / "host_vars").exists()


def test_clearing_an_installed_lab_leaves_nothing(tmp_path: Path) -> None:
    home = find(installed_share(tmp_path / "share"), {"XDG_STATE_HOME": str(tmp_path / "state")})
    home.prepare()
    home.key.touch()
    home.ca.parent.mkdir()

    home.clear()

    assert not home.root.exists()


def test_clearing_a_checkout_keeps_its_own_files_and_the_engines_log(tmp_path: Path) -> None:
    home = find(installed_share(tmp_path), {"XDG_STATE_HOME": "/nowhere"})
    (tmp_path / "pyproject.toml").touch()
    home = find(tmp_path, {})
    home.prepare()
    (home.state / "dockerd.log").touch()
    home.known_hosts.touch()

    home.clear()

    assert (home.files / "setup").is_file()
    assert not (home.files / "host_vars").exists()
    assert [path.name for path in home.state.iterdir()] == ["dockerd.log"]


def test_a_state_folder_that_cannot_be_made_is_said_with_the_way_out(tmp_path: Path) -> None:
    share = installed_share(tmp_path / "share")
    (tmp_path / "state").write_text("a file is in the way\n")

    with pytest.raises(LabError) as raised:
        find(share, {"XDG_STATE_HOME": str(tmp_path / "state")}).prepare()

    assert raised.value.exit_code == 8
    assert "XDG_STATE_HOME" in raised.value.next_step
