"""The benchmark's tables, goals and plots, made of samples that were never measured."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.bench import document, plot, results, tables
from tests.bench.command_line import parse
from tests.bench.goals import judged
from tests.bench.results import Run, Sample
from tests.bench.setups import FULL, SHORT, TOOLS

MACHINE = {"date": "2026-11-22", "machine": "2 cores"}
MEGABYTE = 2**20


def _sample(tool: str, job: str, seconds: float, *, hosts: int = 10, delay: int = 0) -> Sample:
    return Sample(hosts, delay, tool, job, seconds, cpu=seconds / 2, memory=60 * MEGABYTE, host_cpu=0.04)


def _run(*samples: Sample) -> Run:
    return Run(MACHINE, samples)


FLOORS = (_sample("openssh", "true", 0.6), _sample("asyncssh", "true", 0.4))


def _verdicts(run: Run) -> dict[str, str]:
    return {goal.text: goal.verdict for goal in judged(run)}


def test_a_goal_is_judged_by_the_median_in_the_same_setup() -> None:
    ours = [_sample("deployer", "nothing", seconds) for seconds in (0.1, 0.62, 9.0)]

    verdicts = _verdicts(_run(*FLOORS, *ours, _sample("deployer", "nothing", 0.1, hosts=100)))

    assert verdicts["10 hosts: nothing to change, against parallel OpenSSH `true`"] == "not met"
    assert verdicts["10 hosts: nothing to change, against the asyncssh floor"] == "not met"
    assert verdicts["100 hosts: nothing to change, against the asyncssh floor"] == "not measured"


def test_a_goal_that_is_just_reached_is_met() -> None:
    verdicts = _verdicts(_run(*FLOORS, _sample("deployer", "nothing", 0.6)))

    assert verdicts["10 hosts: nothing to change, against parallel OpenSSH `true`"] == "met"


def test_round_trips_are_judged_by_what_is_above_the_floor() -> None:
    floor = replace(_sample("asyncssh", "true", 1, delay=50), round_trips=9)
    nothing = replace(_sample("deployer", "nothing", 1, delay=50), round_trips=10)
    change = replace(_sample("deployer", "change", 1, delay=50), round_trips=14)

    verdicts = _verdicts(_run(floor, nothing, change))

    assert verdicts["10 hosts at 50 ms: nothing to change, round trips above the floor's"] == "met"
    assert verdicts["10 hosts at 50 ms: one-line change, round trips above the floor's"] == "not met"


@pytest.mark.parametrize(("megabytes", "verdict"), [(140, "met"), (141, "not met")])
def test_memory_of_the_dearest_job_at_a_hundred_hosts_is_held_against_one_host(
    megabytes: int, verdict: str
) -> None:
    one = [_sample("deployer", job, 1, hosts=1) for job in ("first", "nothing", "change", "rollback")]
    hundred = [replace(each, hosts=100) for each in one]
    hundred[2] = replace(hundred[2], memory=megabytes * MEGABYTE)

    assert _verdicts(_run(*one, *hundred))[
        "peak memory at 100 hosts, against 1.5 × 60 MB (1 host) + 50 MB"
    ] == (verdict)


def _fleet(hosts: int, seconds: float) -> Sample:
    return replace(_sample(results.SIMULATED, "nothing", seconds, hosts=hosts), host_cpu=None)


@pytest.mark.parametrize(("seconds", "verdict"), [(47, "met"), (49, "not met")])
def test_a_host_among_a_thousand_may_cost_a_fifth_more_than_one_among_a_hundred(
    seconds: float, verdict: str
) -> None:
    verdicts = _verdicts(_run(_fleet(100, 4), _fleet(1000, seconds)))

    assert verdicts["1000 simulated hosts: nothing to change, seconds per host, against 100"] == verdict
    assert verdicts["1000 simulated hosts: one-line change, CPU per host, against 100"] == "not measured"


def test_simulated_hosts_have_a_table_of_their_own() -> None:
    text = tables.of_run(_run(*FLOORS, _fleet(100, 4), _fleet(1000, 45)))

    assert "### 100 hosts" not in text
    assert "| nothing to change | 100 | 4 | 40 | 20 | 60 | 1 |" in text
    assert "| nothing to change | 1000 | 45 | 45 | 22.5 | 60 | 1 |" in text


def test_a_failed_run_has_no_part_in_a_median_and_is_told() -> None:
    failed = replace(_sample("pyinfra", "first", 1000), failure="exit code 1")

    text = tables.of_setup(_run(*FLOORS, _sample("pyinfra", "first", 3), failed), 10, 0)

    assert "| first apply: pyinfra | 3 (3 to 3) | – | 7.5 | 1.5 | 60 | 40 | 2, 1 failed |" in text


def test_a_table_has_ratios_to_deployer_and_to_the_floor() -> None:
    run = _run(*FLOORS, _sample("deployer", "nothing", 0.5), _sample("ansible", "nothing", 30))

    text = tables.of_setup(run, 10, 0)

    assert "| nothing to change: ansible-core | 30 (30 to 30) | 60 | 75 | 15 | 60 | 40 | 1 |" in text
    assert "| `true`: parallel OpenSSH | 0.6 (0.6 to 0.6) | – | 1.5 | 0.3 | 60 | 40 | 1 |" in text


def test_round_trips_have_columns_where_the_wire_is_long() -> None:
    counted = replace(
        _sample("deployer", "nothing", 1, delay=50), round_trips=10, connections=1, sent=1500, received=800
    )

    text = tables.of_setup(_run(counted), 10, 50)

    assert text.splitlines()[2].endswith("| round trips | connections | kB sent | kB received |")
    assert text.splitlines()[-1].endswith("| 10 | 1 | 1.5 | 0.8 |")


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    results.append(path, MACHINE)
    for sample in FLOORS:
        results.append(path, sample)

    assert results.read(path) == _run(*FLOORS)


def test_a_plot_is_svg_with_a_bar_for_every_tool_and_job() -> None:
    samples = [_sample(tool, "nothing", number + 0.5) for number, tool in enumerate(TOOLS)]

    root = ElementTree.fromstring(plot.drawn(_run(*FLOORS, *samples), 10, 0))

    bars = [each for each in root.iter("{http://www.w3.org/2000/svg}rect") if each.get("x")]
    widths = [float(each.get("width", "0")) for each in bars]
    # Floors have no job of their own beside `true`.
    assert len(bars) == 4 + 2
    assert widths[0] < widths[1] < widths[2] < widths[3]


def test_a_run_is_put_between_its_marks_and_leaves_the_rest_of_the_page(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text(f"# Above\n\n{document.BEGIN}\nold\n{document.END}\n\nbelow\n")

    for _ in range(2):
        document.write(_run(*FLOORS, _sample("deployer", "nothing", 0.5)), tmp_path)

    text = page.read_text()
    assert text.startswith(f"# Above\n\n{document.BEGIN}\n")
    assert text.endswith(f"{document.END}\n\nbelow\n")
    assert "old" not in text
    assert text.count("### 10 hosts") == 1
    assert "(benchmarks-10.svg)" in text
    assert (tmp_path / "benchmarks-10.svg").read_text().startswith("<svg ")


def test_the_page_of_the_docs_has_the_marks() -> None:
    text = (document.DOCS / "benchmarks.md").read_text()

    assert text.index(document.BEGIN) < text.index(document.END)


def test_without_a_choice_it_is_the_short_form_and_every_choice_narrows_it() -> None:
    assert parse([]).setups == SHORT
    assert parse(["--full", "--write"]).setups == FULL
    asked = parse(["--hosts", "10,100", "--only", "nothing,floor", "--repeat", "3"])
    assert [(each.hosts, each.tools, each.jobs, each.repeat) for each in asked.setups] == [
        (10, ("deployer",), ("nothing",), 3),
        (100, ("deployer",), ("nothing",), 3),
    ]
    assert asked.startup == 0
    assert parse(["--only", "startup"]).setups == ()
    assert [each.tools for each in parse(["--only", "floor"]).setups] == [()]
    alone = parse(["--simulated", "50,500", "--repeat", "2"])
    assert (alone.setups, alone.startup, alone.fleets, alone.rounds) == ((), 0, (50, 500), 2)
    assert (parse([]).fleets, parse(["--full"]).fleets) == ((), (100, 1000))


def test_a_run_in_pieces_is_of_one_machine_and_revision(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    machine = {"machine": "a", "deployer": "1", "load before": "0.1", "peers": ""}
    results.begin(path, machine)
    results.append(path, _sample("deployer", "nothing", 1.0))

    results.begin(path, {**machine, "load before": "0.9", "peers": "pyinfra 3"})

    assert results.read(path).machine == {**machine, "peers": "pyinfra 3"}, "peers come with later pieces"
    assert len(results.read(path).samples) == 1
    with pytest.raises(SystemExit, match="measured with 1, this is 2"):
        results.begin(path, {**machine, "deployer": "2"})


def test_an_unknown_row_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--only", "nothin"])

    assert "nothin: one of first, nothing" in capsys.readouterr().err


def test_hosts_that_are_planned_without_being_there_have_a_table_and_a_goal() -> None:
    planned = [
        Sample(0, 0, "planning", str(count), seconds, cpu=seconds, memory=90 * MEGABYTE)
        for count, seconds in ((1000, 3.5), (10_000, 31.0))
    ]

    text = tables.of_run(_run(*planned))

    assert "| 10,000 | 31 | 31 | 90 |" in text
    assert _verdicts(_run(*planned))["inventory, render and plan of 10,000 hosts on one core"] == "not met"


def test_a_planning_that_failed_is_told_as_such() -> None:
    failed = Sample(0, 0, "planning", "1000", 0, cpu=0, memory=0, failure="AssertionError")

    assert "| 1,000 | failed | – | – |" in tables.of_run(_run(failed))


def test_only_the_planning_is_measured_where_only_that_is_asked_for() -> None:
    asked = parse(["--inventory", "500"])

    assert (asked.inventory, asked.setups, asked.startup) == ((500,), (), 0)
    assert parse([]).inventory == (1_000, 10_000)
    assert parse(["--only", "startup"]).inventory == ()
