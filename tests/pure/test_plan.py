from dataclasses import replace

import pytest

from deployer.bundle import RELEASE_TOKEN, Bundle, Command, Directory, File, Service
from deployer.diffs import with_diffs
from deployer.drift import CURRENT_ROOT
from deployer.facts import LiveFile, Observation, Release, ServiceState
from deployer.outcome import Action
from deployer.plan import Plan, make_plan, unanswered
from deployer.release import Record, Target, manifest, parse_record, target_of

CONF = "/etc/nginx/nginx.conf"
PAGE = "/srv/www/index.html"
HERE = "20261122T101500Z-3f9a1c"
BUNDLE = Bundle(
    files={CONF: File(f"# {RELEASE_TOKEN}\n".encode()), PAGE: File(b"hello\n", mode=0o640)},
    directories={"/srv/www": Directory()},
    packages=("nginx",),
    services=(Service("nginx", watches=frozenset({CONF})),),
)
RUNNING = ServiceState(active=True, enabled=True)


def deployed(bundle: Bundle = BUNDLE, **changed: object) -> Observation:
    """A host on which `bundle` runs as release HERE, and what of it is otherwise."""
    entries = manifest(bundle, HERE)
    seen = Observation(
        current=HERE,
        running=HERE,
        releases=(Release(HERE, confirmed=True),),
        manifests={HERE: entries},
        files={
            path: LiveFile(entry.sha256, entry.mode, entry.owner, entry.group, CURRENT_ROOT + path)
            for path, entry in entries.items()
        },
        packages=dict.fromkeys(bundle.packages, "1.22.1"),
        services={service.name: RUNNING for service in bundle.services},
        directories={path: LiveFile(mode=0o755, owner="root", group="root") for path in bundle.directories},
    )
    return replace(seen, **changed)  # type: ignore[arg-type]  # the tests name fields of Observation


def plan(
    wanted: Bundle = BUNDLE, seen: Observation | None = None, former: Bundle = BUNDLE, **options: object
) -> Plan:
    return make_plan(
        target_of(wanted),
        seen or deployed(),
        former=target_of(former),
        certificates=options.get("certificates", {}),  # type: ignore[arg-type]  # a dict, or absent
    )


def told(made: Plan) -> list[tuple[str, str]]:
    return [(change.action.value, change.subject) for change in made.changes]


def test_a_host_that_has_everything_needs_nothing() -> None:
    assert plan() == replace(plan(), changes=(), new_release=False)
    assert plan().changes == ()


def test_a_bare_host_gets_everything() -> None:
    bare = Observation(
        packages={"nginx": ""},
        services={"nginx": ServiceState(active=False, enabled=False)},
        directories={"/srv/www": LiveFile()},
    )

    made = make_plan(target_of(BUNDLE), bare, former=Target(""), certificates={"abc": "no certificate yet"})

    assert told(made) == [
        ("install", "nginx"),
        ("create", "/srv/www"),
        ("create", "abc"),
        ("create", CONF),
        ("create", PAGE),
        ("enable", "nginx"),
        ("start", "nginx"),
    ]
    assert made.new_release


def test_a_moved_line_in_the_inventory_is_no_change() -> None:
    before = Bundle(files={CONF: File(b"# from inventory.yaml:31 sites[0]\nlisten 80;\n")})
    after = Bundle(files={CONF: File(b"# from inventory.yaml:99 sites[0]\nlisten 80;\n")})

    assert plan(after, deployed(before), before).changes == ()


def test_a_page_that_changes_moves_nginx_to_the_new_release_too() -> None:
    changed = replace(BUNDLE, files={**BUNDLE.files, PAGE: File(b"bye\n", mode=0o640)})

    assert told(plan(changed)) == [("update", PAGE), ("reload", "nginx")]


@pytest.mark.parametrize(
    ("live", "why"),
    [
        (LiveFile(), "deleted"),
        (LiveFile("f" * 64, 0o640, "root", "root", ""), "replaced"),
        (LiveFile("f" * 64, 0o640, "root", "root", CURRENT_ROOT + PAGE), "content was changed"),
    ],
)
def test_what_others_did_to_a_file_is_drift(live: LiveFile, why: str) -> None:
    seen = deployed()
    seen = replace(seen, files={**seen.files, PAGE: live})

    change = plan(seen=seen).changes[0]

    assert (change.action, change.subject) == (Action.UPDATE, PAGE)
    assert change.detail == ""
    assert why in change.drift


def test_a_mode_that_others_changed_is_drift() -> None:
    seen = deployed()
    seen = replace(seen, files={**seen.files, PAGE: replace(seen.files[PAGE], mode=0o666)})

    assert plan(seen=seen).changes[0].drift == "it was made 0666 root:root on the host"


def test_a_file_that_nobody_wants_any_more_is_removed() -> None:
    smaller = replace(BUNDLE, files={CONF: BUNDLE.files[CONF]})

    made = plan(smaller)

    assert ("remove", PAGE) in told(made)
    assert made.unlinks == (PAGE,)


def test_a_file_of_theirs_in_our_place_is_said_to_be_kept() -> None:
    more = replace(BUNDLE, files={**BUNDLE.files, "/etc/motd": File(b"x")})
    seen = deployed()
    seen = replace(seen, files={**seen.files, "/etc/motd": LiveFile("a" * 64, 0o644, "root", "root")})

    change = plan(more, seen).changes[0]

    assert (change.subject, change.detail) == ("/etc/motd", "not ours yet; kept in releases/original")


def test_a_stopped_service_is_started_and_a_disabled_one_enabled() -> None:
    seen = deployed(services={"nginx": ServiceState(active=False, enabled=False)}, running="")

    assert told(plan(seen=seen)) == [("enable", "nginx"), ("start", "nginx")]


def test_a_reload_that_is_owed_is_not_forgotten() -> None:
    made = plan(seen=deployed(running="20250101T000000Z-000000"))

    assert told(made) == [("reload", "nginx")]
    assert not made.new_release
    assert "20250101T000000Z-000000" in made.changes[0].drift


def test_a_release_that_was_never_confirmed_is_walked_again() -> None:
    made = plan(seen=deployed(releases=(Release(HERE, confirmed=False),)))

    assert told(made) == [("update", HERE)]
    assert made.changes[0].detail == "it was never confirmed"
    assert not made.new_release


def test_a_new_certificate_alone_needs_a_reload_and_no_release() -> None:
    made = plan(certificates={"abc": "ends in 9 days"})

    assert told(made) == [("create", "abc"), ("reload", "nginx")]
    assert not made.new_release


def test_what_is_no_longer_to_be_absent_may_come_back() -> None:
    former = replace(BUNDLE, absent=frozenset({"/etc/nginx/sites-enabled/default"}))

    made = plan(BUNDLE, deployed(former), former)

    assert made.restores == ("/etc/nginx/sites-enabled/default",)


def test_a_host_of_the_same_digest_was_asked_for_all_that_matters() -> None:
    assert unanswered(target_of(BUNDLE), deployed()) == ()


def test_a_bare_host_is_asked_once_more_for_what_the_bundle_names() -> None:
    assert unanswered(target_of(BUNDLE), Observation()) == (
        "package:nginx",
        "service:nginx",
        "dir:/srv/www",
        f"file:{CONF}",
        f"file:{PAGE}",
    )


def test_commands_are_in_the_plan_of_a_new_release() -> None:
    more = replace(BUNDLE, commands=(Command("useradd app", unless="id app"),))

    assert ("run", "useradd app") in told(plan(more))


def with_text(text: bytes) -> Observation:
    seen = deployed()
    return replace(seen, files={**seen.files, CONF: replace(seen.files[CONF], text=text)})


def test_a_diff_shows_what_changes_and_not_the_name_of_the_release() -> None:
    changed = replace(BUNDLE, files={**BUNDLE.files, CONF: File(f"# {RELEASE_TOKEN}\nnew\n".encode())})
    seen = with_text(f"# {HERE}\n".encode())

    (change,) = (one for one in with_diffs(plan(changed, seen).changes, changed, seen) if one.kind == "file")

    assert change.diff.splitlines()[2:] == ["@@ -1 +1,2 @@", " # RELEASE", "+new"]


def test_the_text_of_a_file_that_only_root_may_read_is_never_shown() -> None:
    secret = replace(BUNDLE, files={**BUNDLE.files, CONF: File(b"password\n", mode=0o600)})
    seen = with_text(b"old password\n")

    changes = with_diffs(plan(secret, seen).changes, secret, seen)

    assert not any("password" in change.diff for change in changes)


def test_a_record_reads_back_as_it_was_written() -> None:
    target = target_of(replace(BUNDLE, commands=(Command("echo secret"),)))
    record = Record(
        HERE,
        "original",
        "2026-11-22T10:15:00Z",
        "ops@desk",
        "abc1234",
        "0.1.0",
        (("abc", "/", "static"),),
        target,
    )

    text = record.to_json()

    assert parse_record(text) == replace(record, target=replace(target, files={}, commands=()))
    assert "secret" not in text


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"release": 1}', '{"target": null}'])
def test_a_damaged_record_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_record(text)
