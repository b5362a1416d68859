"""Debian's packages that this benchmark needs beside those of the lab."""

import os
import shutil
import subprocess
from pathlib import Path

_NEEDED = {
    "wrk": "wrk",
    "h2load": "nghttp2-client",
    "caddy": "caddy",
    "haproxy": "haproxy",
    "nginx": "nginx",
    "/usr/share/tomcat10/bin/catalina.sh": "tomcat10",
    "java": "default-jre-headless",
    "openssl": "openssl",
}
_POLICY = Path("/usr/sbin/policy-rc.d")
_MUTE = "#!/bin/sh\n# For the time of an installation: nothing that it brings begins to serve.\nexit 101\n"


def install_missing() -> None:
    """Install what is missing, with apt; none of it is left running.

    Raises:
        RuntimeError: apt could not, or this is not Debian.
    """
    missing = [package for program, package in _NEEDED.items() if not shutil.which(program, path=_path())]
    if not list(Path("/usr/sbin").glob("php-fpm*")):
        missing.append("php-fpm")
    if missing:
        print(f"installing {' '.join(missing)}", flush=True)
        _install(missing)


def _install(packages: list[str]) -> None:
    muted = not _POLICY.exists()
    if muted:
        _POLICY.write_text(_MUTE)
        _POLICY.chmod(0o755)
    try:
        for command in (("update",), ("-y", "--no-install-recommends", "install", *packages)):
            argv = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", *command]
            environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            said = subprocess.run(argv, capture_output=True, text=True, env=environment, check=False)
        if said.returncode:
            raise RuntimeError(f"apt-get could not install {' '.join(packages)}:\n{said.stderr[-2000:]}")
    finally:
        if muted:
            _POLICY.unlink()


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
