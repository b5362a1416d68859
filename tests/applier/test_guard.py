"""Confirm or revert: the host goes back by itself, whoever dies and whoever stays silent."""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Machine

from deployer import applier, deploy
from deployer.applier import LEAVE, Applied, Decided, Orders
from deployer.applier.apply import read_applied
from deployer.applier.command import argv
from deployer.applier.conversation import GO, to_apply
from deployer.applier.events import parse_events
from deployer.errors import UnreachableError
from deployer.model.host import Host
from deployer.outcome import State
from deployer.release import Record, release_name, target_of
from deployer.transport.local import LocalTransport

NEW = 'return 200 "two";'


def eventually(what: Callable[[], object], sentence: str) -> None:
    deadline = time.monotonic() + 30
    while not what():
        assert time.monotonic() < deadline, sentence
        time.sleep(0.05)


def pid_of(machine: Machine, who: str) -> int:
    return int(machine.path(f"/var/lib/deployer/pending/{who}").read_text())


def kill(machine: Machine, who: str) -> None:
    os.kill(pid_of(machine, who), signal.SIGKILL)


def is_settled(machine: Machine) -> bool:
    return not machine.path("/var/lib/deployer/pending").exists() and machine.observe().lock == ""


def last_words(machine: Machine) -> str:
    return machine.path("/var/lib/deployer/journal").read_text().splitlines()[-1]


def within(seconds: int) -> Callable[[Orders], Orders]:
    return lambda orders: replace(orders, confirm_within=seconds)


def boot(machine: Machine, script: Path) -> None:
    """What systemd does before it starts nginx."""
    words = [machine.privilege.shell, str(script), str(machine.root), "boot"]
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)


def left(machine: Machine, *, seconds: int = 60) -> tuple[str, str]:
    """Leave a release unconfirmed; the one before it, and its own name."""
    _, first = machine.apply(machine.bundle())
    applied, second = machine.apply(machine.bundle(NEW), decision=LEAVE, change=within(seconds))
    assert applied.ending == "unconfirmed"
    return first, second


def decide(machine: Machine, decision: applier.Decision) -> tuple[str, Decided]:
    return asyncio.run(applier.decide(LocalTransport(), machine.privilege, decision, who="ops@desk"))


def test_a_run_that_is_killed_after_the_switch_is_taken_back_by_the_guard(machine: Machine) -> None:
    _, first = machine.apply(machine.bundle())

    def killed() -> str:
        assert machine.get() == "two"
        kill(machine, "main")
        return ""

    with pytest.raises(UnreachableError, match="did not run to its end"):
        machine.apply(machine.bundle(NEW), decision=killed)

    eventually(lambda: is_settled(machine), "the guard did not settle it")
    assert (machine.observe().current, machine.observe().running) == (first, first)
    assert machine.get() == "one"
    assert "its run died before it was confirmed" in last_words(machine)


@pytest.fixture
def notes(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where runs of this host keep what they note, each in a folder."""
    folder = machine.path("/tmp")
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def test_a_run_that_was_killed_leaves_no_folder_behind(machine: Machine, notes: Path) -> None:
    machine.apply(machine.bundle())

    def killed() -> str:
        assert [*notes.glob(f"deployer.{pid_of(machine, 'main')}.*")]
        kill(machine, "main")
        return ""

    with pytest.raises(UnreachableError):
        machine.apply(machine.bundle(NEW), decision=killed)

    eventually(lambda: is_settled(machine), "the guard did not settle it")
    eventually(lambda: not [*notes.glob("deployer.*")], "a folder was left behind")


def test_the_next_run_clears_folders_of_the_dead_and_no_others(machine: Machine, notes: Path) -> None:
    make = ["sh", "-c", f"mktemp -d {notes}/deployer.$$.XXXXXX"]
    dead = Path(subprocess.run(make, capture_output=True, text=True, check=True).stdout.strip())
    (dead / "said").touch()
    elsewhere = machine.path("/elsewhere")
    others = [
        notes / f"deployer.{os.getpid()}.abcdef",
        notes / "deployer.abcdef",
        notes / "deployer.log.abcdef",
    ]
    for folder in (*others, elsewhere):
        folder.mkdir()
    link = dead.with_suffix(".linked")
    link.symlink_to(elsewhere)

    machine.apply(machine.bundle())

    # The guard of this very run ends within a second.
    eventually(lambda: set(notes.glob("deployer.*")) == {*others, link}, "too many folders, or too few")
    assert elsewhere.is_dir()


def test_the_first_run_of_a_host_is_taken_back_to_what_was_there_before(machine: Machine) -> None:
    machine.write("/etc/nginx/nginx.conf", machine.config('return 200 "theirs";', endpoint=False).decode())
    machine.start_nginx()

    def killed() -> str:
        kill(machine, "main")
        return ""

    with pytest.raises(UnreachableError):
        machine.apply(machine.bundle(), decision=killed)

    eventually(lambda: is_settled(machine), "the guard did not settle it")
    eventually(lambda: machine.get() == "theirs", "what was there before does not serve")
    assert not machine.path("/etc/nginx/nginx.conf").is_symlink()


def test_a_controller_that_stays_silent_is_waited_for_until_the_time_is_over(machine: Machine) -> None:
    _, first = machine.apply(machine.bundle())

    def hangs() -> str:
        eventually(lambda: machine.get() == "one", "the host did not go back")
        return ""

    applied, _ = machine.apply(machine.bundle(NEW), decision=hangs, change=within(1))

    assert (applied.ending, applied.reason) == ("reverted", "nobody confirmed it within 1 s")
    assert machine.observe().current == first
    assert "nobody confirmed it within 1 s" in last_words(machine)


def without_a_word(machine: Machine, last: bytes = b"") -> Applied:
    """A run whose controller is gone before the host has switched, `last` being its last word."""
    bundle = machine.bundle(NEW)
    target = target_of(bundle)
    seen = machine.observe()
    release = release_name(seen.clock, target.digest, seen.by_name)
    record = Record(release, seen.current, "2026-11-22T10:15:00Z", "ops@desk", "", "0", (), target)
    encoded = machine.orders(target, seen, release).encode(applier.archive(bundle, record, ()))

    async def orders() -> AsyncIterator[bytes]:
        yield to_apply(encoded) + last

    result = asyncio.run(LocalTransport().run(machine.script(), stdin=orders()))
    return read_applied(tuple(parse_events(result.stdout)))


def test_a_controller_that_is_gone_before_the_switch_changes_nothing(machine: Machine) -> None:
    _, first = machine.apply(machine.bundle())

    applied = without_a_word(machine)

    assert (applied.ending, applied.reason) == ("refused", "the controller went away before the switch")
    assert (machine.observe().current, machine.get()) == (first, "one")
    assert [release.name for release in machine.observe().releases] == ["original", first]


def test_a_controller_that_was_heard_and_is_gone_before_the_switch_changes_nothing(machine: Machine) -> None:
    _, first = machine.apply(machine.bundle())

    applied = without_a_word(machine, GO)

    assert (applied.ending, applied.reason) == ("refused", "the controller went away before the switch")
    assert (machine.observe().current, machine.get()) == (first, "one")


def test_a_controller_that_falls_silent_before_the_switch_is_not_waited_for(machine: Machine) -> None:
    _, first = machine.apply(machine.bundle())

    def impatient(orders: Orders) -> Orders:
        return replace(orders, go_within=1)

    def silent() -> None:
        eventually(lambda: any(event.kind == "refused" for event in machine.events), "it waits for ever")

    applied, _ = machine.apply(machine.bundle(NEW), before=silent, change=impatient)

    assert (applied.ending, applied.phase) == ("refused", "validate")
    assert applied.reason == "the controller fell silent before the switch"
    assert (machine.observe().current, machine.get()) == (first, "one")
    assert [release.name for release in machine.observe().releases] == ["original", first]


def test_a_host_stages_and_validates_at_once_and_switches_when_it_is_told(machine: Machine) -> None:
    _, first = machine.apply(machine.bundle())
    seen: list[str] = []

    def look() -> None:
        eventually(lambda: machine.phases()[-1:] == ["validate"], "it does not validate")
        time.sleep(0.5)  # long enough to switch, for a host that does not wait
        seen.extend((machine.get(), machine.path("/etc/deployer/current").readlink().name))

    machine.events.clear()
    applied, second = machine.apply(machine.bundle(NEW), before=look)

    assert seen == ["one", first]
    assert (applied.ending, machine.observe().current, machine.get()) == ("ok", second, "two")


def test_a_release_that_was_left_serves_and_holds_the_host(machine: Machine) -> None:
    first, second = left(machine)

    seen = machine.observe()
    assert machine.get() == "two"
    assert seen.pending is not None
    assert (seen.pending.release, seen.pending.former) == (second, first)
    assert "unconfirmed until 20" in seen.lock
    applied, _ = machine.apply(machine.bundle())
    assert applied.ending == "locked"
    assert "unconfirmed until 20" in applied.reason
    decide(machine, "revert")


def test_a_release_that_was_left_is_kept_when_it_is_confirmed(machine: Machine) -> None:
    _, second = left(machine)

    ending, decided = decide(machine, "confirm")

    assert (ending, decided.release, decided.serving) == ("decided", second, second)
    eventually(lambda: is_settled(machine), "it is still pending")
    assert machine.get() == "two"
    assert machine.observe().by_name[second].confirmed
    assert last_words(machine).split("\t")[1:] == ["ops@desk", "confirmed", second]


def test_a_release_that_was_left_is_taken_back_on_request(machine: Machine) -> None:
    first, _ = left(machine)

    ending, decided = decide(machine, "revert")

    assert (ending, decided.former, decided.serving) == ("decided", first, first)
    assert machine.get() == "one"
    assert "taken back by ops@desk" in last_words(machine)


def test_a_release_that_was_left_is_taken_back_when_its_time_is_over(machine: Machine) -> None:
    first, _ = left(machine, seconds=1)

    eventually(lambda: is_settled(machine), "the host did not go back")
    assert (machine.observe().running, machine.get()) == (first, "one")
    assert "nobody confirmed it within 1 s" in last_words(machine)


def test_where_nothing_waits_there_is_nothing_to_confirm(machine: Machine) -> None:
    machine.apply(machine.bundle())

    assert decide(machine, "confirm")[0] == "none"


def test_a_run_under_way_is_not_confirmed_by_somebody_else(machine: Machine) -> None:
    machine.apply(machine.bundle())
    endings: list[str] = []

    def meanwhile() -> str:
        done = subprocess.run(
            argv(machine.privilege, "decide", "confirm ops@desk"),
            input="", capture_output=True, text=True, check=True,
        )  # fmt: skip
        endings.append(done.stdout.splitlines()[-1])
        return "not good"

    applied, _ = machine.apply(machine.bundle(NEW), decision=meanwhile)

    assert endings == ["deployer\tend\tlocked"]
    assert applied.ending == "reverted"


def test_a_decision_is_carried_out_also_when_the_guard_is_dead(machine: Machine) -> None:
    first, _ = left(machine)
    kill(machine, "guard")

    ending, decided = decide(machine, "revert")

    assert (ending, decided.serving) == ("decided", first)
    assert machine.get() == "one"


def test_a_host_that_went_back_by_itself_is_where_a_run_that_takes_all_back_wants_it(
    machine: Machine,
) -> None:
    first, second = left(machine)
    decide(machine, "revert")
    eventually(lambda: is_settled(machine), "it is still pending")

    async def connect(host: Host) -> LocalTransport:
        return LocalTransport()

    reach = deploy.Reach(connect=connect, root=str(machine.root), shell=machine.privilege.shell)
    wanted = deploy.RollbackOptions(to=first, leaving=second, reach=reach)
    outcome = asyncio.run(deploy.rollback(Host("edge1"), wanted, lambda name, phase, note: None))

    assert (outcome.state, outcome.serving) == (State.UNCHANGED, first)


def test_at_boot_the_host_goes_back_before_nginx_starts(machine: Machine) -> None:
    first, _ = left(machine)
    kill(machine, "guard")
    machine.stop_nginx()

    boot(machine, machine.path("/var/lib/deployer/pending/script"))

    assert machine.observe().current == first
    assert machine.get() == ""
    assert "the host went down before it was confirmed" in last_words(machine)
    machine.start_nginx()
    assert machine.get() == "one"


def test_at_boot_nothing_happens_where_everything_was_confirmed(machine: Machine) -> None:
    _, second = left(machine)
    script = machine.path("/var/lib/deployer/pending/script").read_text()
    decide(machine, "confirm")

    boot(machine, machine.write("/tmp/script", script))

    assert machine.observe().current == second


def test_the_next_run_goes_back_first_where_run_and_guard_are_dead(machine: Machine) -> None:
    _, first = machine.apply(machine.bundle())

    def both_killed() -> str:
        kill(machine, "guard")
        kill(machine, "main")
        return ""

    with pytest.raises(UnreachableError):
        machine.apply(machine.bundle(NEW), decision=both_killed)
    assert machine.get() == "two"

    applied, _ = machine.apply(machine.bundle('return 200 "three";'))

    assert applied.ending == "moved"
    assert (machine.observe().current, machine.get()) == (first, "one")
    assert machine.apply(machine.bundle('return 200 "three";'))[0].ending == "ok"
    assert machine.get() == "three"


STEPS = {
    "before the new link is made": ("ln", "*/current.deployer-new"),
    "before the rename": ("mv", "*/etc/deployer/current"),
    "after the rename": ("sync", "*/etc/deployer"),
    "while the reload is proven": ("perl", "*deployer-release*"),
    "while it makes good": ("rm", "*/current.back"),
}
KILLER = """#!/bin/sh
# In the middle of this step the run dies, once.
case "$*" in {pattern})
    if [ -f {pending}/main ] && mkdir {pending}.struck 2>/dev/null; then
        kill -9 "$(cat {pending}/main)"
    fi ;;
esac
exec {program} "$@"
"""


@pytest.mark.parametrize("when", STEPS)
def test_a_run_that_is_killed_at_any_step_leaves_one_whole_site(machine: Machine, when: str) -> None:
    program, pattern = STEPS[when]
    _, first = machine.apply(machine.bundle(srv_a="one"))
    text = KILLER.format(
        pattern=pattern, pending=machine.path("/var/lib/deployer/pending"), program=shutil.which(program)
    )
    machine.write(f"bin/{program}", text, executable=True)

    with pytest.raises(UnreachableError):
        machine.apply(machine.bundle(NEW, srv_b="two"))

    eventually(lambda: is_settled(machine), "the guard did not settle it")
    seen = machine.observe()
    if when == "while it makes good":
        assert (seen.running, seen.by_name[seen.current].confirmed) == (seen.current, True)
        assert machine.get() == "two"
    else:
        assert (seen.current, seen.running, machine.get()) == (first, first, "one")
        assert machine.path("/srv/a").read_text() == "one"
        assert not machine.path("/srv/b").is_symlink()
    assert machine.apply(machine.bundle(NEW, srv_b="two"))[0].ending == "ok"
    assert machine.get() == "two"
