"""What a run of the served sites was made on, and of what."""

import subprocess

from tests.bench.machine import machine
from tests.bench.served.processes import LOAD_CORE, SERVER_CORE

_PACKAGES = ("nginx", "caddy", "haproxy", "php-fpm", "tomcat10", "wrk", "nghttp2-client")


def described() -> dict[str, str]:
    """Return kind of fact to fact, for the head of the report."""
    return machine() | {
        "cores": f"servers on {SERVER_CORE}, load on {LOAD_CORE}",
        "packages": ", ".join(f"{name} {_version(name)}" for name in _PACKAGES),
    }


def _version(package: str) -> str:
    argv = ("dpkg-query", "--showformat=${Version}", "--show", package)
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout
