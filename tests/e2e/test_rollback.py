"""Going back on request: to the release before, to any release, to what was there before deployer."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from operating import Desk, OwnHost, linked, own_host
from visiting import Lab

TO_ONE = ("- path: /hello", "  redirect: {to: /one, status: 302}")
THEIR_CONF = """# theirs, by hand
user www-data;
events { worker_connections 64; }
http {
\tinclude conf.d/*.conf;   # relative, as Debian's own
}
"""
THEIR_SITE = 'server { listen 80; server_name theirs.test; return 200 "theirs\\n"; }\n'
OUR_INVENTORY = """all:
  hosts:
    own:
      ansible_host: {name}
      ansible_connection: docker
      ansible_user: root
  vars:
    sites:
      - name: ours
        server_names: [ours.test]
        locations:
          - path: /
            redirect: {{to: /ours, status: 302}}
            probe: off
          - path: /ours
            exact: true
            static: {{root: /srv}}
            raw: return 200 "ours";
"""


def where_hello_leads(lab: Lab) -> str | None:
    return lab.get("/hello").headers.get("location")


def test_rollback_brings_the_earlier_behaviour_back_in_one_command(lab: Lab, desk: Desk) -> None:
    machine = lab.container("edge1")
    at_first = linked(machine)
    desk.add_location(*TO_ONE)
    one = desk.type("apply", "--limit", "edge1", "--json").host["serving"]
    desk.edit("{to: /one, status: 302}", "{to: /two, status: 302}")
    two = desk.type("apply", "--limit", "edge1", "--json").host["serving"]
    assert where_hello_leads(lab) == "/two"

    outcome = desk.type("rollback", "--limit", "edge1", "--json").host

    assert (outcome["state"], outcome["serving"], linked(machine)) == ("changed", one, one)
    assert where_hello_leads(lab) == "/one"
    assert {probe["verdict"] for probe in outcome["probes"]} == {"passed"}

    told = desk.type("history", "--limit", "edge1", "--json").host["history"]
    story = {record["release"]: record for record in told}
    assert [story[name]["state"] for name in (at_first, one, two)] == ["good", "current", "good"]
    assert [record["release"] for record in told].index(two) == 0
    assert story["original"]["state"] == "original"
    assert "@" in story[two]["who"]
    assert story[two]["when"].endswith("Z")

    # From there once more: to the release before that one.
    assert desk.type("rollback", "--limit", "edge1", "--json").host["serving"] == at_first
    assert where_hello_leads(lab) is None

    # And by name to the youngest, then two steps back at once.
    by_name = desk.type("rollback", "--limit", "edge1", "--to", two, "--json").host
    assert (by_name["serving"], where_hello_leads(lab)) == (two, "/two")
    two_back = desk.type("rollback", "--limit", "edge1", "--steps", "2", "--json").host
    assert (two_back["serving"], where_hello_leads(lab)) == (at_first, None)


def test_a_release_that_the_host_does_not_have_is_refused_with_the_list(lab: Lab, desk: Desk) -> None:
    machine = lab.container("edge1")
    serving = linked(machine)

    outcome = desk.type(
        "rollback", "--limit", "edge1", "--to", "20200101T000000Z-000000", "--json", expect_exit=5
    ).host

    assert outcome["message"].startswith(
        "20200101T000000Z-000000 is no release of this host; it has original"
    )
    assert serving in outcome["message"]
    assert outcome["next_step"] == "deployer history inventory.yaml --limit edge1"
    assert linked(machine) == serving


def test_more_steps_than_releases_are_refused(lab: Lab, desk: Desk) -> None:
    serving = linked(lab.container("edge1"))

    outcome = desk.type("rollback", "--limit", "edge1", "--steps", "99", "--json", expect_exit=5).host

    # The way back ends at what was there before us, or at a release that was pruned.
    assert "no earlier good release" in outcome["message"] or "no longer on this host" in outcome["message"]
    assert linked(lab.container("edge1")) == serving


@pytest.fixture
def own(applied_lab: Lab, tmp_path: Path) -> Iterator[OwnHost]:
    """A host that has its own nginx with its own site, and an inventory for it."""
    with own_host(applied_lab, tmp_path) as host:
        host.desk.inventory.write_text(OUR_INVENTORY.format(name=host.name))
        yield host


def their_own(own: OwnHost) -> None:
    """Install nginx by hand, with a configuration and a site by hand."""
    machine = own.machine
    machine.check_output("apt-get -qq update && apt-get -qq -y --no-install-recommends install nginx 2>&1")
    machine.check_output("printf %%s %s >/etc/nginx/nginx.conf", THEIR_CONF)
    machine.check_output("chmod 0640 /etc/nginx/nginx.conf && chown root:adm /etc/nginx/nginx.conf")
    machine.check_output("touch -d '2020-02-02 02:02:02' /etc/nginx/nginx.conf")
    machine.check_output("printf %%s %s >/etc/nginx/conf.d/theirs.conf", THEIR_SITE)
    machine.check_output("systemctl restart nginx")


def fingerprint(own: OwnHost) -> str:
    """Every file below /etc/nginx with kind, mode, owner and bytes; nginx.conf with its time, too."""
    listed = own.machine.check_output(
        r"cd /etc/nginx && find . \( -type f -o -type l \) -printf '%%p %%y %%m %%u:%%g %%l\n' | sort;"
        r" find . -type f -exec sha256sum {} + | sort -k2; stat -c '%%Y' nginx.conf"
    )
    return str(listed)


def test_rollback_to_original_restores_a_host_with_its_own_nginx_to_the_byte(own: OwnHost) -> None:
    their_own(own)
    assert own.fetch(name="theirs.test") == "theirs\n"
    before = fingerprint(own)
    master = own.machine.check_output("cat /run/nginx.pid")

    outcome = own.desk.type("apply", "--json").host

    assert outcome["state"] == "changed"
    changes = {change["subject"]: change["detail"] for change in outcome["changes"]}
    assert changes["/etc/nginx/nginx.conf"] == "not ours yet; kept in releases/original"
    assert own.fetch("/ours", name="ours.test") == "ours"
    assert own.machine.file("/etc/nginx/conf.d/theirs.conf").content_string == THEIR_SITE
    kept = own.machine.file("/etc/deployer/releases/original/root/etc/nginx/nginx.conf")
    assert (kept.content_string, kept.mode, kept.group) == (THEIR_CONF, 0o640, "adm")

    back = own.desk.type("rollback", "--to", "original", "--json").host

    assert back["state"] == "changed"
    assert fingerprint(own) == before
    assert own.fetch(name="theirs.test") == "theirs\n"
    assert own.machine.check_output("cat /run/nginx.pid") == master
    assert own.desk.type("history", "--json").host["history"][-1]["state"] == "current"
    assert "before us" in own.desk.type("rollback", "--json", expect_exit=5).host["message"]

    again = own.desk.type("apply", "--json").host

    assert again["state"] == "changed"
    assert own.fetch("/ours", name="ours.test") == "ours"
    assert own.desk.type("apply", "--json").host["state"] == "unchanged"


def test_a_bare_host_gets_exactly_what_its_plan_said(own: OwnHost) -> None:
    secure = "redirect_http: false\n        tls: {self_signed: {}}"
    own.desk.edit("[ours.test]\n", f"[ours.test]\n        {secure}\n")
    planned = own.desk.type("plan", "--exit-code", "--json", expect_exit=3)
    assert own.machine.run("command -v nginx").rc != 0
    assert own.machine.run("ls /etc/deployer").rc != 0

    applied = own.desk.type("apply", "--json").host

    def told(outcome: dict[str, list[dict[str, str]]]) -> list[tuple[str, ...]]:
        keys = ("action", "kind", "subject", "detail")
        return [tuple(change[key] for key in keys) for change in outcome["changes"]]

    assert told(planned.host) == told(applied)
    does = {(action, kind, subject) for action, kind, subject, _ in told(applied)}
    assert does >= {
        ("install", "package", "nginx"),
        ("create", "certificate", "ours"),
        ("create", "file", "/etc/nginx/deployer/sites/ours.conf"),
        ("start", "service", "nginx"),
    }
    assert applied["state"] == "changed"
    assert own.machine.package("nginx").is_installed
    assert own.machine.service("nginx").is_enabled
    assert own.fetch("/ours", name="ours.test") == "ours"
    assert own.desk.type("plan", "--exit-code", "--json").host["changes"] == []


def test_a_bare_host_that_refuses_its_first_release_can_be_told_another(own: OwnHost) -> None:
    own.desk.edit('return 200 "ours"', 'retrun 200 "ours"')

    refused = own.desk.type("apply", "--json", expect_exit=5).host

    assert refused["phase"] == "validate"
    assert refused["said"][0].startswith('unknown directive "retrun"')
    assert refused["warnings"] == ["installed by this run, and still there: nginx"]
    assert own.machine.run("ls /etc/nginx/deployer").rc != 0
    assert own.machine.check_output("ls -A /etc/deployer/releases") == ""

    own.desk.edit('retrun 200 "ours"', 'return 200 "ours"')
    own.desk.edit("/ours, status: 302}", "/elsewhere, status: 302}")
    assert own.desk.type("apply", "--json").host["state"] == "changed"
    assert own.fetch("/ours", name="ours.test") == "ours"


def test_a_site_that_leaves_the_inventory_leaves_the_host_and_comes_back_with_a_rollback(
    lab: Lab, desk: Desk
) -> None:
    machine = lab.container("edge1")
    file = "/etc/nginx/deployer/sites/api.conf"
    text = desk.inventory.read_text()
    start = text.index("          # The same API under a name of its own")
    desk.inventory.write_text(text[:start])

    outcome = desk.type("apply", "--limit", "edge1", "--json").host

    assert ("remove", file) in {(change["action"], change["subject"]) for change in outcome["changes"]}
    assert not machine.file(file).exists
    with pytest.raises(httpx.ConnectError):
        lab.get("https://api.abc.test/api/")

    desk.inventory.write_text(text)
    desk.type("rollback", "--limit", "edge1", "--json")

    assert machine.file(file).is_symlink
    assert lab.get("https://api.abc.test/api/").status_code == 200
    # A rollback that leads to what the inventory says leaves nothing to do.
    assert desk.type("plan", "--limit", "edge1", "--exit-code", "--json").host["changes"] == []
