"""Waves on real hosts: the second wave is bad, and what that means for the first."""

import json

from operating import Desk, linked
from visiting import Lab

HELLO = ("- path: /hello", "  redirect: {to: /one, status: 302}")
EDGES = ("--limit", "edge1,edge2")


def test_the_first_bad_wave_takes_the_good_ones_back_and_the_retry_does_it_all(lab: Lab, desk: Desk) -> None:
    before = {name: linked(lab.container(name)) for name in ("edge1", "edge2")}
    desk.add_location(*HELLO)
    desk.set_for("edge2", "nginx_http_raw", "no_such_directive on;")

    told = desk.type("apply", "--serial", "1", "--revert-all", *EDGES, "--json", expect_exit=6)

    assert [entry["state"] for entry in told.document["hosts"]] == ["taken_back", "refused"]
    assert told.document["waves"] == [1, 1]
    assert told.document["stopped"] == "edge2 failed"
    assert told.hosts["edge1"]["serving"] == before["edge1"]
    assert {name: linked(lab.container(name)) for name in before} == before
    assert lab.get("/hello").status_code == 404
    assert "probing 1 host again" in told.stderr

    desk.set_for("edge2", "nginx_http_raw", "")
    again = told.document["retry"].split()
    assert again[:3] == ["deployer", "apply", "inventory.yaml"]
    retried = desk.type("apply", *again[3:])

    assert {entry["state"] for entry in json.loads(retried.stdout)["hosts"]} == {"changed"}
    assert lab.get("/hello").status_code == 302


def test_without_revert_all_the_good_wave_stays_and_the_rest_is_not_started(lab: Lab, desk: Desk) -> None:
    desk.add_location(*HELLO)
    desk.set_for("edge1", "nginx_http_raw", "no_such_directive on;")
    before = linked(lab.container("edge2"))

    told = desk.type("apply", "--serial", "1,100%", *EDGES, expect_exit=5).stdout

    assert "edge2: not started: edge1 failed" in told
    assert told.rstrip().endswith("next: deployer apply inventory.yaml --serial 1,100% --limit edge1,edge2")
    assert linked(lab.container("edge2")) == before


def test_hosts_that_are_left_unconfirmed_are_taken_back_with_the_rest(lab: Lab, desk: Desk) -> None:
    before = linked(lab.container("edge1"))
    desk.add_location(*HELLO)
    desk.set_for("edge2", "nginx_http_raw", "no_such_directive on;")

    told = desk.type(
        "apply", "--serial", "1", "--no-confirm", "--revert-all", *EDGES, "--json", expect_exit=6
    )

    assert [entry["state"] for entry in told.document["hosts"]] == ["taken_back", "refused"]
    assert told.hosts["edge1"]["serving"] == linked(lab.container("edge1")) == before
    assert not lab.container("edge1").file("/var/lib/deployer/pending").exists
    assert lab.get("/hello").status_code == 404


def test_a_site_in_quarantine_stops_the_waves_unless_it_is_borne(lab: Lab, desk: Desk) -> None:
    desk.add_location(*HELLO, "  raw: proxy_pas http://127.0.0.1:1;", "  probe: off")
    apply = ["apply", "--serial", "1", "--quarantine", *EDGES, "--json"]

    first = desk.type(*apply, expect_exit=5).document["hosts"]
    borne = desk.type(*apply, "--max-fail", "2", expect_exit=5).document["hosts"]

    assert [entry["state"] for entry in first] == ["incomplete", "not_started"]
    assert [entry["state"] for entry in borne] == ["incomplete", "incomplete"]
