"""One bad site does not hold the others: what visitors get, and what the operator is told."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from operating import Desk, OwnHost, linked, nginx_of, own_host
from sockets import echoed
from visiting import Lab

MISSPELT = (
    "- path: /typo",
    "  proxy: {upstream: api}",
    "  raw: proxy_pas http://127.0.0.1:1;",
    "  probe: off",
)
API_PROBE = "                probe: {path: /api/}\n"
API_NEW = f"{API_PROBE}              - path: /hello\n                redirect: {{to: /api/, status: 302}}\n"
API = "https://api.abc.test"


@pytest.fixture
def broken(desk: Desk) -> Desk:
    """The first site has a misspelt directive, the second one something new; before, both were whole."""
    desk.add_location("- path: /before", "  redirect: {to: /app/, status: 302}")
    desk.type("apply", "--limit", "edge1,edge2")
    desk.add_location(*MISSPELT)
    desk.edit(API_PROBE, API_NEW)
    return desk


@pytest.mark.parametrize("edge", ["edge1", "edge2"])
def test_visitors_get_the_new_good_site_and_the_old_bad_one(lab: Lab, broken: Desk, edge: str) -> None:
    before = linked(lab.container(edge))
    homepage = lab.get("/", edge=edge).text

    ended = broken.type("apply", "--quarantine", "--limit", edge, expect_exit=5)

    release = linked(lab.container(edge))
    head, error, origin, advice, *_ = ended.stdout[ended.stdout.index(f"{edge}: ") :].splitlines()
    stays = f"abc stays as it is in release {before}: nginx refused the new configuration"
    assert head == f"{edge}: release {release} serves; {stays}"
    assert error.startswith('    unknown directive "proxy_pas"  (rendered etc/nginx/deployer/sites/abc.conf:')
    assert origin == f"    from inventory.yaml:{broken.line_of('proxy_pas')}  sites[0].locations[6].raw"
    assert advice == f"  next: mend abc, then: deployer apply inventory.yaml --limit {edge}"
    assert release != before
    assert lab.get(f"{API}/hello", edge=edge).headers["location"] == "/api/"
    assert lab.get("/", edge=edge).text == homepage
    assert lab.get("/before", edge=edge).headers["location"] == "/app/"
    assert lab.get("/typo", edge=edge).status_code == 404
    with lab.websocket(edge=edge) as socket:
        assert echoed(socket, "still here") == "still here"


def test_the_probes_of_a_held_site_are_those_of_what_it_is(lab: Lab, broken: Desk) -> None:
    outcome = broken.type("apply", "--quarantine", "--limit", "edge1", "--json", expect_exit=5).host

    asked = {(probe["site"], probe["location"]): probe["verdict"] for probe in outcome["probes"]}
    assert asked["api", "/hello"] == asked["abc", "/wss"] == asked["abc", "/"] == "passed"
    assert ("abc", "/typo") not in asked
    (held,) = outcome["quarantined"]
    assert (held["site"], held["phase"]) == ("abc", "validate")
    assert outcome["state"] == "incomplete"


def test_a_second_run_touches_nothing_and_a_mended_site_makes_the_host_whole(lab: Lab, broken: Desk) -> None:
    machine = lab.container("edge1")
    broken.type("apply", "--quarantine", "--limit", "edge1", expect_exit=5)
    serving = nginx_of(machine)

    again = broken.type("apply", "--quarantine", "--limit", "edge1", "--json", expect_exit=5).host

    assert (again["state"], again["changes"]) == ("incomplete", [])
    assert [held["site"] for held in again["quarantined"]] == ["abc"]
    assert nginx_of(machine) == serving
    plan = broken.type("plan", "--limit", "edge1", "--exit-code", "--json", expect_exit=3).host
    assert "/etc/nginx/deployer/sites/abc.conf" in {change["subject"] for change in plan["changes"]}
    assert [text for text in plan["warnings"] if f"in release {serving.linked} abc stays as it is" in text]
    assert broken.type("apply", "--limit", "edge1", "--json", expect_exit=5).host["state"] == "refused"

    broken.edit("raw: proxy_pas http://127.0.0.1:1;", 'raw: add_header X-Mended "yes" always;')
    whole = broken.type("apply", "--limit", "edge1", "--json", expect_exit=None).host

    assert (whole["state"], whole["quarantined"], whole["warnings"]) == ("changed", [], []), whole
    assert lab.get("/typo").headers["x-mended"] == "yes"
    assert lab.get(f"{API}/hello").headers["location"] == "/api/"


def test_a_rollback_from_quarantine_is_the_release_before(lab: Lab, broken: Desk) -> None:
    before = linked(lab.container("edge1"))
    broken.type("apply", "--quarantine", "--limit", "edge1", expect_exit=5)

    broken.type("rollback", "--limit", "edge1")

    assert linked(lab.container("edge1")) == before
    assert lab.get(f"{API}/hello").status_code != 302


TWO_SITES = """
all:
  hosts:
    {name}:
      ansible_connection: docker
      ansible_user: root
      sites:
        - name: good
          server_names: good.test
          locations: [{{path: /, redirect: {{to: /good, status: 302}}}}]
        - name: bad
          server_names: bad.test
          raw: proxy_pas http://127.0.0.1:1;
          locations: [{{path: /, redirect: {{to: /bad, status: 302}}}}]
"""


@pytest.fixture
def own(applied_lab: Lab, tmp_path: Path) -> Iterator[OwnHost]:
    """A bare host that is to have two sites, one of them misspelt."""
    with own_host(applied_lab, tmp_path) as host:
        host.desk.inventory.write_text(TWO_SITES.format(name=host.name))
        yield host


def test_a_bad_site_without_a_good_version_stays_away_from_a_new_host(own: OwnHost) -> None:
    # All or nothing first: what that leaves behind is the welcome page of nginx's package.
    assert own.desk.type("apply", "--json", expect_exit=5).host["state"] == "refused"
    assert "Welcome to nginx" in own.fetch(name="bad.test")

    outcome = own.desk.type("apply", "--quarantine", "--json", expect_exit=5).host

    assert outcome["message"].endswith("; bad stays away: nginx refused the new configuration"), outcome
    assert "302 Found" in own.fetch("/x", name="good.test")
    with pytest.raises(subprocess.CalledProcessError):  # the connection is closed: nobody has this name
        own.fetch("/x", name="bad.test")
    own.desk.edit("raw: proxy_pas http://127.0.0.1:1;", "raw: etag off;")
    assert own.desk.type("apply", "--json").host["state"] == "changed"
    assert "302 Found" in own.fetch("/x", name="bad.test")
