"""A certificate and its key, as nginx accepts them."""

import subprocess
from pathlib import Path

from deployer.bundle import Certificate
from deployer.secret import Secret


def make_pair(folder: Path) -> Certificate:
    """Have openssl make a pair for abc.test in `folder`."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-subj", "/CN=abc.test", "-keyout", folder / "key", "-out", folder / "chain"],
        check=True, capture_output=True,
    )  # fmt: skip
    return Certificate("abc", (folder / "chain").read_bytes(), Secret((folder / "key").read_text()))
