"""Changes by hand are told apart from what the inventory wants, each kind in its own words."""

import io
from collections.abc import Sequence
from dataclasses import replace

import pytest
from rich.console import Console, RenderableType
from test_plan import BUNDLE, CONF, HERE, PAGE, RUNNING, deployed

from deployer.applier.events import Event
from deployer.applier.observe import read_observation
from deployer.bundle import Bundle, Directory, File, Service
from deployer.deploy.drifting import notices, refused, undone, with_backups
from deployer.drift import CURRENT_ROOT, drift, leftovers
from deployer.facts import LiveFile, Observation, Release, ServiceState
from deployer.outcome import Action, Change, Outcome, Phase, State
from deployer.plan import Plan, make_plan
from deployer.release import ORIGINAL, Target, target_of
from deployer.report import document, text
from deployer.report.words import next_step

STRAY = "/etc/nginx/deployer/sites/mine.conf"


def plan(seen: Observation, wanted: Bundle = BUNDLE, former: Bundle = BUNDLE) -> Plan:
    return make_plan(target_of(wanted), seen, former=target_of(former), certificates={})


def with_page(live: LiveFile) -> Observation:
    seen = deployed()
    return replace(seen, files={**seen.files, PAGE: live})


def page(**changed: object) -> LiveFile:
    live = deployed().files[PAGE]
    return replace(live, **changed)  # type: ignore[arg-type]  # the tests name fields of LiveFile


@pytest.mark.parametrize(
    ("seen", "action", "subject", "said"),
    [
        (with_page(page(sha256="f" * 64)), "update", PAGE, "its content was changed on the host"),
        (with_page(page(mode=0o666)), "update", PAGE, "it was made 0666 root:root on the host"),
        (with_page(page(owner="ada")), "update", PAGE, "it was made 0640 ada:root on the host"),
        (
            with_page(page(sha256="f" * 64, mode=0o600)),
            "update",
            PAGE,
            "its content was changed and it was made 0600 root:root on the host",
        ),
        (with_page(page(link="")), "update", PAGE, "it was replaced on the host"),
        (with_page(page(link="/home/ada/page")), "update", PAGE, "it was replaced on the host"),
        (with_page(LiveFile()), "update", PAGE, "it was deleted on the host"),
        (
            with_page(LiveFile(link=CURRENT_ROOT + PAGE)),
            "update",
            PAGE,
            "what its link leads to was deleted on the host",
        ),
        (
            deployed(services={"nginx": ServiceState(active=False, enabled=True)}, running=""),
            "start",
            "nginx",
            "it was stopped on the host",
        ),
        (
            deployed(services={"nginx": ServiceState(active=True, enabled=False)}),
            "enable",
            "nginx",
            "it was disabled on the host",
        ),
        (
            deployed(running="20250101T000000Z-000000"),
            "reload",
            "nginx",
            "it runs 20250101T000000Z-000000, not the release that is linked",
        ),
        (
            deployed(directories={"/srv/www": LiveFile(mode=0o777, owner="root", group="root")}),
            "update",
            "/srv/www",
            "it was made 0777 root:root on the host",
        ),
        (deployed(directories={"/srv/www": LiveFile()}), "create", "/srv/www", "it was deleted on the host"),
        (deployed(packages={"nginx": ""}), "install", "nginx", "it was removed from the host"),
    ],
)
def test_each_kind_of_change_by_hand_is_named_and_has_no_other_reason(
    seen: Observation, action: str, subject: str, said: str
) -> None:
    made = plan(seen)

    assert [(one.action.value, one.subject, one.drift, one.detail) for one in made.drift] == [
        (action, subject, said, "")
    ]
    by_hand = [one for one in made.changes if one.drift]
    assert [(one.action.value, one.subject, one.drift, one.detail) for one in by_hand] == [
        (action, subject, said, "")
    ]


def test_a_host_as_it_was_deployed_has_no_drift() -> None:
    assert drift(target_of(BUNDLE), deployed()) == ()


@pytest.mark.parametrize("current", ["", ORIGINAL])
def test_a_host_without_a_release_of_ours_has_no_drift(current: str) -> None:
    seen = deployed(current=current, foreign=(STRAY,))

    assert drift(Target(""), seen) == ()


def test_what_the_inventory_adds_is_no_drift() -> None:
    more = replace(
        BUNDLE,
        directories={**BUNDLE.directories, "/srv/new": Directory()},
        services=(*BUNDLE.services, Service("php8.2-fpm")),
    )
    seen = deployed(
        directories={**deployed().directories, "/srv/new": LiveFile()},
        services={"nginx": RUNNING, "php8.2-fpm": ServiceState(active=False, enabled=False)},
    )

    made = plan(seen, more)

    assert made.drift == ()
    assert not any(change.drift for change in made.changes)


def test_a_service_that_the_inventory_leaves_alone_may_be_disabled() -> None:
    free = replace(BUNDLE, services=(Service("nginx", enabled=None),))

    assert plan(deployed(services={"nginx": ServiceState(True, enabled=False)}), free, free).drift == ()


def test_a_file_that_the_inventory_changes_too_has_both_reasons() -> None:
    wanted = replace(BUNDLE, files={**BUNDLE.files, PAGE: File(b"bye\n", mode=0o640)})

    (change,) = (one for one in plan(with_page(page(link="")), wanted).changes if one.kind == "file")

    assert (change.detail, change.drift) == ("content", "it was replaced on the host")


def test_an_edited_file_that_leaves_the_inventory_has_both_reasons() -> None:
    smaller = replace(BUNDLE, files={CONF: BUNDLE.files[CONF]})

    (change,) = (one for one in plan(with_page(page(mode=0o666)), smaller).changes if one.subject == PAGE)

    assert (change.action, change.detail) == (Action.REMOVE, "no longer wanted")
    assert change.drift == "it was made 0666 root:root on the host"


def test_what_had_to_be_absent_and_is_there_again_is_drift() -> None:
    default = "/etc/nginx/sites-enabled/default"
    without = replace(BUNDLE, absent=frozenset({default}))
    seen = deployed(without)
    seen = replace(seen, files={**seen.files, default: LiveFile("a" * 64, 0o644, "root", "root")})

    (change,) = plan(seen, without, without).drift

    assert (change.action, change.subject, change.drift) == (
        Action.REMOVE,
        default,
        "it was put there again on the host",
    )


def test_a_run_that_died_before_it_confirmed_is_nobodys_hand() -> None:
    seen = deployed(running="20250101T000000Z-000000", releases=(Release(HERE, confirmed=False),))

    made = plan(seen)

    assert made.drift == ()
    assert [(one.action, one.drift) for one in made.changes] == [(Action.RELOAD, "")]


def test_a_damaged_release_is_drift() -> None:
    assert [one.drift for one in drift(Target(""), deployed())] == [
        "its release.json was changed on the host"
    ]
    gone = deployed(releases=())
    assert [one.drift for one in drift(target_of(BUNDLE), gone)] == ["it was deleted on the host"]
    bare = deployed(manifests={})
    assert [one.drift for one in drift(target_of(BUNDLE), bare)] == ["its manifest was deleted on the host"]


def test_files_of_others_are_shown_and_change_nothing() -> None:
    releases = (Release(HERE, True, "{}"), Release("copy", False), Release(ORIGINAL, True))
    seen = deployed(foreign=(STRAY, PAGE), releases=releases)

    made = plan(seen)

    assert [(one.action, one.kind, one.subject) for one in made.drift] == [
        (Action.LEAVE, "file", STRAY),
        (Action.LEAVE, "release", "copy"),
    ]
    assert made.changes == ()
    assert undone(made.drift) == ()


def test_what_dpkg_leaves_beside_a_managed_file_is_told_and_is_no_drift() -> None:
    seen = deployed(leftovers=("/etc/nginx/nginx.conf.dpkg-new",))

    assert plan(seen).drift == ()
    (sentence,) = leftovers(seen)
    assert "/etc/nginx/nginx.conf.dpkg-new" in sentence


def test_an_observation_names_files_of_others_and_leftovers() -> None:
    seen = read_observation([Event("foreign", (STRAY,)), Event("leftover", ("/a.dpkg-dist",))])

    assert (seen.foreign, seen.leftovers) == ((STRAY,), ("/a.dpkg-dist",))


EDITED = Change(Action.UPDATE, "file", PAGE, drift="its content was changed on the host")
STOPPED = Change(Action.START, "service", "nginx", drift="it was stopped on the host")
FOREIGN = Change(Action.LEAVE, "file", STRAY, drift="not put there by deployer")
WANTED = Change(Action.UPDATE, "file", CONF, "content")


def test_before_an_apply_a_line_per_change_says_what_happens_to_it() -> None:
    assert notices((EDITED, STOPPED, FOREIGN)) == (
        f"overwrites file {PAGE}: its content was changed on the host; kept below /var/lib/deployer/backup",
        "undoes service nginx: it was stopped on the host",
    )


def test_a_host_that_keeps_its_drift_is_refused_with_each_change_named_and_a_next_step() -> None:
    outcome = refused("edge1", HERE, (EDITED, STOPPED, FOREIGN))

    assert outcome.state.exit_code == 5
    assert outcome.said == (
        f"file {PAGE}: its content was changed on the host",
        "service nginx: it was stopped on the host",
    )
    assert "--keep-drift" in next_step(outcome, "apply", "inventory.yaml")
    assert "deployer plan inventory.yaml --limit edge1" in next_step(outcome, "apply", "inventory.yaml")


def test_what_the_host_kept_is_told_also_where_it_was_changed_during_the_run() -> None:
    told = with_backups((EDITED, STOPPED), {PAGE: "/kept/page", CONF: "/kept/conf"})

    assert [(one.subject, one.backup) for one in told] == [
        (PAGE, "/kept/page"),
        ("nginx", ""),
        (CONF, "/kept/conf"),
    ]
    assert told[2].drift == "it was changed during this run"


def printed(lines: Sequence[RenderableType]) -> str:
    stream = io.StringIO()
    screen = Console(file=stream, width=10_000, markup=False, highlight=False)
    for line in lines:
        screen.print(line, soft_wrap=True)
    return stream.getvalue()


def test_a_plan_shows_changes_by_hand_in_a_section_of_their_own() -> None:
    changes, others = (WANTED, EDITED), (EDITED, FOREIGN)
    outcome = Outcome("edge1", State.PLANNED, Phase.PLAN, changes=changes, drift=others)
    clean = Outcome("edge2", State.UNCHANGED, Phase.PLAN)

    assert printed(text.planned([outcome, clean], diff=False)).splitlines() == [
        "edge1: 1 to change, 2 changed by hand",
        f"  ~ update file {CONF}  (content)",
        "  changed by hand; an apply overwrites it:",
        f"  ! update file {PAGE}  (its content was changed on the host)",
        "  put there by hand; no apply touches it:",
        f"  ? leave file {STRAY}  (not put there by deployer)",
        "edge2: nothing to do",
        "to change: 1  changed by hand: 1  unchanged: 1  failed: 0",
    ]
    assert document.summary([outcome, clean])["drifted"] == 1


def test_an_apply_says_where_the_host_keeps_what_it_overwrote() -> None:
    kept = replace(EDITED, backup="/var/lib/deployer/backup/20261122T101500Z-7/srv/www/index.html")
    outcome = Outcome("edge1", State.CHANGED, Phase.CONFIRM, serving=HERE, drift=(kept, FOREIGN))

    told = printed(text.applied([outcome], diff=False, verbose=False))

    assert f"its content was changed on the host; that version is kept in {kept.backup}\n" in told
    assert f"file {STRAY}: not put there by deployer; left alone\n" in told
