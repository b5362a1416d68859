"""How many hosts at a time the limit on open files allows."""

import resource
import subprocess
import sys

from deployer.crowd import crowd, files_for, fitting


def in_a_process(soft: int, hard: int, *, asked: int) -> str:
    """What `at_a_time` returns and leaves as the limit, in a process of those limits; and what it says."""
    program = f"""
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
from deployer.cli.crowd import at_a_time
print(at_a_time({asked}, 1000), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return ended.stdout + ended.stderr


def test_the_soft_limit_is_raised_to_what_the_hosts_need() -> None:
    assert in_a_process(256, 8192, asked=100) == f"100 {files_for(100)}\n"


def test_where_the_hard_limit_is_too_low_fewer_hosts_are_under_way_and_that_is_told() -> None:
    told = in_a_process(256, 1024, asked=300)

    assert told.startswith("25 1024\nwarning: 25 hosts at a time instead of 300")
    assert f"ulimit -Hn {files_for(300)}" in told


def test_a_limit_that_is_high_enough_is_left_alone() -> None:
    assert in_a_process(4096, 8192, asked=50) == "50 4096\n"


def test_no_limit_is_touched_for_more_hosts_than_there_are() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    assert crowd(1_000_000, 3) == (3, "")
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before


def test_one_host_at_a_time_there_always_is() -> None:
    assert fitting(20, 32).parallel == 1
