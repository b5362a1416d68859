"""One host, one walk through the phases: where deciding and doing meet."""

from typing import TYPE_CHECKING

from deployer.lazily import names

if TYPE_CHECKING:
    from deployer.deploy.bound import Bound, TakingBack, again
    from deployer.deploy.certifying import certificates
    from deployer.deploy.conduct import Conduct, Policy
    from deployer.deploy.deciding import ConfirmOptions, confirm
    from deployer.deploy.entering import Options, apply
    from deployer.deploy.looking import history, verify, verify_again
    from deployer.deploy.quarantining import quarantine
    from deployer.deploy.reaching import Reach, Watch
    from deployer.deploy.renewing import RenewOptions, renew
    from deployer.deploy.rolling_back import RollbackOptions, rollback
    from deployer.deploy.standing import status
else:
    # Each command has a walk of its own.
    _MODULES = {
        "entering": "Options apply",
        "bound": "Bound TakingBack again",
        "certifying": "certificates",
        "conduct": "Conduct Policy",
        "deciding": "ConfirmOptions confirm",
        "looking": "history verify verify_again",
        "quarantining": "quarantine",
        "reaching": "Reach Watch",
        "renewing": "RenewOptions renew",
        "rolling_back": "RollbackOptions rollback",
        "standing": "status",
    }
    __getattr__ = names(__name__, _MODULES)

__all__ = [
    "Bound",
    "Conduct",
    "ConfirmOptions",
    "Options",
    "Policy",
    "Reach",
    "RenewOptions",
    "RollbackOptions",
    "TakingBack",
    "Watch",
    "again",
    "apply",
    "certificates",
    "confirm",
    "history",
    "quarantine",
    "renew",
    "rollback",
    "status",
    "verify",
    "verify_again",
]
