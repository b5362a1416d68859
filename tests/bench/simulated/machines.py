"""The hosts' side of the simulation: a folder per host, and the programs that all have on their PATH."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = "SIMULATED_ROOT"
"""In the environment of what runs on a host: its folder."""
REFUSES = "refuses"
"""A file of this name in a host's folder: its nginx refuses every configuration."""

_PROGRAMS = {
    "nginx": """
case " $* " in
    *" -V "* | *" -v "*) echo 'nginx version: nginx/1.22.1' >&2 ;;
    *" -t "*/root/etc/nginx/*)
        [ ! -e "$SIMULATED_ROOT/refuses" ] || { echo 'nginx: [emerg] simulated to refuse' >&2; exit 1; } ;;
    *" -t "*) ;;
    *) cat "${0%/*}/../master.pid" >"$SIMULATED_ROOT/run/nginx.pid" ;;
esac
""",
    # It is asked for names, after `-W -f FORMAT`.
    "dpkg-query": """
shift 3
for name; do printf '%s\\tinstalled\\t1.22.1-9+deb12u3\\n' "$name"; done
""",
    # Asks nginx on its loopback endpoint, `-e PROGRAM PORT PAGE TIMES`: what is linked is what runs.
    "perl": """
[ -e "$SIMULATED_ROOT/run/nginx.pid" ] || exit 7
link=$(readlink "$SIMULATED_ROOT/etc/deployer/current")
times=$5
while [ "$times" -gt 0 ]; do
    times=$((times - 1))
    case "$4" in
        deployer-release) echo "${link##*/}" ;;
        deployer-connections) echo 'Reading: 0 Writing: 1 Waiting: 0' ;;
    esac
done
""",
}
_FOLDERS = ("run", "etc/nginx", "var/log/nginx", "srv/www/bench")
_OS = 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n'


@dataclass(frozen=True)
class Machines:
    """All hosts' folders.

    Attributes:
        folder: Has one for each host, by its number, and `bin`.
    """

    folder: Path

    def root(self, number: int) -> Path:
        """Return what stands for `/` on host `number`, made if it is not there."""
        root = self.folder / str(number)
        if not root.exists():
            for each in _FOLDERS:
                (root / each).mkdir(parents=True)
            (root / "etc/os-release").write_text(_OS)
            (root / "etc/nginx/nginx.conf").write_text("# as packaged\n")
        return root

    def environment(self, number: int) -> Mapping[str, str]:
        """Return the environment of what runs on host `number`."""
        return {ROOT: str(self.root(number)), "PATH": f"{self.folder / 'bin'}:{os.defpath}"}


@contextmanager
def made(folder: Path) -> Iterator[Machines]:
    """Write the programs, and run the process that passes for every host's nginx."""
    programs = folder / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    for name, text in _PROGRAMS.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}")
        (programs / name).chmod(0o755)
    argv = ("nginx: master process nginx", "-I", "-S", str(Path(__file__).with_name("nginx_master.py")))
    with subprocess.Popen(argv, executable=Path(sys.executable).resolve()) as master:
        (folder / "master.pid").write_text(str(master.pid))
        try:
            yield Machines(folder)
        finally:
            master.terminate()
