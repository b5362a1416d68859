"""The commands that contact nobody, with the project's own roles."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from deployer.cli.app import app

INVENTORY = """\
all:
  hosts:
    edge1:
    edge2:
  vars:
    sites:
      - name: abc
        server_names: [abc.test]
        locations:
          - path: /wss
            websocket: {upstream: 127.0.0.1:8888}
          - path: /
            static: {root: /srv/www/abc}
"""


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own with an inventory, as the working directory."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "inventory.yaml"
    path.write_text(INVENTORY)
    return path


def deployer(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_a_good_inventory_is_valid(inventory: Path) -> None:
    assert deployer("validate", "inventory.yaml").stdout == "inventory.yaml: valid, 2 hosts\n"

    told = json.loads(deployer("validate", "inventory.yaml", "--json").stdout)
    assert (told["valid"], told["exit_code"], told["problems"]) == (True, 0, [])
    assert told["hosts"] == [{"host": "edge1"}, {"host": "edge2"}]


def test_a_mistake_is_told_once_with_its_place_however_many_hosts_make_it(inventory: Path) -> None:
    inventory.write_text(INVENTORY.replace("websocket:", "websocet:"))

    result = deployer("validate", "inventory.yaml")
    told = json.loads(deployer("validate", "inventory.yaml", "--json").stdout)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("inventory.yaml:11:13  sites[0].locations[0]")
    assert (told["valid"], told["exit_code"], told["hosts"]) == (False, 2, [])
    assert [(problem["file"], problem["line"]) for problem in told["problems"]] == [("inventory.yaml", 11)]


def test_a_misspelt_variable_of_a_role_is_found(inventory: Path) -> None:
    result = deployer("validate", "inventory.yaml", "--set", "nginx_http_rwa=x")

    assert result.exit_code == 2
    assert "nginx_http_raw" in result.stderr


def test_a_role_that_is_not_there_is_told_with_its_place(inventory: Path) -> None:
    inventory.write_text(INVENTORY + "    roles: [nginx, nosuchrole]\n")

    result = deployer("validate", "inventory.yaml")

    assert result.exit_code == 2
    assert "inventory.yaml:14:20  roles[1]: there is no role 'nosuchrole'; known are nginx" in result.stderr


def test_mistakes_in_roles_and_in_certificates_are_told_in_one_run(inventory: Path) -> None:
    tasks = inventory.parent / "roles/pages/tasks/main.yml"
    tasks.parent.mkdir(parents=True)
    tasks.write_text("- copy: {content: '{{ nobody_said }}', dest: /srv/www/abc/index.html}\n")
    tls = "tls: {files: {certificate: no.pem, key: no.key}}\n        server_names"
    inventory.write_text(INVENTORY.replace("server_names", tls) + "    roles: [nginx, pages]\n")

    result = deployer("validate", "inventory.yaml")

    assert result.exit_code == 2
    assert "roles/pages/tasks/main.yml:1" in result.stderr
    assert "nobody_said" in result.stderr
    assert "no.pem" in result.stderr


def test_render_writes_what_each_host_would_get(inventory: Path) -> None:
    result = deployer("render", "inventory.yaml", "--limit", "edge2")

    folder = inventory.parent / "rendered"
    assert result.exit_code == 0
    assert [path.name for path in folder.iterdir()] == ["edge2"]
    assert "http {" in (folder / "edge2/etc/nginx/nginx.conf").read_text()
    assert any("8888" in path.read_text() for path in folder.rglob("*.conf"))


def test_render_lists_the_paths_of_the_host_as_json(inventory: Path) -> None:
    told = json.loads(deployer("render", "inventory.yaml", "--out", "there", "--json").stdout)

    assert told["out"] == "there"
    assert [host["host"] for host in told["hosts"]] == ["edge1", "edge2"]
    assert "/etc/nginx/nginx.conf" in told["hosts"][0]["files"]


def test_rendering_twice_gives_the_same_bytes(inventory: Path) -> None:
    for out in ("one", "two"):
        deployer("render", "inventory.yaml", "--out", out)

    def tree(name: str) -> dict[str, bytes]:
        root = inventory.parent / name
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    assert tree("one") == tree("two")


def test_the_schema_is_json_whether_asked_for_or_not() -> None:
    plain, asked = deployer("schema").stdout, deployer("schema", "--json").stdout

    assert json.loads(plain) == json.loads(asked)
    assert "draft/2020-12" in json.loads(plain)["$schema"]


@pytest.mark.parametrize("command", ["plan", "apply", "rollback", "verify", "history", "validate", "render"])
def test_a_limit_that_fits_no_host_is_an_error_before_any_contact(inventory: Path, command: str) -> None:
    result = deployer(command, "inventory.yaml", "--limit", "edg1", "--json")

    told = json.loads(result.stdout)
    assert (result.exit_code, told["hosts"]) == (2, [])
    assert "edg1" in told["message"]
    assert "edge1" in told["next_step"]


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_a_certificate_that_cannot_serve_stops_before_any_contact(inventory: Path, command: str) -> None:
    tls = "tls: {files: {certificate: no.pem, key: no.key}}\n        server_names"
    inventory.write_text(INVENTORY.replace("server_names", tls))

    result = deployer(command, "inventory.yaml")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "no.pem" in result.stderr
    assert "connect" not in result.stderr


def test_init_writes_an_inventory_that_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert deployer("init").exit_code == 0

    assert deployer("validate", "inventory.yaml").stdout == "inventory.yaml: valid, 1 host\n"


def test_init_never_writes_over_a_file(inventory: Path) -> None:
    ended = deployer("init")

    assert ended.exit_code == 2
    assert "is there already" in ended.stderr
    assert inventory.read_text() == INVENTORY
