"""The benchmark of the served sites: what load generators print, tables, goals, and what is rendered."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.bench.command_line import parse
from tests.bench.results import append
from tests.bench.served import document, reading, report, rows, values
from tests.bench.served.scene import scene_in
from tests.bench.served.servers import SERVERS
from tests.bench.served.values import Load, Run, Sample

LOADS = Path(__file__).parent / "loads"


def _said(name: str) -> str:
    return (LOADS / f"{name}.txt").read_text()


def test_what_wrk_did_is_read() -> None:
    assert reading.wrk(_said("wrk")) == Load(3937, 1.02)


def test_an_answer_that_is_no_success_is_wrks_failure() -> None:
    assert reading.wrk(_said("wrk-refused")).failure == "Non-2xx or 3xx responses: 2134"


def test_what_h2load_did_is_read() -> None:
    assert reading.h2load(_said("h2load")) == Load(2000, 0.41396)


@pytest.mark.parametrize(
    ("name", "failure"),
    [
        ("h2load-refused", "0 2xx, 0 3xx, 0 4xx, 200 5xx"),
        ("h2load-closed", "2000 failed, 2000 errored, 0 timeout"),
        ("h2load-old", "not HTTP/2"),
    ],
)
def test_an_answer_less_or_another_protocol_is_h2loads_failure(name: str, failure: str) -> None:
    assert failure in reading.h2load(_said(name)).failure


@pytest.mark.parametrize("read", [reading.wrk, reading.h2load, reading.sockets])
def test_a_load_generator_that_did_not_run_is_no_result(read: object) -> None:
    assert callable(read)
    with pytest.raises(reading.UnreadableError):
        read("unable to connect to localhost:8443 Connection refused\n")


def _sample(server: str, rate: float, *, row: str = "proxy", busy: float = 0.5) -> Sample:
    return Sample(row, server, rate, cpu=20, busy=busy)


def _run(*samples: Sample) -> Run:
    return Run({"date": "2026-11-26"}, samples)


def _met(run: Run) -> dict[str, bool]:
    return {verdict.against: verdict.met for verdict in report.judged(run)}


def test_servers_are_compared_by_what_their_core_does_in_a_second_of_work() -> None:
    run = _run(_sample("deployer", 1000, busy=0.5), _sample("caddy", 1500, busy=1.0))

    assert run.ratio("proxy", "deployer", "caddy") == pytest.approx(2000 / 1500)


def test_a_goal_that_is_just_reached_is_met_and_one_not_measured_is_not() -> None:
    ours, naive, tuned = _sample("deployer", 900), _sample("naive", 900), _sample("tuned", 1000)

    assert _met(_run(ours, naive, tuned)) == {"naive": True, "caddy": False, "tuned": True}
    assert _met(_run(ours, _sample("naive", 901), _sample("tuned", 1001))) == {
        "naive": False,
        "caddy": False,
        "tuned": False,
    }


def test_a_turn_that_failed_has_no_part_in_a_ratio_and_is_told() -> None:
    failed = Sample("proxy", "naive", 9e9, 1, 1, "Non-2xx or 3xx responses: 3")

    text = report.of_run(_run(_sample("deployer", 900), failed, _sample("naive", 450)))

    assert (
        "| proxied, HTTP/1.1: nginx, naive | 900 (900 to 900) | 0.50 | 450 | 50 % | 20 | 2, 1 failed |"
        in text
    )
    assert "- proxied, HTTP/1.1, nginx, naive: Non-2xx or 3xx responses: 3" in text


def test_idle_connections_have_no_core() -> None:
    text = report.of_run(_run(Sample("idle", "deployer", 30), Sample("idle", "haproxy", 60)))

    assert "| idle WebSockets per MB: HAProxy | 60 (60 to 60) | 2.00 | – | – | – | 1 |" in text


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    run = _run(_sample("deployer", 900), Sample("idle", "naive", 30))
    append(tmp_path / "run.jsonl", run.machine)
    for sample in run.samples:
        append(tmp_path / "run.jsonl", sample)

    assert values.read(tmp_path / "run.jsonl") == run


def test_a_run_is_put_between_its_marks_with_a_bar_for_each_server(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text(f"# Above\n\n{document.MARKS[0]}\nold\n{document.MARKS[1]}\n\nbelow\n")

    document.write(_run(_sample("deployer", 900), _sample("caddy", 300), _sample("naive", 600)), tmp_path)

    text = page.read_text()
    assert text.startswith(f"# Above\n\n{document.MARKS[0]}\n")
    assert text.endswith(f"{document.MARKS[1]}\n\nbelow\n")
    assert "old" not in text
    root = ElementTree.fromstring((tmp_path / "benchmarks-served.svg").read_text())
    assert len([each for each in root.iter("{http://www.w3.org/2000/svg}rect") if each.get("x")]) == 3


def test_the_page_of_the_docs_has_the_marks() -> None:
    text = (document.DOCS / "benchmarks.md").read_text()

    assert text.index(document.MARKS[0]) < text.index(document.MARKS[1])


def test_every_server_has_a_configuration_in_which_nothing_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "www").mkdir()
    scene = scene_in(tmp_path, tmp_path / "www")
    scene.prepare()

    for server in SERVERS:
        assert server.command(scene, 8443)
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.parent.name != "tls"]
    assert [path for path in written if b"@FOLDER@" in path.read_bytes()] == []
    assert len([path for path in written if path.suffix in (".conf", ".cfg") or path.name == "Caddyfile"]) > 4


def test_the_served_sites_are_measured_alone_or_in_the_form_of_the_whole() -> None:
    assert (parse([]).served, parse(["--full"]).served) == ("short", "full")
    assert (parse(["--only", "nothing"]).served, parse(["--report", "old.jsonl"]).served) == ("", "")
    alone = parse(["--served"])
    assert (alone.served, alone.setups, alone.startup) == ("full", (), 0)
    assert parse(["--served=short", "--report", "old.jsonl"]).served == "short"


def test_the_short_form_leaves_rows_out_and_no_row_has_the_name_of_another() -> None:
    assert any(not row.short for row in rows.ROWS)
    assert len({row.key for row in rows.ROWS}) == len({row.title for row in rows.ROWS}) == len(rows.ROWS)
