"""What an operator is told when an inventory is wrong: where, what, and what to write instead."""

from pathlib import Path

import pytest
from written_inventory import problems, write

from deployer import inventory
from deployer.errors import InventoryError

HERE = Path(__file__).parent / "inventories"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work where the inventory is, so that places read as an operator types them."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_ten_mistakes_are_ten_problems_with_places() -> None:
    with pytest.raises(InventoryError) as caught:
        inventory.load(HERE / "ten-mistakes.yaml")

    assert caught.value.exit_code == 2
    found = [(p.place.line, p.place.column, p.path) for p in caught.value.problems if p.place]
    assert found == [
        (3, 5, "ansible_usr"),
        (4, 19, "ansible_port"),
        (5, 25, "ansible_connection"),
        (8, 7, "all.children.edge.host"),
        (17, 37, "sites[0].server_names[1]"),
        (18, 26, "sites[0].tls.files.key"),
        (21, 56, "sites[0].locations[0].php.front_controler"),
        (23, 35, "sites[0].locations[1].proxy.upstream"),
        (24, 23, "sites[0].locations[2].path"),
        (27, 69, "sites[0].locations[3].websocket.idle_timeout"),
    ]
    suggested = [p.suggestion for p in caught.value.problems if p.suggestion.startswith("did you mean")]
    assert suggested == [
        "did you mean ansible_user?",
        "did you mean ssh?",
        "did you mean hosts?",
        "did you mean front_controller?",
        "did you mean backend?",
    ]


def test_a_mistake_of_a_group_is_told_once(folder: Path) -> None:
    assert problems("""
        all:
          hosts: {"edge[1:500]": }
          vars: {ansible_port: "{{ 70000 }}", keep_releases: 1}
    """) == [
        "inventory.yaml:4:24  ansible_port: 70000 is more than 65535",
        "inventory.yaml:4:54  keep_releases: 1 is less than 2",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "inventory.yaml:1:1: an inventory is a mapping of groups; begin with all:"),
        ("- a", "inventory.yaml:1:1: an inventory is a mapping of groups"),
        ("all:\n\thosts:", "inventory.yaml:2:1: not YAML: a tab cannot indent; use spaces"),
        ("all: {hosts: [a", "not YAML: while parsing a flow sequence"),
        (
            "all: {hosts: [a]}",
            "inventory.yaml:1:14  all.hosts: hosts is a mapping; end each name with a colon",
        ),
        ("all: {hosts: {a: 3}}", "all.hosts.a: a host is a mapping of its variables, or nothing"),
        ("all: {hosts: {12: }}", "all.hosts.12: a host's name is text; quote it"),
        (
            "all: {childern: {}}",
            "inventory.yaml:1:7  all.childern: a group has children, hosts and vars; did you mean",
        ),
        ("all: {sites: []}", "put sites under vars:"),
        ("sites: []", "inventory.yaml:1:1  sites: sites is a variable, not a group; put it under all: vars:"),
        ("plugin: aws_ec2", "the configuration of an inventory plugin is not an inventory"),
        (
            "all: {hosts: {a: }}\nall: {}",
            "inventory.yaml:2:1  all: all is written twice; the first is in line 1",
        ),
        (
            "a: {children: {b: {children: {a: }}}}",
            "b.children.a: a is above b already; a group cannot contain itself",
        ),
        ("a: {children: {a: }}", "a.children.a: a is above a already"),
        ("a: {hosts: {b: }}\nb: {hosts: {c: }}", "b is a group and a host; rename one of them"),
        ("all: {hosts: {'w[3:1]': }}", "all.hosts.w[3:1]: the range [3:1] ends before it begins"),
        ("all: {hosts: {'w[01:100]': }}", "01 and 100 must have the same number of digits"),
        ("all: {hosts: {'w[1:99999999]': }}", "stands for more than 100000 hosts"),
        ("all: {hosts: {h: {x: *gone}}}", "not YAML: found undefined alias"),
        ("all: {vars: {x: &a [*a]}}", "x[0]: an alias that contains itself"),
        ("all: {vars: {x: !odd 1}}", "x: an unknown YAML tag; quote the value if it is text"),
        (
            "all: {vars: {x: {{ y }}}}",
            "a key is text, not a list or a mapping; quote a value that begins with {{",
        ),
        ("all: {vars: {1: x}}", "a variable's name is text"),
    ],
)
def test_a_file_of_the_wrong_shape_is_told_where_and_why(folder: Path, text: str, said: str) -> None:
    assert said in problems(text)[0]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("sites: 3", "sites: expected a list, found a number"),
        ("sites:", "sites: expected a list, found nothing"),
        ("sites: [abc]", "sites[0]: expected a mapping, found text"),
        ("ansible_become: maybe", "ansible_become: expected true or false, found text"),
        ("ansible_port: ssh", "ansible_port: expected a whole number, found text"),
        ("ansible_user: 1000", "ansible_user: expected text, found a number; quote it"),
        ("ansible_user: ''", "ansible_user: the text is empty"),
        (
            "confirm_timeout: 1 hour",
            "'1 hour' does not fit; how long a switched host waits to be confirmed, such as 90s",
        ),
        ("upstreams: {'a b': {servers: '1.2.3.4:5'}}", "upstreams.a b: 'a b' does not fit; letters, digits"),
        (
            "upstreams: {a: {servers: []}}",
            "upstreams.a.servers: at least one is needed, there is none; such as 127.0.0.1",
        ),
        (
            "upstreams: {a: {servers: '1.2.3.4'}}",
            "upstreams.a.servers: '1.2.3.4' is not host:port or unix:/path",
        ),
        ("upstreams: {servers: {servrs: x}}", "upstreams.servers.servrs: no such key; did you mean servers?"),
    ],
)
def test_a_wrong_value_is_told_in_words(folder: Path, value: str, said: str) -> None:
    assert any(said in problem for problem in problems(f"all:\n  hosts: {{h: }}\n  vars:\n    {value}\n"))


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("{path: x, static: {root: /x}}", "locations[0].path: 'x' does not fit; a URL path, from `/`"),
        (
            "{path: /, static: {root: /x}, probe: ech}",
            "locations[0].probe: 'ech' is not one of echo, off; did you mean",
        ),
        (
            "{path: /, static: {root: /x}, probe: {stats: 2}}",
            "locations[0].probe.stats: no such key; did you mean status?",
        ),
        (
            "{path: /, static: {root: /x}, probe: {status: 2}}",
            "locations[0].probe.status: 2 is less than 100",
        ),
        ("{path: /}", "locations[0]: a location has exactly one of"),
        ("{path: /, websockt: {}}", "locations[0].websockt: no such key; did you mean websocket?"),
        (
            "{path: /, php: {fpm: '1.2.3.4:5'}}",
            "locations[0].php.root: root is missing; the folder on the host",
        ),
        ("{path: /, static: {root: srv}}", "locations[0].static.root: 'srv' does not fit; the folder"),
        (
            "{path: /, proxy: {upstream: [a, '1.2.3.4:5']}}",
            "locations[0].proxy.upstream: 'a' is not host:port",
        ),
        (
            "{path: /, proxy: {upstream: nowhere}}",
            "locations[0].proxy.upstream: upstreams has no entry 'nowhere'",
        ),
        (
            "{path: /, static: {root: /x}, headers: {'a b': x}}",
            "locations[0].headers.a b: 'a b' does not fit; such as X-Frame",
        ),
        (
            "{path: /, static: {root: /x}, cors: {origins: abc.com}}",
            "cors.origins: 'abc.com' does not fit; such as https",
        ),
    ],
)
def test_a_wrong_location_gives_one_problem_in_words(folder: Path, location: str, said: str) -> None:
    found = problems(f"""
        all:
          hosts: {{h: }}
          vars:
            sites:
              - name: abc
                server_names: abc.com
                locations:
                  - {location}
    """)

    assert len(found) == 1
    assert said in found[0]


def test_names_that_two_sites_claim_are_placed_at_the_second(folder: Path) -> None:
    site = "{name: %s, server_names: [%s], locations: [{path: /, static: {root: /x}}]}"
    assert problems(f"""
        all:
          hosts: {{h: }}
          vars:
            sites:
              - {site % ("abc", "abc.com")}
              - {site % ("abc", "www.abc.com, ABC.com")}
    """) == [
        "inventory.yaml:7:16  sites[1].name: sites[0] has the name abc already",
        "inventory.yaml:7:49  sites[1].server_names[1]: sites[0] serves ABC.com already",
    ]


def test_a_file_that_is_encrypted_or_no_mapping_is_told(folder: Path) -> None:
    write("$ANSIBLE_VAULT;1.1;AES256\n6162\n", "group_vars/all/vault.yml")
    write("- a\n", "group_vars/all/list.yml")
    write("ansible_port: 99999\n", "host_vars/h.yml")

    assert problems("all: {hosts: {h: }}") == [
        "group_vars/all/list.yml:1:1: a file of variables is a mapping",
        (
            "group_vars/all/vault.yml:1:1: the file is encrypted with ansible-vault, which deployer "
            "does not open; keep the secret outside the file and read it with lookup('env', 'NAME')"
        ),
        "host_vars/h.yml:1:15  ansible_port: 99999 is more than 65535",
    ]


def test_a_file_that_is_not_there_is_told(folder: Path) -> None:
    with pytest.raises(InventoryError, match="there is no file nowhere"):
        inventory.load(Path("nowhere.yaml"))


def test_aliases_that_explode_are_refused_in_time(folder: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]

    found = problems("all:\n  vars:\n" + "".join(f"    {line}\n" for line in lines))

    assert "aliases expand to more than" in found[0]


def test_a_role_that_nobody_knows_is_told_with_its_place(folder: Path) -> None:
    known = {"known_roles": ("nginx", "abc_pages")}

    assert problems("all: {hosts: {h: {roles: [nginx, nosuchrole], keep_releases: 1}}}", **known) == [
        "inventory.yaml:1:34  roles[1]: there is no role 'nosuchrole'; known are abc_pages, nginx",
        "inventory.yaml:1:62  keep_releases: 1 is less than 2",
    ]
    assert problems("all: {hosts: {h: {roles: ngnix}}}", **known) == [
        "inventory.yaml:1:26  roles: there is no role 'ngnix'; did you mean nginx?"
    ]


def test_an_ini_inventory_is_recognised_and_the_command_that_converts_it_is_told(folder: Path) -> None:
    (folder / "hosts").write_text("# of ours\n[web]\nweb1 ansible_host=192.0.2.7\nweb2\n")

    with pytest.raises(InventoryError) as caught:
        inventory.load(Path("hosts"))

    (problem,) = caught.value.problems
    assert problem.sentence == "not YAML: this looks like an INI inventory"
    assert problem.suggestion == "ansible-inventory -i hosts --list -y > inventory.yaml"
