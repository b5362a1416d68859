"""The host's side: the script that runs there, the orders it gets, the events it says."""

from typing import TYPE_CHECKING

from deployer.lazily import names

if TYPE_CHECKING:
    from deployer.applier.apply import CONFIRM, LEAVE, Applied, Watching, revert
    from deployer.applier.command import Privilege
    from deployer.applier.conversation import Conversation
    from deployer.applier.deciding import Decided, Decision, decide
    from deployer.applier.events import Event
    from deployer.applier.orders import AcmeOrder, Orders, archive
else:
    # A look gives no orders.
    _MODULES = {
        "apply": "CONFIRM LEAVE Applied Watching revert",
        "command": "Privilege",
        "conversation": "Conversation",
        "deciding": "Decided Decision decide",
        "events": "Event",
        "orders": "AcmeOrder Orders archive",
    }
    __getattr__ = names(__name__, _MODULES)

__all__ = [
    "CONFIRM",
    "LEAVE",
    "AcmeOrder",
    "Applied",
    "Conversation",
    "Decided",
    "Decision",
    "Event",
    "Orders",
    "Privilege",
    "Watching",
    "archive",
    "decide",
    "revert",
]
