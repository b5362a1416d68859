"""The host's side: the script that runs there, the orders it gets, the events it says."""

from deployer.applier.apply import Applied, Decide, apply
from deployer.applier.command import Privilege
from deployer.applier.events import Event
from deployer.applier.observe import observe
from deployer.applier.orders import AcmeOrder, Orders, archive

__all__ = ["AcmeOrder", "Applied", "Decide", "Event", "Orders", "Privilege", "apply", "archive", "observe"]
