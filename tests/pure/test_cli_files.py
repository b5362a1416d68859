"""What the command line reads and writes beside the inventory: revisions, rendered trees, options."""

import getpass
import pickle
import stat
import subprocess
from pathlib import Path

import pytest

from deployer.bundle import RELEASE_TOKEN, Bundle, File
from deployer.cli import distributions, tree
from deployer.cli.loading import parse_set, with_become_password
from deployer.cli.origin import Revision, revision, who
from deployer.errors import UsageError
from deployer.model.host import Host, HostVariables
from deployer.secret import Secret

BUNDLE = Bundle(
    files={
        "/etc/nginx/nginx.conf": File(f"# release {RELEASE_TOKEN}\n".encode()),
        "/etc/nginx/deployer/sites/abc.conf": File(b"server {}\n", mode=0o640),
    }
)


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


def test_the_revision_is_that_of_the_inventorys_folder_with_a_plus_for_changes(tmp_path: Path) -> None:
    assert revision(tmp_path) == ""

    git(tmp_path, "init")
    assert revision(tmp_path) == ""

    (tmp_path / "inventory.yaml").write_text("all:\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    clean = revision(tmp_path)
    (tmp_path / "inventory.yaml").write_text("all: {}\n")

    assert len(clean) >= 4
    assert clean.isalnum()
    assert revision(tmp_path) == f"{clean}+"


def test_a_revision_is_looked_up_once_and_another_machine_gets_the_answer(tmp_path: Path) -> None:
    git(tmp_path, "init")
    git(tmp_path, "commit", "--allow-empty", "-m", "first")
    told = Revision(tmp_path)
    first = told()
    git(tmp_path, "commit", "--allow-empty", "-m", "second")

    assert revision(tmp_path) != first
    assert (told(), pickle.loads(pickle.dumps(told))()) == (first, first)


def test_a_folder_that_does_not_exist_has_no_revision(tmp_path: Path) -> None:
    assert revision(tmp_path / "nowhere") == ""


def test_who_is_the_person_behind_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUDO_USER", raising=False)
    assert who().startswith(f"{getpass.getuser()}@")

    monkeypatch.setenv("SUDO_USER", "ada")
    assert who().startswith("ada@")


def test_a_rendered_tree_has_the_hosts_paths_and_modes(tmp_path: Path) -> None:
    paths = tree.write(tmp_path / "edge1", BUNDLE)

    site = tmp_path / "edge1/etc/nginx/deployer/sites/abc.conf"
    assert paths == ("/etc/nginx/deployer/sites/abc.conf", "/etc/nginx/nginx.conf")
    assert site.read_text() == "server {}\n"
    assert stat.S_IMODE(site.stat().st_mode) == 0o640
    assert (tmp_path / "edge1/etc/nginx/nginx.conf").read_text() == "# release RELEASE\n"


def test_rendering_again_takes_away_what_is_no_longer_rendered(tmp_path: Path) -> None:
    tree.write(tmp_path / "edge1", BUNDLE)
    tree.write(tmp_path / "edge1", Bundle(files={"/etc/nginx/nginx.conf": File(b"")}))

    assert not (tmp_path / "edge1/etc/nginx/deployer").exists()


def test_rendering_never_removes_files_that_it_did_not_make(tmp_path: Path) -> None:
    (tmp_path / "edge1").mkdir()
    precious = tmp_path / "edge1/notes.txt"
    precious.write_text("mine")

    with pytest.raises(UsageError, match="did not render"):
        tree.write(tmp_path / "edge1", BUNDLE)

    assert precious.read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError, match="Not a directory"):
        tree.write(tmp_path / "file" / "edge1", BUNDLE)


def test_an_unknown_distribution_names_those_that_are_known() -> None:
    with pytest.raises(UsageError, match="bookworm, trixie"):
        distributions.facts_of("potato")


@pytest.mark.parametrize("codename", distributions.CODENAMES)
def test_each_distribution_goes_by_its_own_name(codename: str) -> None:
    assert distributions.facts_of(codename).os_codename == codename


def test_set_splits_at_the_first_equals_sign() -> None:
    assert parse_set(["a=b=c", " x =", "a=2"]) == {"a": "2", "x": ""}
    with pytest.raises(UsageError):
        parse_set(["novalue"])


def test_the_asked_password_goes_to_hosts_that_become_and_have_none() -> None:
    own = Secret("own")
    hosts = (
        Host("a", settings=HostVariables(ansible_become=True)),
        Host("b", settings=HostVariables(ansible_become=True, ansible_become_password=own)),
        Host("c"),
    )

    passwords = [host.settings.ansible_become_password for host in with_become_password(hosts, "asked")]

    assert passwords == [Secret("asked"), own, None]
