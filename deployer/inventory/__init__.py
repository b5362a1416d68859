"""The inventory: Ansible's YAML form, read into frozen hosts; every mistake told at once, with its place."""

from deployer.inventory.json_schema import schema
from deployer.inventory.loading import Inventory, load

__all__ = ["Inventory", "load", "schema"]
