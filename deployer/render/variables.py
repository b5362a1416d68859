"""The variables that one role's tasks and templates see for one host."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from deployer.bundle import RELEASE_TOKEN
from deployer.errors import Place, Problem, TemplateError
from deployer.facts import Facts
from deployer.model.host import Host
from deployer.model.role import Role
from deployer.render import headers, nginx
from deployer.render.templates import Context, RefusedByTemplateError, names_in, resolve

_NGINX = SimpleNamespace(
    asks_dns=nginx.asks_dns,
    backend=nginx.backend,
    backends=nginx.backends,
    blocks=nginx.blocks,
    headers=headers.headers,
    hidden=headers.hidden,
    hsts_variable=headers.hsts_variable,
    identity=nginx.identity,
    listeners=nginx.listeners,
    mapping=nginx.mapping,
    needs_dns=nginx.needs_dns,
    ports_in_two_roles=nginx.ports_in_two_roles,
)


def host_context(host: Host, facts: Facts) -> Context:
    """Return what every role sees: the host's variables, and the typed values over them."""

    def source(path: str) -> str:
        place = host.places.get(path)
        return f"# from {place.file}:{place.line} {path}" if place else ""

    def fail(sentence: str, path: str = "") -> None:
        raise RefusedByTemplateError(sentence, path, place=host.places.get(path))

    def pem(value: str) -> str:
        """The PEM that an inventory's value is, or that is in the file it names on the controller."""
        if value.lstrip().startswith("-----BEGIN"):
            return value
        path = Path(host.directory) / Path(value).expanduser()
        try:
            return path.read_text()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise RefusedByTemplateError(f"cannot read {path}: {reason}") from error

    return {
        **host.variables,
        "host": host,
        "sites": host.sites,
        "upstreams": host.settings.upstreams,
        "facts": facts,
        "inventory_hostname": host.name,
        "inventory_hostname_short": host.name.partition(".")[0],
        "group_names": host.groups,
        "release": RELEASE_TOKEN,
        "source": source,
        "fail": fail,
        "pem": pem,
        "nginx": _NGINX,
    }


def role_context(role: Role, known: Context) -> Context:
    """Return `known` with the role's defaults under it, their Jinja2 resolved.

    Raises:
        TemplateError: A default names an undefined variable, or itself; says file:line.
    """
    resolved = dict(known)
    for name in role.defaults:
        _resolve_default(role, name, resolved=resolved, asked=())
    return resolved


def _resolve_default(role: Role, name: str, *, resolved: dict[str, Any], asked: tuple[str, ...]) -> None:
    if name in resolved:
        return
    place = _place(role, name)
    if name in asked:
        chain = " -> ".join((*asked, name))
        raise TemplateError(Problem(f"a default that needs itself: {chain}", place, name))
    for needed in sorted(names_in(role.defaults[name]) & role.defaults.keys()):
        _resolve_default(role, needed, resolved=resolved, asked=(*asked, name))
    resolved[name] = resolve(role.defaults[name], resolved, place=place)


def _place(role: Role, name: str) -> Place:
    return role.places.get(name, Place(f"{role.directory}/defaults/main.yml", 1))
