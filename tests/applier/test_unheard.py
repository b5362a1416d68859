"""A controller that is gone altogether: nobody reads what the script says, and its input has ended."""

import subprocess

from conftest import Machine

from deployer import applier
from deployer.applier.conversation import GO, to_apply
from deployer.release import Record, release_name, target_of


def left_at(machine: Machine, phase: str, body: str) -> None:
    """Begin a run, hang up when it enters `phase`, and wait for its end."""
    bundle = machine.bundle(body)
    target, seen = target_of(bundle), machine.observe()
    release = release_name(seen.clock, target.digest, seen.by_name)
    record = Record(release, seen.current, "2026-11-22T10:15:00Z", "ops@desk", "", "0", (), target)
    encoded = machine.orders(target, seen, release).encode(applier.archive(bundle, record, ()))
    with subprocess.Popen(machine.script(), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as script:
        assert script.stdin is not None
        assert script.stdout is not None
        script.stdin.write(to_apply(encoded) + GO)
        script.stdin.flush()
        next(line for line in script.stdout if line.split() == [b"deployer", b"phase", phase.encode()])
        script.stdout.close()
        script.stdin.close()


def test_a_switched_host_goes_back_for_the_right_reason_where_nobody_hears_it(machine: Machine) -> None:
    _, first = machine.apply(machine.bundle())

    left_at(machine, "switch", 'return 200 "two";')

    assert (machine.observe().current, machine.observe().running, machine.get()) == (first, first, "one")
    _, _, kind, text = machine.path("/var/lib/deployer/journal").read_text().splitlines()[-1].split("\t")
    assert (kind, text.partition(": ")[2]) == ("reverted", "the controller went away before it confirmed")
