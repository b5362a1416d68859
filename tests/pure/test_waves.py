"""How a run is cut into waves: Ansible's forms, with the rounding that the page promises."""

import pytest

from deployer.errors import UsageError
from deployer.waves import cut, parse_max_fail, parse_serial, sizes


@pytest.mark.parametrize(
    ("hosts", "serial", "expected"),
    [
        (10, "1,25%,100%", (1, 2, 7)),
        (1000, "1,25%,100%", (1, 250, 749)),
        (10, "3", (3, 3, 3, 1)),
        (10, "30%", (3, 3, 3, 1)),
        (3, "10%", (1, 1, 1)),
        (3, "50", (3,)),
        (7, "1,2", (1, 2, 2, 2)),
        (2, "1,25%,100%", (1, 1)),
        (5, "100%,1", (5,)),
        (0, "1", ()),
    ],
)
def test_the_waves_are_as_large_as_the_page_says(hosts: int, serial: str, expected: tuple[int, ...]) -> None:
    assert sizes(hosts, parse_serial(serial)) == expected


def test_without_serial_all_hosts_are_one_wave() -> None:
    assert sizes(1000, ()) == (1000,)


def test_waves_are_in_the_order_of_the_inventory_and_have_every_host_once() -> None:
    hosts = [f"web{number}" for number in range(13)]

    waves = cut(hosts, parse_serial("1,25%"))

    assert waves[:2] == [["web0"], ["web1", "web2", "web3"]]
    assert [host for wave in waves for host in wave] == hosts


@pytest.mark.parametrize(
    "serial", ["", "0", "1,,2", "-1", "1.5", "half", "10%%", "101%", "1,0%", "\N{ARABIC-INDIC DIGIT ONE}"]
)
def test_what_is_no_size_of_a_wave_is_refused(serial: str) -> None:
    with pytest.raises(UsageError, match="--serial"):
        parse_serial(serial)


@pytest.mark.parametrize(
    ("text", "hosts", "borne"), [("0", 10, 0), ("3", 10, 3), ("10%", 25, 2), ("10%", 9, 0), ("100%", 9, 9)]
)
def test_a_percentage_of_failures_is_rounded_down(text: str, hosts: int, borne: int) -> None:
    assert parse_max_fail(text).of(hosts) == borne


@pytest.mark.parametrize("text", ["", "some", "-1", "101%", "1,2"])
def test_what_is_no_number_of_failures_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--max-fail"):
        parse_max_fail(text)
