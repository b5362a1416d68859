"""Somebody changed a host by hand: told apart from the inventory, kept before it goes, or refused."""

from collections.abc import Iterator
from typing import Any

import pytest
from operating import Desk, as_the_lab_is, linked
from testinfra.host import Host as Machine
from visiting import Lab

TREE = "/etc/nginx/deployer"
INSIDE = f"/etc/deployer/current/root{TREE}"
STRAY = f"{TREE}/sites/mine.conf"
BACKUP = "/var/lib/deployer/backup"
HELLO = ("- path: /hello", "  redirect: {to: /one, status: 302}")
SITE = f"{TREE}/sites/abc.conf"
DAMAGES = {
    f"echo '# by hand' >>{INSIDE}/maps.conf": ("file", f"{TREE}/maps.conf", "its content was changed"),
    f"chmod 0600 {INSIDE}/tls.conf": ("file", f"{TREE}/tls.conf", "it was made 0600 root:root"),
    f"chown www-data {INSIDE}/proxy.conf": (
        "file",
        f"{TREE}/proxy.conf",
        "it was made 0644 www-data:root",
    ),
    "sed -i '1i # by hand' /etc/nginx/nginx.conf": ("file", "/etc/nginx/nginx.conf", "it was replaced"),
    f"rm {TREE}/mime.types": ("file", f"{TREE}/mime.types", "it was deleted"),
    "systemctl stop nginx": ("service", "nginx", "it was stopped"),
    "systemctl disable -q nginx": ("service", "nginx", "it was disabled"),
}
OVERWRITTEN = {f"{TREE}/maps.conf", f"{TREE}/tls.conf", f"{TREE}/proxy.conf", "/etc/nginx/nginx.conf"}


@pytest.fixture
def changed(lab: Lab, desk: Desk) -> Iterator[Machine]:
    """edge2 after somebody had a root shell there, and an inventory that wants something new."""
    desk.add_location(*HELLO)
    machine = lab.container("edge2")
    for damage in (*DAMAGES, f"echo '# mine' >{STRAY}", "mkdir -p /etc/deployer/releases/copy"):
        machine.check_output(damage)
    yield machine
    machine.check_output(f"rm -rf {STRAY} /etc/deployer/releases/copy")
    as_the_lab_is("edge2")


def told(entries: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    return {(one["kind"], one["subject"], one["drift"]) for one in entries if one["action"] != "leave"}


EXPECTED = {(kind, subject, f"{what} on the host") for kind, subject, what in DAMAGES.values()}


def test_plan_and_status_tell_changes_by_hand_from_those_of_the_inventory(
    desk: Desk, changed: Machine
) -> None:
    planned = desk.type("plan", "--limit", "edge2", "--exit-code", "--json", expect_exit=3)
    words = desk.type("plan", "--limit", "edge2", "--no-diff").stdout
    stands = desk.type("status", "--limit", "edge2", "--json").host

    assert told(planned.host["drift"]) == EXPECTED
    assert told(stands["drift"]) == EXPECTED
    left = [one["subject"] for one in planned.host["drift"] if one["action"] == "leave"]
    assert left == ["/etc/deployer/releases/copy", STRAY]
    wanted = {one["subject"] for one in planned.host["changes"] if not one["drift"]}
    assert wanted == {SITE}
    assert {one["subject"] for one in stands["changes"]} == {SITE}
    assert planned.document["summary"]["drifted"] == 1
    assert "edge2: 1 to change, 9 changed by hand\n" in words
    assert f"  ~ update file {SITE}  (content)\n  changed by hand; an apply overwrites it:\n" in words
    assert "  ! update file /etc/nginx/nginx.conf  (it was replaced on the host)\n" in words
    assert f"  ? leave file {STRAY}  (not put there by deployer)\n" in words
    assert "to change: 1  changed by hand: 1  unchanged: 0  failed: 0" in words


def test_keep_drift_refuses_and_touches_nothing(desk: Desk, changed: Machine) -> None:
    before = (linked(changed), changed.check_output("md5sum /etc/nginx/nginx.conf"))

    refused = desk.type("apply", "--limit", "edge2", "--keep-drift", "--json", expect_exit=5).host

    assert (refused["state"], refused["phase"]) == ("refused", "plan")
    assert set(refused["said"]) == {f"{kind} {subject}: {what}" for kind, subject, what in EXPECTED}
    assert "deployer plan inventory.yaml --limit edge2" in refused["next_step"]
    assert (linked(changed), changed.check_output("md5sum /etc/nginx/nginx.conf")) == before
    assert not changed.service("nginx").is_running


def test_apply_says_what_it_will_overwrite_and_keeps_it(lab: Lab, desk: Desk, changed: Machine) -> None:
    applied = desk.type("apply", "--limit", "edge2", "--json")

    said = applied.stderr.splitlines()
    for subject in OVERWRITTEN:
        (line,) = (number for number, text in enumerate(said) if f"overwrites file {subject}: " in text)
        assert said[line].startswith("edge2: stage: ")
        assert f"kept below {BACKUP}" in said[line]
        assert line < said.index("edge2: switch")
    kept = {one["subject"]: one["backup"] for one in applied.host["drift"] if one["backup"]}
    assert kept.keys() == OVERWRITTEN
    assert changed.file(kept["/etc/nginx/nginx.conf"]).content_string.startswith("# by hand\n")
    assert changed.file(kept[f"{TREE}/maps.conf"]).content_string.endswith("# by hand\n")
    assert changed.file(kept[f"{TREE}/tls.conf"]).mode == 0o600
    assert changed.file(kept[f"{TREE}/proxy.conf"]).user == "www-data"
    journal = changed.file("/var/lib/deployer/journal").content_string
    assert all(f"\tkept\t{subject} in {path}\n" in journal for subject, path in kept.items())
    assert lab.get("/hello", edge="edge2").status_code == 302
    assert changed.service("nginx").is_running
    assert changed.service("nginx").is_enabled
    assert changed.file("/etc/nginx/nginx.conf").is_symlink
    assert changed.file(STRAY).content_string == "# mine\n"
    again = desk.type("plan", "--limit", "edge2", "--exit-code", "--json", expect_exit=3).host
    assert (again["changes"], told(again["drift"])) == ([], set())
    changed.check_output(f"rm -rf {STRAY} /etc/deployer/releases/copy")
    assert desk.type("plan", "--limit", "edge2", "--exit-code", "--json").host["drift"] == []


def test_the_report_of_an_apply_says_where_the_overwritten_version_lies(lab: Lab, desk: Desk) -> None:
    machine = lab.container("edge2")
    machine.check_output("sed -i '1i # by hand' /etc/nginx/nginx.conf")

    words = desk.type("apply", "--limit", "edge2").stdout

    (line,) = (line for line in words.splitlines() if "that version is kept in" in line)
    assert line.startswith("edge2: changed by hand: file /etc/nginx/nginx.conf: it was replaced on the host")
    assert machine.file(line.rpartition(" ")[2]).content_string.startswith("# by hand\n")


def test_a_link_that_was_moved_by_hand_is_told_from_what_runs(desk: Desk, lab: Lab) -> None:
    machine = lab.container("edge2")
    before = linked(machine)
    desk.add_location(*HELLO)
    desk.type("apply", "--limit", "edge2")
    runs = linked(machine)
    machine.check_output("ln -sfn /etc/deployer/releases/%s /etc/deployer/current", before)

    stands = desk.type("status", "--limit", "edge2", "--json").host
    planned = desk.type("plan", "--limit", "edge2", "--exit-code", "--json", expect_exit=3).host

    sentence = f"it runs {runs}, not the release that is linked"
    assert told(stands["drift"]) == {("service", "nginx", sentence)}
    assert (stands["linked"], stands["serving"]) == (before, runs)
    assert ("service", "nginx", sentence) in told(planned["changes"])
    desk.type("apply", "--limit", "edge2")
    assert desk.type("plan", "--limit", "edge2", "--exit-code", "--json").host["drift"] == []


UPGRADE = """
set -e
mkdir -p /tmp/upgrade && cd /tmp/upgrade
apt-get -qq download nginx-common
dpkg-deb -R nginx-common_*.deb tree
echo '# the next version' >>tree/etc/nginx/nginx.conf
echo '# the next version' >>tree/etc/nginx/fastcgi_params
sed -i 's/^Version: .*/&+test1/' tree/DEBIAN/control
dpkg-deb -b tree next.deb
DEBIAN_FRONTEND=noninteractive dpkg --force-confold -i next.deb
"""
DOWNGRADE = """
cd /tmp/upgrade && dpkg --force-confold --force-downgrade -i nginx-common_*.deb
rm -rf /tmp/upgrade /etc/nginx/nginx.conf.dpkg-*
"""
# What logrotate does by Debian's configuration for nginx; a bare host has no logrotate.
ROTATION = "mv /var/log/nginx/access.log /var/log/nginx/access.log.1; invoke-rc.d nginx rotate"


@pytest.mark.parametrize("routine", [ROTATION, "systemctl reload nginx", "systemctl restart nginx"])
def test_the_routine_of_a_host_is_no_drift(lab: Lab, desk: Desk, routine: str) -> None:
    lab.container("edge2").check_output(routine)

    planned = desk.type("plan", "--limit", "edge2", "--exit-code", "--json").host

    assert (planned["changes"], planned["drift"], planned["warnings"]) == ([], [], [])


def test_an_upgrade_of_nginx_that_brings_another_nginx_conf_is_no_drift(lab: Lab, desk: Desk) -> None:
    machine = lab.container("edge2")
    machine.check_output(UPGRADE)
    try:
        planned = desk.type("plan", "--limit", "edge2", "--exit-code", "--json").host
        left = machine.check_output("ls -d /etc/nginx/nginx.conf.dpkg-*").split()
    finally:
        machine.check_output(DOWNGRADE)

    assert (planned["changes"], planned["drift"]) == ([], [])
    assert len(left) == 1
    assert left[0] in " ".join(planned["warnings"])
