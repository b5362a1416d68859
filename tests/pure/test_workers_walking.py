"""What a worker makes ready when a controller asks whether it can walk."""

import os
import subprocess
import sys

from deployer.crowd import files_for

KEY = "one random text that both sides have"


def test_a_worker_that_is_asked_to_walk_may_open_the_files_of_its_hosts_from_then_on() -> None:
    program = """
import resource, types
from deployer import __version__
from deployer.workers.sealing import Seal
from deployer.workers.walking import inspect
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 4096))
offer = Seal.of_environment().close(((), {}, 50))
me = types.SimpleNamespace(id="me")
print(inspect(__version__, offer, me), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""
    environment = {**os.environ, "DEPLOYER_WORKERS_KEY": KEY}
    asked = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )

    assert asked.stdout == f"('me', '') {files_for(50)} 4096\n"
