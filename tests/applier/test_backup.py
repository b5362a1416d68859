"""Changes by hand on a host that is a directory: what is seen of them, and what is kept before they go."""

from dataclasses import replace
from pathlib import Path

from conftest import Machine

from deployer.drift import drift
from deployer.outcome import Action, Change
from deployer.release import ORIGINAL

KEPT = "/var/lib/deployer/backup"
TREE = "/etc/nginx/deployer"


def drifted(machine: Machine) -> tuple[Change, ...]:
    seen = machine.observe()
    return drift(machine.former(seen), seen)


def inside(machine: Machine, path: str) -> Path:
    """The file of the current release that the link at `path` leads to."""
    return machine.path(f"/etc/deployer/current/root{path}").resolve()


def test_nothing_is_drift_after_an_apply_a_rollback_and_a_second_apply(machine: Machine) -> None:
    _, first = machine.apply(machine.bundle('return 200 "one";', etc_nginx_deployer_maps="1"))
    assert drifted(machine) == ()
    machine.apply(machine.bundle('return 200 "two";', etc_nginx_deployer_maps="2"))
    assert drifted(machine) == ()
    machine.rollback(first)

    assert drifted(machine) == ()
    assert not machine.path(KEPT).exists()


def test_files_of_others_below_our_folders_are_seen_and_survive_an_apply(machine: Machine) -> None:
    machine.apply(machine.bundle('return 200 "one";', etc_nginx_deployer_maps="1"))
    stray = machine.write(f"{TREE}/sites/my site.conf", "# mine\n")
    beside = machine.write("/etc/deployer/releases/notes.txt", "mine\n")
    copy = machine.path("/etc/deployer/releases/20200101T000000Z-copy")
    copy.mkdir()
    elsewhere = machine.write("/etc/nginx/conf.d/theirs.conf", "# not our folder\n")

    seen = [(one.action, one.subject) for one in drifted(machine)]
    for number in range(6):
        machine.apply(machine.bundle(f'return 200 "{number}";', etc_nginx_deployer_maps="1"))

    assert seen == [
        (Action.LEAVE, "/etc/deployer/releases/notes.txt"),
        (Action.LEAVE, f"{TREE}/sites/my site.conf"),
        (Action.LEAVE, copy.name),
    ]
    assert all(path.exists() for path in (stray, beside, copy, elsewhere))


def test_a_file_whose_name_could_speak_for_the_script_is_left_out(machine: Machine) -> None:
    machine.apply(machine.bundle(etc_nginx_deployer_maps="1"))
    machine.write(f"{TREE}/a\ndeployer\tcurrent\tnone\nb", "")

    seen = machine.observe()

    assert seen.foreign == ()
    assert seen.current != "none"


def test_what_dpkg_leaves_beside_nginx_conf_is_a_leftover_and_no_drift(machine: Machine) -> None:
    machine.apply(machine.bundle())
    machine.write("/etc/nginx/nginx.conf.dpkg-new", "# theirs\n")

    assert machine.observe().leftovers == ("/etc/nginx/nginx.conf.dpkg-new",)
    assert drifted(machine) == ()


def test_an_edited_file_of_the_release_is_kept_with_its_mode_before_another_replaces_it(
    machine: Machine,
) -> None:
    bundle = machine.bundle(srv_page="ours", srv_other="same")
    machine.apply(bundle)
    inside(machine, "/srv/page").write_text("by hand")
    inside(machine, "/srv/page").chmod(0o640)

    applied, _ = machine.apply(bundle)

    assert applied.ending == "ok"
    assert list(applied.kept) == ["/srv/page"]
    kept = machine.path(applied.kept["/srv/page"])
    assert applied.kept["/srv/page"].startswith(f"{KEPT}/")
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == ("by hand", 0o640)
    assert machine.path("/srv/page").read_text() == "ours"
    assert (
        f"kept\t/srv/page in {applied.kept['/srv/page']}\n"
        in machine.path("/var/lib/deployer/journal").read_text()
    )
    assert machine.path(KEPT).stat().st_mode & 0o777 == 0o700
    assert drifted(machine) == ()


def test_a_file_of_which_only_the_mode_was_changed_is_kept_too(machine: Machine) -> None:
    bundle = machine.bundle(srv_page="ours")
    machine.apply(bundle)
    inside(machine, "/srv/page").chmod(0o600)

    applied, _ = machine.apply(bundle)

    assert machine.path(applied.kept["/srv/page"]).stat().st_mode & 0o777 == 0o600


def test_a_file_in_the_place_of_the_link_is_kept_also_when_it_leaves_the_inventory(machine: Machine) -> None:
    machine.apply(machine.bundle(srv_page="ours", srv_gone="ours"))
    for path in ("/srv/page", "/srv/gone"):
        machine.path(path).unlink()
        machine.write(path, f"by hand {path}")

    applied, _ = machine.apply(machine.bundle(srv_page="ours"))

    assert {path: machine.path(kept).read_text() for path, kept in applied.kept.items()} == {
        "/srv/page": "by hand /srv/page",
        "/srv/gone": "by hand /srv/gone",
    }
    assert machine.path("/srv/page").is_symlink()


def test_link_and_release_changed_apart_are_both_kept(machine: Machine) -> None:
    bundle = machine.bundle(srv_page="ours")
    _, release = machine.apply(bundle)
    inside(machine, "/srv/page").write_text("in the release")
    machine.path("/srv/page").unlink()
    machine.write("/srv/page", "in its place")

    applied, _ = machine.apply(bundle)

    assert {path: machine.path(kept).read_text() for path, kept in applied.kept.items()} == {
        "/srv/page": "in its place",
        f"/etc/deployer/releases/{release}/root/srv/page": "in the release",
    }


def test_a_file_that_others_put_into_the_release_is_kept_when_it_is_left_behind(machine: Machine) -> None:
    _, release = machine.apply(machine.bundle('return 200 "one";'))
    path = f"/etc/deployer/releases/{release}/root/etc/nginx/mine.conf"
    machine.write(path, "# mine\n")
    assert [(one.action, one.subject) for one in drifted(machine)] == [(Action.LEAVE, path)]

    applied, _ = machine.apply(machine.bundle('return 200 "two";'))

    assert machine.path(path).exists()
    assert machine.path(applied.kept[path]).read_text() == "# mine\n"


def test_what_was_there_before_us_is_not_overwritten_by_what_is_put_there_again(machine: Machine) -> None:
    default = machine.write("/etc/nginx/sites-enabled/default", "Debian's")
    machine.path("/etc/nginx/nginx.conf").write_bytes(machine.config('return 200 "theirs";', endpoint=False))
    bundle = replace(machine.bundle(), absent=frozenset({"/etc/nginx/sites-enabled/default"}))
    machine.apply(bundle)
    default.write_text("by hand")
    assert [(one.action, one.subject) for one in drifted(machine)] == [
        (Action.REMOVE, "/etc/nginx/sites-enabled/default")
    ]

    applied, _ = machine.apply(bundle)

    assert not default.exists()
    assert machine.path(applied.kept["/etc/nginx/sites-enabled/default"]).read_text() == "by hand"
    assert machine.rollback(ORIGINAL).ending == "ok"
    assert default.read_text() == "Debian's"


def test_a_rollback_keeps_what_it_replaces(machine: Machine) -> None:
    _, first = machine.apply(machine.bundle(srv_page="one"))
    machine.apply(machine.bundle(srv_page="two"))
    inside(machine, "/srv/page").write_text("by hand")

    applied = machine.rollback(first)

    assert machine.path(applied.kept["/srv/page"]).read_text() == "by hand"
    assert machine.path("/srv/page").read_text() == "one"


def test_as_many_backups_are_kept_as_releases(machine: Machine) -> None:
    bundle = machine.bundle(srv_page="ours")
    machine.apply(bundle)
    theirs = machine.write(f"{KEPT}/theirs/page", "x")
    for number in range(7):
        inside(machine, "/srv/page").write_text(f"by hand {number}")
        machine.apply(bundle)

    runs = sorted(path for path in machine.path(KEPT).iterdir() if path.name != "theirs")

    assert [(run / "srv/page").read_text() for run in runs] == [f"by hand {n}" for n in range(2, 7)]
    assert theirs.exists()


def test_a_backup_that_cannot_be_made_refuses_the_run_before_the_switch(machine: Machine) -> None:
    bundle = machine.bundle(srv_page="ours")
    _, release = machine.apply(bundle)
    inside(machine, "/srv/page").write_text("by hand")
    machine.write(KEPT, "in the way")

    applied, _ = machine.apply(bundle)

    assert (applied.ending, applied.reason) == ("refused", "what was changed by hand cannot be kept")
    assert machine.observe().current == release
    assert machine.path("/srv/page").read_text() == "by hand"
