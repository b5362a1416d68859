"""The variables that one role's tasks and templates see for one host."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from deployer.bundle import RELEASE_TOKEN
from deployer.errors import Place, Problem, TemplateError
from deployer.facts import Facts
from deployer.model.host import Host
from deployer.model.role import Role
from deployer.model.values import duration_seconds
from deployer.render import backends, headers, nginx
from deployer.render.reading import Reader
from deployer.render.templates import READ, Context, RefusedByTemplateError, names_in, resolve

_NGINX = SimpleNamespace(
    again=backends.again,
    backend=backends.backend,
    backends=backends.backends,
    blocks=nginx.blocks,
    has_only_sockets=nginx.has_only_sockets,
    headers=headers.headers,
    hidden=headers.hidden,
    hsts_variable=headers.hsts_variable,
    identity=nginx.identity,
    listeners=nginx.listeners,
    mapping=nginx.mapping,
    needs_dns=backends.needs_dns,
    ports_in_two_roles=nginx.ports_in_two_roles,
)


OURS = frozenset({"facts", "fail", "nginx", "pem", "release", "source"})
"""Names that stand for the same on all hosts with equal facts, but for what the functions are asked."""


def host_context(host: Host, facts: Facts, reader: Reader | None = None) -> Context:
    """Return what every role sees: the host's variables, and the typed values over them.

    What templates then ask for is noted by `reader`.
    """

    def source(path: str) -> str:
        if reader:
            reader.paths.add(path)
        place = host.places.get(path)
        return f"# from {place.file}:{place.line} {host.written(path)}" if place else ""

    def fail(sentence: str, path: str = "") -> None:
        raise RefusedByTemplateError(sentence, host.written(path), place=host.places.get(path))

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
        "drain_timeout": _drain_timeout(host),
        "facts": facts,
        "inventory_hostname": host.name,
        "inventory_hostname_short": host.name.partition(".")[0],
        "group_names": host.groups,
        "release": RELEASE_TOKEN,
        "source": source,
        "fail": fail,
        "pem": pem,
        "nginx": _NGINX,
        READ: reader.names.add if reader else _ignored,
    }


def _ignored(name: str) -> None:
    """Nobody wants to know."""


def _drain_timeout(host: Host) -> str | None:
    """To nginx 0 means never, too."""
    after = host.settings.drain_timeout
    return after if after and duration_seconds(after) else None


def role_context(role: Role, known: Context, reader: Reader) -> Context:
    """Return `known` with the role's defaults under it, their Jinja2 resolved.

    Whether the host has a variable by the name of a default has been read then.

    Raises:
        TemplateError: A default names an undefined variable, or itself; says file:line.
    """
    resolved = dict(known)
    reader.names.update(role.defaults)
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
