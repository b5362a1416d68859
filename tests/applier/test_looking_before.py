"""When the controller looks at the sites that a run may make worse."""

import asyncio
from pathlib import Path

from conftest import Machine
from desk import Desk

from deployer import deploy
from deployer.outcome import Phase, State

FOLDER = "- file: {path: /srv/new, state: directory}\n"


def test_sites_are_looked_at_before_anything_is_staged_that_they_could_suffer_from(
    machine: Machine, tmp_path: Path
) -> None:
    log = machine.path("/var/log/nginx/visits")
    desk = Desk(machine, tmp_path / "desk")
    page = {"path": "/", "static": {"root": "/srv/www"}}
    desk.write("abc", f"location = / {{ access_log {log}; return 200 hello; }}", locations=[page])
    assert desk.apply(quarantine=False).state == State.CHANGED
    tasks = desk.folder / "roles/edge/tasks/main.yml"
    tasks.write_text(tasks.read_text() + FOLDER)
    log.write_text("")
    visits_at_stage: list[int] = []

    def watch(name: str, phase: Phase, note: str) -> None:
        if phase == Phase.STAGE:
            visits_at_stage.append(len(log.read_text().splitlines()))

    outcome = asyncio.run(deploy.apply(desk.host(), deploy.Options(reach=desk.reach), watch))

    assert (outcome.state, visits_at_stage) == (State.CHANGED, [1])
    assert len(log.read_text().splitlines()) == 2
