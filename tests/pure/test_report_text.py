"""What an operator reads after a run."""

import io
from collections.abc import Sequence
from dataclasses import replace

import pytest
from rich.console import Console, RenderableType
from rich.table import Table

from deployer.cli.screen import draw
from deployer.errors import DeployerError, InventoryError, Place, Problem
from deployer.outcome import (
    MAY_BE_BACK,
    Action,
    Change,
    Outcome,
    Phase,
    ProbeResult,
    Quarantined,
    State,
    Verdict,
)
from deployer.report import text
from deployer.report.words import next_step
from deployer.standing import ReleaseRecord

RELEASE = "20261122T101500Z-3f9a1c"
CONF = Change(Action.UPDATE, "file", "/etc/nginx/nginx.conf", diff="--- old\n+++ new\n-a\n+b\n")
RELOAD = Change(Action.RELOAD, "service", "nginx")
GOOD = ProbeResult("abc", "/wss", "websocket", "wss://abc.test/wss", Verdict.PASSED, "101, echo in 3 ms")
BAD = ProbeResult("abc", "/app/", "php", "https://abc.test/app/", Verdict.FAILED, "502 instead of 200")
OFF = ProbeResult("abc", "/x", "proxy", "https://abc.test/x", Verdict.OFF, "off")


def printed(lines: Sequence[RenderableType]) -> str:
    stream = io.StringIO()
    screen = Console(file=stream, width=10_000, markup=False, highlight=False)
    for line in lines:
        screen.print(line, soft_wrap=not isinstance(line, Table))
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


@pytest.mark.parametrize("width", [20, 60, 80])
def test_what_people_copy_from_a_table_is_in_one_piece_on_a_narrow_terminal(width: int) -> None:
    url = "wss://www.a-long-name.example.com:8443/and/a/path/wss"
    asked = replace(GOOD, url=url, said="101, after a while in which nothing at all was said")
    record = ReleaseRecord(RELEASE, "current", when="2026-11-22T10:15:00Z", note="a sentence " * 9)
    outcome = Outcome("edge1.example.com", State.UNCHANGED, Phase.PROBE, probes=(asked,), history=(record,))
    screen = Console(file=io.StringIO(), width=width, record=True)

    for line in (*text.verified([outcome]), *text.history([outcome])):
        draw(screen, line)

    told = screen.export_text().splitlines()
    assert sum(url in line for line in told) == sum(RELEASE in line for line in told) == 1
    assert sum("edge1.example.com" in line for line in told) == 2
    assert max(map(len, told)) < 160, "sentences fold"


def planned(host: str, *changes: Change) -> Outcome:
    state = State.PLANNED if changes else State.UNCHANGED
    return Outcome(host, state, Phase.PLAN, changes=changes)


REFUSED = Outcome(
    "edge1",
    State.REFUSED,
    Phase.VALIDATE,
    message="nginx refused the new configuration",
    said=(
        'unknown directive "proxy_pas"  (rendered etc/nginx/sites/abc.conf:14)',
        "from inventory.yaml:31  sites[0].locations[2].raw",
    ),
    serving=RELEASE,
    next_step="deployer render inventory.yaml --limit edge1",
)


def test_a_refused_host_reads_as_the_house_style_says() -> None:
    assert printed([text.failure(REFUSED)]) == (
        f"edge1: nginx refused the new configuration; release {RELEASE} still serves\n"
        '    unknown directive "proxy_pas"  (rendered etc/nginx/sites/abc.conf:14)\n'
        "    from inventory.yaml:31  sites[0].locations[2].raw\n"
        "  next: deployer render inventory.yaml --limit edge1"
    )


def test_a_plan_shows_each_change_with_its_sign() -> None:
    changes = (
        Change(Action.INSTALL, "package", "nginx"),
        Change(Action.CREATE, "file", "/etc/nginx/a.conf"),
        CONF,
        Change(Action.REMOVE, "file", "/etc/nginx/b.conf", detail="no longer wanted"),
        RELOAD,
    )

    assert printed(text.planned([planned("edge1", *changes)], diff=False)) == (
        "edge1:\n"
        "  + install package nginx\n"
        "  + create file /etc/nginx/a.conf\n"
        "  ~ update file /etc/nginx/nginx.conf\n"
        "  - remove file /etc/nginx/b.conf  (no longer wanted)\n"
        "  * reload service nginx\n"
        "to change: 1  unchanged: 0  failed: 0"
    )


def test_hosts_with_the_same_plan_are_shown_once() -> None:
    outcomes = [planned("edge1", CONF), planned("edge2", CONF), planned("edge3"), planned("edge4", RELOAD)]

    shown = printed(text.planned(outcomes, diff=False))

    assert "edge1, edge2: same changes\n" in shown
    assert shown.count("nginx.conf") == 1
    assert "edge3: nothing to do" in shown
    assert shown.endswith("to change: 3  unchanged: 1  failed: 0")


def test_hosts_whose_files_differ_differently_are_not_called_the_same() -> None:
    other = Change(Action.UPDATE, "file", "/etc/nginx/nginx.conf", diff="-c\n+b\n")

    shown = printed(text.planned([planned("edge1", CONF), planned("edge2", other)], diff=True))

    assert "same changes" not in shown
    assert "      -a\n      +b" in shown
    assert "      -c\n      +b" in shown


def test_a_plan_that_failed_on_a_host_says_so_below_the_others() -> None:
    lost = Outcome("edge2", State.UNREACHABLE, Phase.CONNECT, message="no route to host", next_step="call")

    shown = printed(text.planned([planned("edge1", CONF), lost], diff=False))

    assert shown.index("nginx.conf") < shown.index("edge2: no route to host")
    assert shown.endswith("to change: 1  unchanged: 0  failed: 1")


def test_a_release_that_waits_to_be_confirmed_is_told_with_its_end_and_what_to_type() -> None:
    def left(host: str, *, until: str) -> Outcome:
        waits = f"release {RELEASE} serves until {until} unless it is confirmed"
        outcome = Outcome(host, State.UNCONFIRMED, Phase.CONFIRM, message=waits, serving=RELEASE)
        return replace(outcome, next_step=next_step(outcome, "apply", "inventory.yaml"))

    hosts = left("web1", until="2026-11-26T21:39:29Z"), left("web2", until="2026-11-26T21:39:31Z")

    told = printed(text.applied(hosts, diff=False, verbose=False))
    both = "inventory.yaml --limit web1,web2"
    assert told.splitlines()[2:] == [
        f"web1, web2 (2 hosts): release {RELEASE} serves until 2026-11-26T21:39:29Z unless it is confirmed",
        "    (web1's words; the others' differ in names, addresses and times only)",
        f"  next: deployer confirm {both}, or deployer rollback {both}",
        "changed: 0  unchanged: 0  failed: 0  unconfirmed: 2",
    ]


def test_a_site_in_quarantine_is_mended_after_its_host_is_confirmed() -> None:
    message = (
        f"release {RELEASE} serves until 2026-11-26T21:39:29Z unless it is confirmed; abc stays away: no"
    )
    held = Quarantined("abc", "", Phase.VALIDATE, "no")
    left = Outcome("web1", State.INCOMPLETE, Phase.VALIDATE, message=message, quarantined=(held,))

    assert next_step(left, "apply", "inventory.yaml").startswith(
        "deployer confirm inventory.yaml --limit web1"
    )


def test_a_host_that_waits_to_be_confirmed_is_no_run_to_wait_for() -> None:
    message = "another run holds the host: ops@desk since 10:15, unconfirmed until 2026-11-26T21:39:29Z"
    held = Outcome("web1", State.LOCKED, Phase.PLAN, message=message)

    assert next_step(held, "apply", "inventory.yaml").startswith(
        "deployer confirm inventory.yaml --limit web1"
    )


def test_an_apply_is_a_line_per_host_and_a_summary() -> None:
    outcomes = [
        Outcome(
            "edge1",
            State.CHANGED,
            Phase.CONFIRM,
            serving=RELEASE,
            changes=(CONF, Change(Action.CREATE, "file", "/x"), RELOAD),
            probes=(GOOD, GOOD, OFF),
        ),
        Outcome("edge10", State.UNCHANGED, Phase.PLAN, serving=RELEASE),
    ]

    assert printed(text.applied(outcomes, diff=False, verbose=False)) == (
        f"edge1   changed      release {RELEASE} (2 files, nginx reloaded)  probes 2/2\n"
        f"edge10  unchanged    release {RELEASE}\n"
        "changed: 1  unchanged: 1  failed: 0"
    )


def test_an_apply_shows_only_the_probes_that_failed() -> None:
    outcome = Outcome("edge1", State.CHANGED, Phase.CONFIRM, probes=(GOOD, BAD))

    quiet = printed(text.applied([outcome], diff=False, verbose=False))
    verbose = printed(text.applied([outcome], diff=False, verbose=True))

    assert "502 instead of 200" in quiet
    assert "echo in 3 ms" not in quiet
    assert "echo in 3 ms" in verbose
    assert "probes 1/2" in quiet


def test_a_failed_host_shows_its_phase_in_the_list_and_its_reason_below() -> None:
    shown = printed(text.applied([REFUSED], diff=False, verbose=False))

    assert shown.startswith("edge1  refused      at validate\n")
    assert "from inventory.yaml:31" in shown
    assert shown.endswith("changed: 0  unchanged: 0  failed: 1")


def test_a_host_that_went_back_says_so_once() -> None:
    message = f"gone back to release {RELEASE}: probe https://abc.test/app/: 502 instead of 200"
    outcome = Outcome("edge1", State.REVERTED, Phase.PROBE, message=message, serving=RELEASE)

    assert printed([text.failure(outcome)]) == f"edge1: {message}"


def test_a_host_that_could_not_go_back_does_not_claim_that_anything_serves() -> None:
    outcome = Outcome("edge1", State.REVERTED, Phase.RELOAD, message="nginx does not start", serving=RELEASE)

    assert "serves" not in printed([text.failure(outcome)])


def test_an_interrupted_run_names_the_hosts_it_did_not_reach_once() -> None:
    outcomes = [
        Outcome(f"web{number}", State.INTERRUPTED, Phase.CONNECT, message="not started")
        for number in range(9)
    ]

    shown = printed(text.applied(outcomes, diff=False, verbose=False))

    assert (
        "web0, web1, web2, web3, web4 and 4 more (9 hosts): not started\n  next: the same command again\n"
        in shown
    )
    assert shown.count("not started") == 1
    assert shown.endswith("failed: 0  interrupted: 9")


def test_verify_shows_every_probe_and_counts_them() -> None:
    shown = printed(text.verified([Outcome("edge1", State.UNCHANGED, Phase.PROBE, probes=(GOOD, BAD, OFF))]))

    assert "wss://abc.test/wss     passed  101, echo in 3 ms" in shown
    assert "https://abc.test/app/  failed  502 instead of 200" in shown
    assert shown.endswith("probes passed: 1  failed: 1  off: 1")


def test_the_history_of_a_host_tells_who_and_from_which_revision() -> None:
    record = ReleaseRecord(
        RELEASE, "current", "2026-11-22T10:15:00Z", "ada@ci", "3f9a1c+", "0.1.0", "confirmed"
    )
    outcomes = [
        Outcome("edge1", State.UNCHANGED, Phase.OBSERVE, history=(record,)),
        Outcome("edge2", State.UNCHANGED, Phase.OBSERVE),
    ]

    shown = printed(text.history(outcomes))

    assert f"edge1  {RELEASE}  current  2026-11-22T10:15:00Z  ada@ci  3f9a1c+   confirmed" in shown
    assert "edge2: no release yet" in shown


def test_a_warning_of_many_hosts_is_shown_once() -> None:
    warning = "the certificate of abc ends in 9 days"
    outcomes = [
        Outcome(f"edge{number}", State.UNCHANGED, Phase.PLAN, warnings=(warning,)) for number in range(1, 10)
    ]

    shown = printed(text.applied(outcomes, diff=False, verbose=False))

    assert f"warning: edge1, edge2, edge3, edge4, edge5 and 4 more: {warning}" in shown
    assert shown.count(warning) == 1


def test_what_a_host_says_cannot_drive_the_terminal() -> None:
    outcome = Outcome("edge1", State.FAILED, Phase.STAGE, message="x", said=("\x1b]0;owned\x07 [bold]b[/]",))

    shown = printed([text.failure(outcome)])

    assert "\x1b" not in shown
    assert r"\x1b]0;owned\x07 [bold]b[/]" in shown


def test_problems_of_an_inventory_are_one_per_line() -> None:
    problems = [
        Problem("unknown key 'site'", Place("inventory.yaml", 3, 5), "all.vars", "did you mean 'sites'?"),
        Problem("port 0 is not between 1 and 65535", Place("inventory.yaml", 9, 1)),
    ]

    assert printed(text.error(InventoryError(problems))) == (
        "inventory.yaml:3:5  all.vars: unknown key 'site'; did you mean 'sites'?\n"
        "inventory.yaml:9:1: port 0 is not between 1 and 65535\n"
        "2 problems; nothing was contacted"
    )


def test_an_error_without_a_place_has_its_next_step() -> None:
    shown = printed(text.error(DeployerError("no Docker engine answers", next_step="sudo sh lab/setup")))

    assert shown == "deployer: no Docker engine answers\n  next: sudo sh lab/setup"


@pytest.mark.parametrize("state", [state for state in State if state.exit_code])
def test_every_failed_host_has_something_to_type_next(state: State) -> None:
    outcome = Outcome("edge1", state, Phase.STAGE)

    assert "lab/inventory.yaml --limit edge1" in next_step(outcome, "apply", "lab/inventory.yaml")


def test_a_host_that_may_have_gone_back_is_looked_at_before_anything_else() -> None:
    lost = Outcome("edge1", State.UNREACHABLE, Phase.CONNECT, message=f"the worker was lost; {MAY_BE_BACK}")

    assert next_step(lost, "rollback", "inventory.yaml") == "deployer history inventory.yaml --limit edge1"


def test_the_advice_of_the_walk_itself_comes_first() -> None:
    outcome = Outcome("edge1", State.LOCKED, Phase.STAGE, next_step="wait for ada")

    assert next_step(outcome, "apply", "inventory.yaml") == "wait for ada"


def dead(number: int) -> Outcome:
    """A host that nobody has switched on."""
    return Outcome(
        f"web{number}",
        State.UNREACHABLE,
        Phase.CONNECT,
        message=f"no answer from 10.0.0.{number % 250}:22 within 10 s",
        next_step=f"ssh -p 22 deploy@10.0.0.{number % 250} -v",
    )


def test_thirty_dead_hosts_are_one_paragraph() -> None:
    shown = printed(text.failures([dead(number) for number in range(1, 31)]))

    assert shown == (
        "web1, web2, web3, web4, web5 and 25 more (30 hosts): no answer from 10.0.0.1:22 within 10 s\n"
        "    (web1's words; the others' differ in names, addresses and times only)\n"
        "  next: ssh -p 22 deploy@10.0.0.1 -v  (and so for the others)"
    )


def test_hosts_that_failed_for_other_reasons_keep_their_own_paragraph() -> None:
    other = Outcome("web9", State.UNREACHABLE, Phase.CONNECT, message="the name web9 is not known")
    later = Outcome("web8", State.UNREACHABLE, Phase.PROBE, message=dead(8).message)

    shown = printed(text.failures([dead(1), dead(2), other, later]))

    assert "web1, web2 (2 hosts): no answer" in shown
    assert "\nweb9: the name web9 is not known" in shown
    assert "\nweb8: no answer from 10.0.0.8:22" in shown


def test_hosts_with_the_very_same_failure_share_the_command_to_type_next() -> None:
    refused = [
        Outcome(
            host,
            State.REFUSED,
            Phase.VALIDATE,
            message="nginx refused",
            next_step=f"deployer render x --limit {host}",
        )
        for host in ("web1", "web10")
    ]

    assert printed(text.failures(refused)) == (
        "web1, web10 (2 hosts): nginx refused\n  next: deployer render x --limit web1,web10"
    )


def test_a_host_named_like_the_beginning_of_another_is_not_taken_for_it() -> None:
    outcomes = [
        Outcome("web1", State.FAILED, Phase.STAGE, message="web1 says web10"),
        Outcome("web2", State.FAILED, Phase.STAGE, message="web2 says web10"),
        Outcome("web10", State.FAILED, Phase.STAGE, message="web10 says web10"),
    ]

    shown = printed(text.failures(outcomes))

    assert "web1, web2 (2 hosts): web1 says web10\n" in shown
    assert "web10: web10 says web10" in shown


def test_what_a_thousand_hosts_did_fits_a_screen() -> None:
    good = [
        Outcome(
            f"app{n}", State.CHANGED, Phase.CONFIRM, serving=RELEASE, changes=(CONF, RELOAD), probes=(GOOD,)
        )
        for n in range(900)
    ]
    waiting = [
        Outcome(f"old{n}", State.NOT_STARTED, Phase.CONNECT, message="not started: web7 failed")
        for n in range(50)
    ]

    shown = printed(text.applied([*good, *(dead(n) for n in range(50)), *waiting], diff=False, verbose=False))

    assert shown.splitlines()[0].split() == [
        *("900", "hosts", "changed", "(1", "file,", "nginx", "reloaded)", "probes", "1/1"),
        *("app0,", "app1,", "app2,", "app3,", "app4", "and", "895", "more"),
    ]
    assert "old0, old1, old2, old3, old4 and 45 more (50 hosts): not started: web7 failed\n" in shown
    assert shown.endswith("changed: 900  unchanged: 0  failed: 50  not started: 50")
    assert len(shown.splitlines()) <= 15


def test_failures_that_are_all_different_are_counted_at_last() -> None:
    outcomes = [
        Outcome(
            f"web{n}",
            State.FAILED,
            Phase.STAGE,
            message=f"surprise {n}",
            probes=(BAD,),
            warnings=(f"odd {n}",),
        )
        for n in range(1000)
    ]

    shown = printed(text.applied(outcomes, diff=False, verbose=False))

    assert "... and 980 more failures; --json has them all" in shown
    assert "... and 980 more failed probes; --verbose shows them all" in shown
    assert "... and 980 more warnings; --json has them all" in shown
    assert len(shown.splitlines()) < 100


def test_with_verbose_every_host_has_its_line() -> None:
    outcomes = [Outcome(f"web{n}", State.UNCHANGED, Phase.PLAN) for n in range(100)]

    assert "web73  unchanged" in printed(text.applied(outcomes, diff=False, verbose=True))


def test_hosts_taken_back_are_told_together_with_the_reason() -> None:
    outcomes = [
        Outcome(host, State.TAKEN_BACK, Phase.CONFIRM, message="taken back: web9 failed", serving=release)
        for host, release in (("web1", RELEASE), ("web2", "20261121T080000Z-77ab01"))
    ]

    shown = printed(text.applied(outcomes, diff=False, verbose=False))

    assert "web1, web2 (2 hosts): taken back: web9 failed" in shown
    assert "still serves" not in shown
    assert shown.endswith("failed: 0  taken back: 2")


def test_an_incomplete_host_shows_what_was_changed_all_the_same() -> None:
    held = Quarantined("abc", "20261121T080000Z-77ab01", Phase.VALIDATE, "nginx refused it", ("said so",))
    change = Change(Action.UPDATE, "file", "/etc/nginx/deployer/sites/xyz.conf", "content")
    outcome = Outcome(
        "edge1",
        State.INCOMPLETE,
        Phase.VALIDATE,
        message=held.sentence,
        said=held.said,
        changes=(change,),
        quarantined=(held,),
    )
    outcome = replace(outcome, next_step=next_step(outcome, "apply", "inventory.yaml"))

    told = printed(text.applied([outcome], diff=False, verbose=True))

    assert "~ update file /etc/nginx/deployer/sites/xyz.conf" in told
    assert "edge1: abc stays as it is in release 20261121T080000Z-77ab01: nginx refused it" in told
    assert "  next: mend abc, then: deployer apply inventory.yaml --limit edge1" in told
