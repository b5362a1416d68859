"""From a host, its roles and its facts to the bundle: all decisions on files, none on how they get there."""

from typing import TYPE_CHECKING

from deployer.lazily import names

if TYPE_CHECKING:
    from deployer.render.bundling import render_bundle, rendered
else:
    # Which names a host must look up is known before anything is rendered.
    __getattr__ = names(__name__, {"bundling": "render_bundle rendered"})

__all__ = ["render_bundle", "rendered"]
