"""The command line: the only place that prints, exits and catches.

Heavy imports (asyncssh, docker, cryptography, pydantic models) stand inside the functions that need
them, in every module of this package: `deployer --help` and completion must answer at once.
"""

from deployer.cli.app import main

__all__ = ["main"]
