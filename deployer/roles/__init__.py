"""Roles from disk: Ansible's folders, read whole and checked strictly."""

from typing import TYPE_CHECKING

from deployer.lazily import names

if TYPE_CHECKING:
    from deployer.roles.folders import default_variable_names, files_of, role_names
    from deployer.roles.loading import load_role
else:
    # Which variables they know is asked of every inventory, what is in them when a host has answered.
    __getattr__ = names(
        __name__, {"folders": "default_variable_names files_of role_names", "loading": "load_role"}
    )

__all__ = ["default_variable_names", "files_of", "load_role", "role_names"]
