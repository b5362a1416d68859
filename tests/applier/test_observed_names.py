"""Where a host looks names up, as nginx can use it: its resolv.conf and its /etc/hosts."""

from conftest import Machine

HOSTS = """127.0.0.1\tlocalhost
::1 localhost ip6-localhost
10.0.0.7  DB1.internal db1   # the database, not db2
#10.0.0.8 db1
10.0.0.9 db10 db1.internal.example
fd00::7\tdb1.internal
fe80::7%eth0 db1.internal
10.0.0.11 db1.internal\r
"""


def test_the_name_servers_of_a_host_are_told_as_nginx_writes_them(machine: Machine) -> None:
    machine.path("/etc/resolv.conf").write_text(
        "# made by hand\nsearch example.com\nnameserver 127.0.0.53\nnameserver\t10.0.0.53 # ours\n"
        "nameserver 2001:db8::53\nnameserver fe80::1%eth0\nnameserver 127.0.0.53\noptions edns0 trust-ad\n"
        "# nameserver 192.0.2.1\nnameserver none\n"
    )
    facts = machine.observe().facts
    ipv6 = ("[2001:db8::53]",) if facts.ipv6 else ()
    assert facts.resolvers == ("127.0.0.53", "10.0.0.53", *ipv6)


def test_a_host_without_a_resolv_conf_has_no_name_servers(machine: Machine) -> None:
    machine.path("/etc/resolv.conf").unlink(missing_ok=True)
    assert machine.observe().facts.resolvers == ()


def test_a_name_that_was_asked_for_is_told_as_etc_hosts_has_it(machine: Machine) -> None:
    machine.path("/etc/hosts").write_text(HOSTS)
    facts = machine.observe("name:db1.internal", "name:db2", "name:the", "name:db1").facts
    ipv6 = (("db1.internal", "[fd00::7]"),) if facts.ipv6 else ()
    assert facts.hosts == (
        ("db1.internal", "10.0.0.7"),
        *ipv6,
        ("db1.internal", "10.0.0.11"),
        ("db1", "10.0.0.7"),
    )


def test_a_host_without_an_etc_hosts_knows_no_name(machine: Machine) -> None:
    machine.path("/etc/hosts").unlink(missing_ok=True)
    assert machine.observe("name:db1").facts.hosts == ()
