"""Libraries that asyncssh looks for, found without a compiler."""

import subprocess
import sys
from pathlib import Path

from deployer.transport.shared_libraries import find

IMPORTING = """
import sys
sys.addaudithook(lambda event, told: print(event) if event == "subprocess.Popen" else None)
from deployer.transport.shared_libraries import found_in_cache
with found_in_cache():
    import asyncssh
"""


def test_a_library_is_found_by_the_name_that_the_linker_knows_if_it_can_be_loaded(tmp_path: Path) -> None:
    cache = tmp_path / "ld.so.cache"
    cache.write_bytes(
        b"glibc-ld.so.cache1.1\0/usr/lib/libc.so.6\0/opt/libforeign.so.1\0/usr/lib/libcrypt.so.1\0"
    )

    assert find("c", cache) == "libc.so.6"
    assert find("foreign", cache) is None
    assert find("oqs", cache) is None


def test_the_import_of_asyncssh_starts_no_program() -> None:
    ended = subprocess.run([sys.executable, "-c", IMPORTING], capture_output=True, text=True, check=True)

    assert ended.stdout == ""
