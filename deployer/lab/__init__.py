"""The Docker lab: real Debian hosts to deploy to, and the backends behind their sites.

Functions here start and look; they print nothing and apply nothing: the command line does.
"""

from deployer.lab.home import Home, find
from deployer.lab.lifecycle import Watch, down, logs_argv, ssh_argv, status, up
from deployer.lab.status import LabStatus, Member

__all__ = ["Home", "LabStatus", "Member", "Watch", "down", "find", "logs_argv", "ssh_argv", "status", "up"]
