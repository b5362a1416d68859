"""One host, one walk through the phases: where deciding and doing meet."""

from deployer.deploy.applying import Options, apply
from deployer.deploy.certificates import certificates
from deployer.deploy.looking import history, verify
from deployer.deploy.renewing import RenewOptions, renew
from deployer.deploy.rolling_back import RollbackOptions, rollback
from deployer.deploy.session import Reach, Watch
from deployer.deploy.status import status

__all__ = [
    "Options",
    "Reach",
    "RenewOptions",
    "RollbackOptions",
    "Watch",
    "apply",
    "certificates",
    "history",
    "renew",
    "rollback",
    "status",
    "verify",
]
