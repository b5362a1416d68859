"""What an inventory means: variables, places, names, the command line, patterns."""

import time
from pathlib import Path

import pytest
from written_inventory import SITE, load, problems, write

from deployer import inventory
from deployer.errors import Place, UsageError
from deployer.secret import Secret


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work where the inventory is, so that places read as an operator types them."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_value_knows_where_it_is_written(folder: Path) -> None:
    write(
        "sites:\n  - name: abc\n    server_names: abc.com\n    raw: |\n      gzip on;\n    locations:\n"
        "      - path: /\n        static: {root: /srv}\n",
        "group_vars/edge.yml",
    )
    places = load("all: {children: {edge: {hosts: {e1: {ansible_port: 22}, e2: }}}}").hosts[0].places

    assert places["ansible_port"] == Place("inventory.yaml", 1, 52)
    assert places["sites[0]"] == Place("group_vars/edge.yml", 2, 5)
    assert places["sites[0].raw"] == Place("group_vars/edge.yml", 4, 10)
    assert places["sites[0].locations[0].static.root"] == Place("group_vars/edge.yml", 8, 24)
    assert "sites[0].locations[1]" not in places


def test_what_a_template_made_is_placed_at_the_template(folder: Path) -> None:
    host = load(f"""
        all:
          hosts: {{edge1: }}
          vars:
            sites: "{{{{ shared }}}}"
            shared: {SITE}""").hosts[0]

    assert host.sites[0].name == "abc"
    assert host.places["sites[0].locations[0]"] == Place("inventory.yaml", 5, 12)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("site", "sites"),
        ("Sites", "sites"),
        ("ansible_usr", "ansible_user"),
        ("keep_release", "keep_releases"),
        ("ansible_conection", "ansible_connection"),
        ("nginx_worker_conections", "nginx_worker_connections"),
    ],
)
def test_a_misspelt_variable_is_an_error(folder: Path, name: str, meant: str) -> None:
    found = problems(f"all: {{vars: {{{name}: x}}}}", known_variables=["nginx_worker_connections"])

    assert found == [f"inventory.yaml:1:14  {name}: unknown variable {name}; did you mean {meant}?"]


def test_variables_of_others_pass(folder: Path) -> None:
    names = [
        "rules", "sizes", "app_port", "ansible_python_interpreter", "ansible_ssh_common_args", "nginx_port2",
        "ansible_become_method", "ansible_become_exe", "ansible_become_flags", "ansible_ssh_extra_args",
    ]  # fmt: skip
    text = "".join(f"    {name}: x\n" for name in names)

    host = load(f"all:\n  hosts: {{h: }}\n  vars:\n{text}", known_variables=["nginx_port"]).hosts[0]

    assert set(names) <= host.variables.keys()


def test_older_names_of_ansible_are_understood(folder: Path) -> None:
    settings = (
        load("""
        all:
          hosts:
            h: {ansible_ssh_host: 10.0.0.1, ansible_ssh_port: 2222, ansible_ssh_user: u, ansible_sudo_pass: s}
    """)
        .hosts[0]
        .settings
    )

    assert (settings.ansible_host, settings.ansible_port, settings.ansible_user) == ("10.0.0.1", 2222, "u")
    assert settings.ansible_become_password == Secret("s")


def test_values_of_the_command_line_win_and_are_yaml(folder: Path) -> None:
    text = "all: {hosts: {h: {ansible_port: 22, keep_releases: 3}}}"

    host = load(text, set_values={"keep_releases": "7", "colours": "[red, blue]", "empty": ""}).hosts[0]

    assert host.settings.keep_releases == 7
    assert host.variables["colours"] == ["red", "blue"]
    assert host.variables["empty"] is None


def test_a_wrong_value_of_the_command_line_is_told(folder: Path) -> None:
    text = "all: {hosts: {h: }}"

    assert problems(text, set_values={"ansible_port": "99999"}) == [
        "--set ansible_port:1:1  ansible_port: 99999 is more than 65535"
    ]
    assert "--set x:2:1: not YAML" in problems(text, set_values={"x": "[a"})[0]
    assert "did you mean sites?" in problems(text, set_values={"site": "[]"})[0]


def test_files_of_secrets_and_keys_start_at_the_inventory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/operator")
    path = write(
        "all: {hosts: {h: {ansible_ssh_private_key_file: keys/id, "
        "ansible_ssh_known_hosts_file: ~/.ssh/other}}}",
        "prod/inventory.yaml",
    )

    host = inventory.load(path).hosts[0]

    assert host.directory == "prod"
    assert host.settings.ansible_ssh_private_key_file == str(folder / "prod" / "keys" / "id")
    assert host.settings.ansible_ssh_known_hosts_file == "/home/operator/.ssh/other"


@pytest.mark.parametrize(
    ("pattern", "said", "near"),
    [
        ("edge5", "no host or group matches 'edge5'", "did you mean edge"),
        ("edge:!edg", "'edg'", "did you mean edge"),
        ("edge:!edge", "leaves no host", ""),
        (" ", "is empty", ""),
        ("~[", "not a regular expression", ""),
        ("edge[7]", "no host or group matches", ""),
    ],
)
def test_a_pattern_without_hosts_is_a_usage_error(folder: Path, pattern: str, said: str, near: str) -> None:
    loaded = load("all: {children: {edge: {hosts: {'edge[1:3]': }}}}")

    with pytest.raises(UsageError, match=said.replace("[", "\\[")) as caught:
        loaded.select(pattern)

    assert caught.value.next_step.startswith(near)


def test_selected_hosts_keep_the_order_of_the_inventory(folder: Path) -> None:
    loaded = load("all: {children: {edge: {hosts: {'edge[1:3]': }}}}")

    assert [host.name for host in loaded.select("edge3,edge1")] == ["edge1", "edge3"]


def test_ten_thousand_hosts_load_in_seconds(folder: Path) -> None:
    text = f"""
        all:
          hosts:
            edge[1:10000].example.com:
          vars:
            ansible_user: deploy
            ansible_host: "{{{{ inventory_hostname_short }}}}.internal"
            sites: {SITE}"""
    began = time.perf_counter()

    hosts = load(text).hosts

    assert len(hosts) == 10_000
    assert hosts[9_999].address == "edge10000.internal"
    assert hosts[0].sites[0] is hosts[9_999].sites[0]
    assert hosts[0].places is hosts[9_999].places
    assert time.perf_counter() - began < 15
