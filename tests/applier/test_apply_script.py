"""The host's script, end to end, on a host that is a directory."""

import asyncio
import base64
import os
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from conftest import Machine, free_port

from deployer import applier
from deployer.applier.conversation import GO, to_apply
from deployer.bundle import Bundle, Command, Directory, File, Service
from deployer.plan import make_plan
from deployer.release import parse_record, target_of
from deployer.transport import Result
from deployer.transport.local import LocalTransport


def with_file(bundle: Bundle, path: str, file: File) -> Bundle:
    return replace(bundle, files={**bundle.files, path: file})


def test_a_first_apply_starts_nginx_with_the_new_release(machine: Machine) -> None:
    applied, release = machine.apply(machine.bundle('return 200 "one";'))

    assert (applied.ending, applied.phase) == ("ok", "confirm")
    assert machine.get() == "one"
    seen = machine.observe()
    assert (seen.current, seen.running) == (release, release)
    assert seen.by_name[release].confirmed


def test_every_managed_path_is_a_link_into_the_current_release(machine: Machine) -> None:
    machine.apply(machine.bundle(srv_page="hello"))

    link = machine.path("/srv/page")
    assert link.readlink() == machine.path("/etc/deployer/current/root/srv/page")
    assert link.read_text() == "hello"


def test_a_second_apply_reloads_and_leaves_the_master_alone(machine: Machine) -> None:
    machine.apply(machine.bundle('return 200 "one";'))
    master, workers = machine.master(), machine.workers()

    applied, release = machine.apply(machine.bundle('return 200 "two";'))

    assert applied.done == (("reload", "nginx"),)
    assert machine.get() == "two"
    assert machine.master() == master
    assert not machine.workers() & workers
    assert machine.observe().running == release


def test_an_observation_after_an_apply_has_nothing_left_to_do(machine: Machine) -> None:
    bundle = machine.bundle(srv_page="hello")
    machine.apply(bundle)

    seen = machine.observe()

    former = parse_record(seen.by_name[seen.current].meta).target
    assert make_plan(target_of(bundle), seen, former=former, certificates={}).changes == ()


def test_a_release_that_nginx_rejects_never_reaches_visitors(machine: Machine) -> None:
    _, good = machine.apply(machine.bundle('return 200 "one";'))
    workers = machine.workers()

    applied, refused = machine.apply(machine.bundle("proxy_pas http://127.0.0.1:1;"))

    assert (applied.ending, applied.phase) == ("refused", "validate")
    assert any('unknown directive "proxy_pas"' in line for line in applied.said)
    assert machine.get() == "one"
    assert machine.workers() == workers
    seen = machine.observe()
    assert (seen.current, seen.running) == (good, good)
    assert refused not in seen.by_name


def test_a_warning_of_nginx_is_a_refusal(machine: Machine) -> None:
    twice = f"server_name a.test; }} server {{ listen 127.0.0.1:{machine.port}; server_name a.test;"

    applied, _ = machine.apply(machine.bundle(twice))

    assert applied.ending == "refused"
    assert any("conflicting server name" in line for line in applied.said)


def test_a_first_apply_that_is_refused_leaves_the_host_as_it_was(machine: Machine) -> None:
    theirs = machine.write("/etc/nginx/nginx.conf", "# theirs\n")

    machine.apply(machine.bundle("proxy_pas x;"))

    assert not theirs.is_symlink()
    assert theirs.read_text() == "# theirs\n"
    assert machine.observe().current == ""
    assert not machine.path("/run/nginx.pid").exists()


def test_a_reload_that_nginx_refuses_is_taken_back(machine: Machine) -> None:
    _, good = machine.apply(machine.bundle('return 200 "one";'))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        applied, _ = machine.apply(machine.bundle(f'listen 127.0.0.1:{port}; return 200 "two";'))

    assert (applied.ending, applied.phase) == ("reverted", "reload")
    assert any("could not bind" in line for line in applied.said)
    assert machine.get() == "one"
    seen = machine.observe()
    assert (seen.current, seen.running) == (good, good)


def test_a_failed_proof_brings_the_former_release_back(machine: Machine) -> None:
    _, good = machine.apply(machine.bundle('return 200 "one";', srv_page="one"))
    during: list[str] = []

    def look() -> str:
        during.append(machine.get())
        return "probe /: 500"

    applied, failed = machine.apply(
        machine.bundle('return 200 "two";', srv_page="two", srv_more="new"), decision=look
    )

    assert during == ["two"]
    assert (applied.ending, applied.phase, applied.reason) == ("reverted", "probe", "probe /: 500")
    assert machine.get() == "one"
    assert machine.path("/srv/page").read_text() == "one"
    assert not machine.path("/srv/more").is_symlink()
    seen = machine.observe("journal")
    assert (seen.current, seen.running) == (good, good)
    assert not seen.by_name[failed].confirmed
    assert any("probe /: 500" in line for line in seen.journal)


def test_a_failed_proof_of_the_first_apply_brings_back_what_was_there(machine: Machine) -> None:
    theirs = machine.config('return 200 "theirs";', endpoint=False)
    machine.path("/etc/nginx/nginx.conf").write_bytes(theirs)
    subprocess.run([machine.root / "bin/nginx"], check=True)

    applied, _ = machine.apply(machine.bundle('return 200 "ours";', srv_new="x"), decision="no")

    assert applied.ending == "reverted"
    assert machine.get() == "theirs"
    conf = machine.path("/etc/nginx/nginx.conf")
    assert not conf.is_symlink()
    assert conf.read_bytes() == theirs
    assert not machine.path("/srv/new").exists()


def test_a_controller_that_goes_away_before_it_confirms_is_a_revert(machine: Machine) -> None:
    machine.apply(machine.bundle('return 200 "one";'))

    bundle = machine.bundle('return 200 "two";')
    seen = machine.observe()
    target = target_of(bundle)
    record = replace(
        parse_record(seen.by_name[seen.current].meta), release="29990101T000000Z-aaaaaa", target=target
    )
    orders = machine.orders(target, seen, record.release)
    encoded = orders.encode(applier.archive(bundle, record, ()))

    async def gone_when_asked() -> Result:
        asked = asyncio.Event()

        async def said() -> AsyncIterator[bytes]:
            yield to_apply(encoded) + GO
            await asked.wait()

        def heard(line: str) -> None:
            if line.startswith("deployer\tawait"):
                asked.set()

        return await LocalTransport().run(machine.script(), stdin=said(), on_line=heard)

    result = asyncio.run(gone_when_asked())

    assert f"reverted\t{seen.current}\tthe controller went away before it confirmed" in result.stdout
    assert machine.get() == "one"


def test_rollback_brings_the_earlier_behaviour_back(machine: Machine) -> None:
    _, first = machine.apply(machine.bundle('return 200 "one";', srv_page="one"))
    machine.apply(machine.bundle('return 200 "two";', srv_page="two", srv_more="x"))

    applied = machine.rollback(first)

    assert applied.ending == "ok"
    assert machine.get() == "one"
    assert machine.path("/srv/page").read_text() == "one"
    assert not machine.path("/srv/more").exists()
    assert machine.observe().running == first


def test_rollback_to_original_restores_every_byte_and_mode(machine: Machine) -> None:
    theirs = machine.config('return 200 "theirs";', endpoint=False)
    conf = machine.path("/etc/nginx/nginx.conf")
    conf.write_bytes(theirs)
    conf.chmod(0o640)
    page = machine.write("/srv/page", "their page")
    subprocess.run([machine.root / "bin/nginx"], check=True)
    machine.apply(machine.bundle('return 200 "one";', srv_page="ours", srv_new="x"))
    machine.apply(machine.bundle('return 200 "two";', srv_page="ours", srv_new="y"))
    assert machine.get() == "two"

    applied = machine.rollback("original")

    assert applied.ending == "ok"
    assert machine.get() == "theirs"
    assert (conf.read_bytes(), conf.stat().st_mode & 0o777) == (theirs, 0o640)
    assert not conf.is_symlink()
    assert page.read_text() == "their page"
    assert not machine.path("/srv/new").exists()


def test_an_apply_after_rollback_to_original_takes_the_host_again(machine: Machine) -> None:
    machine.path("/etc/nginx/nginx.conf").write_bytes(machine.config("return 200 theirs;", endpoint=False))
    machine.apply(machine.bundle('return 200 "one";'))
    machine.rollback("original")

    applied, release = machine.apply(machine.bundle('return 200 "two";'))

    assert applied.ending == "ok"
    assert machine.get() == "two"
    assert machine.observe().running == release


def test_a_release_that_was_edited_on_the_host_is_not_picked_again(machine: Machine) -> None:
    _, first = machine.apply(machine.bundle('return 200 "one";', srv_page="one"))
    machine.apply(machine.bundle('return 200 "two";', srv_page="two"))
    machine.path(f"/etc/deployer/releases/{first}/root/srv/page").write_text("edited")

    applied = machine.rollback(first)

    assert (applied.ending, applied.phase) == ("refused", "stage")
    assert applied.reason == f"release {first} was changed on the host since it was made"
    assert any("/srv/page" in line for line in applied.said)
    assert machine.get() == "two"


def test_a_path_that_must_be_absent_is_kept_and_comes_back_with_a_revert(machine: Machine) -> None:
    theirs = machine.write("/etc/nginx/sites-enabled/default", "their site")
    machine.path("/etc/nginx/nginx.conf").write_bytes(machine.config("", endpoint=False))
    without = replace(machine.bundle(), absent=frozenset({"/etc/nginx/sites-enabled/default"}))

    machine.apply(without, decision="no")
    assert theirs.read_text() == "their site"

    machine.apply(without)
    assert not theirs.exists()

    machine.rollback("original")
    assert theirs.read_text() == "their site"


def test_a_file_that_others_put_in_place_of_ours_is_backed_up(machine: Machine) -> None:
    machine.apply(machine.bundle(srv_page="ours"))
    page = machine.path("/srv/page")
    page.unlink()
    page.write_text("by hand")
    seen = machine.observe()
    assert seen.files["/srv/page"].link == ""

    machine.apply(machine.bundle(srv_page="ours again"))

    assert page.read_text() == "ours again"
    kept = list(machine.path("/var/lib/deployer/backup").glob("*/srv/page"))
    assert [file.read_text() for file in kept] == ["by hand"]


def test_a_second_run_is_told_who_holds_the_lock(machine: Machine) -> None:
    machine.apply(machine.bundle())
    lock = machine.path("/etc/deployer/lock")
    holding = f"printf 'ops@desk since noon' >{lock}; sleep 30"
    holder = subprocess.Popen(["flock", "-n", lock, "sh", "-c", holding], start_new_session=True)
    try:
        while machine.observe().lock == "":
            time.sleep(0.05)
        applied, _ = machine.apply(machine.bundle('return 200 "two";'))
    finally:
        os.killpg(holder.pid, 9)
        holder.wait()

    assert applied.ending == "locked"
    assert applied.reason.startswith("ops@desk since ")
    assert machine.get() == "one"


def test_a_plan_made_for_another_release_is_not_carried_out(machine: Machine) -> None:
    machine.apply(machine.bundle())

    applied, _ = machine.apply(
        machine.bundle('return 200 "two";'),
        change=lambda orders: replace(orders, current="20200101T000000Z-000000"),
    )

    assert applied.ending == "moved"
    assert "changed meanwhile" in applied.reason


def test_another_nginx_than_the_plan_expected_ends_the_run_before_anything_changes(machine: Machine) -> None:
    applied, _ = machine.apply(machine.bundle(), change=lambda orders: replace(orders, nginx="9.9.9"))

    assert applied.ending == "stale"
    assert machine.observe().current == ""


def test_an_archive_that_breaks_off_is_refused(machine: Machine) -> None:
    bundle = machine.bundle(srv_page="x" * 100_000)
    seen = machine.observe()
    target = target_of(bundle)
    seen = machine.observe("package:nginx", "service:nginx", *(f"file:{path}" for path in target.files))
    record = parse_record(
        '{"release":"29990101T000000Z-aaaaaa","parent":"","made":"","who":"","revision":"","version":"",'
        '"probes":[],"target":{"digest":"","named":[],"checks":[],"directories":{},"absent":[],"packages":[],'
        '"services":[]}}'
    )
    encoded = machine.orders(target, seen, record.release).encode(
        applier.archive(bundle, replace(record, target=target), ())
    )

    async def half() -> AsyncIterator[bytes]:
        yield to_apply(encoded)[: -len(encoded) // 2]

    result = asyncio.run(LocalTransport().run(machine.script(), stdin=half()))

    assert "deployer\trefused\tstage" in result.stdout
    assert machine.observe().releases == ()


def test_a_pid_file_that_names_a_stranger_hurts_nobody(machine: Machine) -> None:
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        machine.write("/run/nginx.pid", f"{stranger.pid}\n")

        applied, _ = machine.apply(machine.bundle())

        assert applied.ending == "ok"
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_the_link_and_the_running_release_are_told_apart(machine: Machine) -> None:
    _, first = machine.apply(machine.bundle('return 200 "one";'))
    _, second = machine.apply(machine.bundle('return 200 "two";'))
    current = machine.path("/etc/deployer/current")
    current.unlink()
    current.symlink_to(machine.path(f"/etc/deployer/releases/{first}"))

    seen = machine.observe()

    assert (seen.current, seen.running) == (first, second)


def test_old_releases_go_but_never_the_current_one_and_the_one_before(machine: Machine) -> None:
    releases = []
    for number in range(4):
        _, release = machine.apply(
            machine.bundle(f'return 200 "{number}";'), change=lambda orders: replace(orders, keep=2)
        )
        releases.append(release)

    assert [release.name for release in machine.observe().releases] == ["original", *releases[-2:]]


def test_folders_and_files_of_strangers_are_no_releases(machine: Machine) -> None:
    _, release = machine.apply(machine.bundle())
    machine.path("/etc/deployer/releases/strange").mkdir()
    machine.write("/etc/deployer/releases/notes", "mine\n")

    seen = machine.observe()

    assert [each.name for each in seen.releases] == ["original", release]
    assert seen.foreign == ("/etc/deployer/releases/notes", "/etc/deployer/releases/strange")


def test_directories_get_their_mode_and_commands_run_once(machine: Machine) -> None:
    marker = machine.path("/srv/marker")
    bundle = replace(
        machine.bundle(),
        directories={"/srv/www/abc": Directory(mode=0o750)},
        commands=(Command(f"echo ran >> {marker}", creates="/srv/marker"),),
    )

    machine.apply(bundle)
    machine.apply(replace(bundle, files={**bundle.files, "/srv/more": File(b"x")}))

    assert machine.path("/srv/www/abc").stat().st_mode & 0o777 == 0o750
    assert marker.read_text() == "ran\n"


def test_a_command_that_fails_refuses_the_release(machine: Machine) -> None:
    bundle = replace(machine.bundle(), commands=(Command("echo no luck; false", unless="false"),))

    applied, _ = machine.apply(bundle)

    assert (applied.ending, applied.phase) == ("refused", "stage")
    assert applied.said == ("no luck",)


def test_modes_and_owners_are_those_of_the_bundle(machine: Machine) -> None:
    bundle = with_file(machine.bundle(), "/etc/secret", File(b"s", mode=0o640, group="adm"))

    machine.apply(bundle)

    live = machine.observe().files["/etc/secret"]
    assert (live.mode, live.owner, live.group) == (0o640, "root", "adm")


def test_an_owner_that_the_host_does_not_know_refuses_the_release(machine: Machine) -> None:
    bundle = with_file(machine.bundle(), "/etc/secret", File(b"s", owner="nobody-knows"))

    applied, _ = machine.apply(bundle)

    assert (applied.ending, applied.phase) == ("refused", "stage")
    assert "nobody-knows" in applied.reason


def test_a_release_sent_twice_differs_in_its_name_only(machine: Machine) -> None:
    _, first = machine.apply(machine.bundle())
    _, second = machine.apply(machine.bundle())

    seen = machine.observe("manifests")
    assert first != second
    conf = "/etc/nginx/nginx.conf"
    assert seen.manifests[first][conf].identity == seen.manifests[second][conf].identity
    assert seen.manifests[first][conf].sha256 != seen.manifests[second][conf].sha256


@pytest.mark.parametrize("text", ["plain", "tab\there", "naïve ✓"])
def test_the_text_of_a_file_is_observed_to_the_byte(machine: Machine, text: str) -> None:
    machine.write("/etc/some.conf", text)

    assert (
        machine.observe("text:/etc/some.conf", "file:/etc/some.conf").files["/etc/some.conf"].text
        == text.encode()
    )
    assert base64.b64encode(text.encode())


def test_nginx_that_does_not_run_is_started(machine: Machine) -> None:
    machine.apply(machine.bundle())
    machine.stop_nginx()
    assert not machine.observe().services["nginx"].active

    applied, _ = machine.apply(machine.bundle())

    assert applied.ending == "ok"
    assert machine.get() == "one"


def test_a_listener_that_moves_keeps_the_site_up(machine: Machine) -> None:
    machine.apply(machine.bundle('return 200 "one";'))
    machine.endpoint = free_port()

    applied, release = machine.apply(machine.bundle('return 200 "two";'))

    assert applied.ending == "ok"
    assert machine.observe().running == release


SYSTEMCTL = """#!/bin/sh
# Starts nginx; of other services it keeps what their file said when they began.
for name; do :; done
case "$1 $name" in
    'start nginx') exec nginx ;;
    is-active*) [ -e {run}/$name.began ] ;;
    start*) [ -e {run}/$name.began ] || cat {run}/../etc/$name >{run}/$name.began ;;
    restart*) cat {run}/../etc/$name >{run}/$name.began ;;
esac
"""


def test_a_service_that_began_with_its_package_begins_again_with_our_files(machine: Machine) -> None:
    began = machine.path("/run/app.began")
    machine.path("/run/systemd/system").mkdir(parents=True)
    machine.write("bin/systemctl", SYSTEMCTL.format(run=machine.path("/run")), executable=True)
    installed = Command(f"echo the package >{machine.path('/etc/app')}; echo the package >{began}")
    bundle = replace(
        machine.bundle(etc_app="ours"),
        commands=(installed,),
        services=(*machine.bundle().services, Service("app", watches=frozenset({"/etc/app"}))),
    )

    applied, _ = machine.apply(bundle)

    assert applied.ending == "ok"
    assert began.read_text() == "ours"
    assert ("restart", "app") in applied.done
