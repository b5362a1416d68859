from ipaddress import IPv4Network

import pytest

from deployer.errors import LabError
from deployer.lab import network

TABLE = """\
Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""


def test_two_labs_at_once_get_two_networks() -> None:
    first = network.choose("deployer-main-1", ())

    assert not network.choose("deployer-main-1", (first,)).overlaps(first)


def test_a_network_inside_one_that_is_taken_is_not_chosen() -> None:
    taken = IPv4Network("10.213.0.0/17")

    assert not network.choose("deployer-main-1", (taken,)).overlaps(taken)


def test_when_all_are_taken_the_error_says_what_to_do() -> None:
    with pytest.raises(LabError) as raised:
        network.choose("deployer-main-1", (IPv4Network("10.0.0.0/8"),))

    assert raised.value.next_step


def test_a_routing_table_gives_its_networks_without_the_default_route() -> None:
    assert network.routes(TABLE) == (IPv4Network("172.17.0.0/16"),)
