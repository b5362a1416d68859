"""What an operator is told of connections that live through a reload, and of those that will not."""

import io

import pytest
from rich.console import Console

from deployer.applier.apply import read_applied
from deployer.applier.events import parse_events
from deployer.applier.observe import read_observation
from deployer.deploy.draining import counts_later, will_cut
from deployer.facts import Observation
from deployer.model.host import Host, HostVariables
from deployer.outcome import Outcome, Phase, State
from deployer.plan import Plan, ServiceOrder
from deployer.report.text import applied
from deployer.standing import Cut, Live

RELOAD = Plan(services=(ServiceOrder("nginx", "reload", enable=False),))
LEFT_ALONE = Plan(services=(ServiceOrder("nginx", "none", enable=False),))


def wanting(drain_timeout: str | None) -> Host:
    return Host("edge1", settings=HostVariables.model_validate({"drain_timeout": drain_timeout}))


def test_a_plan_says_how_many_connections_its_reload_cuts_and_when_and_why() -> None:
    (sentence,) = will_cut(RELOAD, Observation(cut=Cut("5s", 500)))

    assert sentence == (
        "this reload cuts 500 live connections (open WebSockets, requests that still run) 5s after it, "
        "because the running release has drain_timeout 5s"
    )


def test_what_cannot_be_counted_is_cut_all_the_same() -> None:
    (sentence,) = will_cut(RELOAD, Observation(cut=Cut("5s", None)))

    assert sentence.startswith("this reload cuts live connections (")


@pytest.mark.parametrize(
    ("plan", "cut"),
    [
        (RELOAD, None),
        (RELOAD, Cut("0", 500)),
        (RELOAD, Cut("5s", 0)),
        (LEFT_ALONE, Cut("5s", 500)),
        (Plan(), Cut("5s", 500)),
    ],
    ids=["unbounded", "0 is never", "nobody is there", "no reload", "nothing to do"],
)
def test_a_plan_that_cuts_nothing_says_nothing(plan: Plan, cut: Cut | None) -> None:
    assert will_cut(plan, Observation(cut=cut)) == ()


@pytest.mark.parametrize(
    ("wanted", "cut", "sentence"),
    [
        ("5s", None, "drain_timeout 5s {later} none"),
        ("1h", Cut("5s", 0), "drain_timeout 1h {later} drain_timeout 5s"),
        (
            None,
            Cut("5s", 3),
            "this reload still goes by the running release's drain_timeout 5s, the next one by none",
        ),
    ],
)
def test_a_new_drain_timeout_counts_from_the_reload_after_the_one_that_brings_it(
    wanted: str | None, cut: Cut | None, sentence: str
) -> None:
    told = sentence.format(later="counts from the reload after this one: the running release has")

    assert counts_later(wanting(wanted), RELOAD, Observation(cut=cut)) == (told,)


@pytest.mark.parametrize(
    ("wanted", "cut"), [(None, None), ("0", None), ("60", Cut("60s", 1)), ("1m", Cut("60s", 1))]
)
def test_the_same_drain_timeout_is_nothing_to_speak_of(wanted: str | None, cut: Cut | None) -> None:
    assert counts_later(wanting(wanted), RELOAD, Observation(cut=cut)) == ()


def test_a_host_tells_what_its_next_reload_cuts() -> None:
    said = "deployer\tcut\t1h30m\t12\ndeployer\tend\tok\n"

    assert read_observation(tuple(parse_events(said))).cut == Cut("1h30m", 12)
    assert read_observation(tuple(parse_events(said.replace("12", "")))).cut == Cut("1h30m", None)
    assert read_observation(()).cut is None


def test_a_run_that_went_back_tells_what_its_first_reload_found_and_its_last_one_left() -> None:
    said = "deployer\tlive\t7\t7\t1\t\ndeployer\tlive\t8\t6\t2\t5s\ndeployer\tend\treverted\n"

    assert read_applied(tuple(parse_events(said))).live == Live(7, 6, 2, "5s")


def test_a_run_without_a_reload_tells_nothing_of_connections() -> None:
    assert read_applied(tuple(parse_events("deployer\tend\tok\n"))).live is None


def told(live: Live | None) -> str:
    console = Console(file=io.StringIO(), width=200)
    outcome = Outcome("edge1", State.CHANGED, Phase.CONFIRM, live=live)
    console.print(*applied([outcome], diff=False, verbose=False), sep="\n")
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_the_report_of_an_apply_has_a_line_on_live_connections_where_there_are_any() -> None:
    assert (
        "edge1: live connections: 500 before the reload, 500 stay on 2 draining workers until they end\n"
    ) in told(Live(500, 500, 2))
    assert "edge1: live connections: 2 before the reload, none stays\n" in told(Live(2, 0, 0))
    assert "edge1: live connections: some stay on 1 draining worker for 5s\n" in told(
        Live(None, None, 1, "5s")
    )
    assert "live connections" not in told(Live(0, 0, 0))
    assert "live connections" not in told(None)


def test_a_dead_run_that_could_not_be_taken_back_is_not_how_the_next_run_ends() -> None:
    said = "deployer\tstuck\told\tnginx did not start\ndeployer\tphase\tconfirm\ndeployer\tend\tok\n"

    assert read_applied(tuple(parse_events(said))).ending == "ok"
    assert read_applied(tuple(parse_events(said.replace("end\tok", "end\treverted")))).ending == "stuck"
