"""The host's script, end to end, on a host that is a directory."""

from conftest import Machine

from deployer.bundle import Bundle, File


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
