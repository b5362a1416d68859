"""One host of the inventory with all its variables resolved."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from deployer.errors import Place
from deployer.model.site import Site
from deployer.model.upstream import Upstream
from deployer.model.values import (
    Duration,
    Frozen,
    Name,
    OneOrMore,
    Port,
    duration_seconds,
    is_address,
)
from deployer.secret import Secret


class HostVariables(Frozen):
    """The variables that are ours, by the names Ansible gives them where it has one."""

    ansible_host: Annotated[
        str | None, Field(min_length=1, description="Address; default: the host's name.")
    ] = None
    ansible_port: Port | None = None
    ansible_user: Annotated[str | None, Field(min_length=1)] = None
    ansible_ssh_private_key_file: str | None = None
    ansible_ssh_known_hosts_file: Annotated[
        str | None, Field(description="File of known host keys; default: ~/.ssh/known_hosts.")
    ] = None
    ansible_connection: Literal["ssh", "docker", "local"] = "ssh"
    ansible_become: bool = False
    ansible_become_user: str = "root"
    ansible_become_password: Secret | None = None
    sites: tuple[Site, ...] = ()
    upstreams: dict[Name, Upstream] = Field(default_factory=dict)
    roles: Annotated[
        tuple[Name, ...] | None, OneOrMore, Field(description="Default: nginx for a host with sites.")
    ] = None
    keep_releases: Annotated[int, Field(ge=2, description="Releases kept on the host.")] = 5
    confirm_timeout: Annotated[
        Duration, Field(description="How long a switched host waits to be confirmed.")
    ] = "60s"
    drain_timeout: Annotated[
        Duration | None,
        Field(
            description="How long after a reload open WebSockets are cut, and requests that still run. "
            "Default: never."
        ),
    ] = None

    @property
    def confirm_seconds(self) -> int:
        """`confirm_timeout` in whole seconds, at least one: what the host's shell can count."""
        return max(1, ceil(duration_seconds(self.confirm_timeout)))

    @model_validator(mode="after")
    def _no_site_twice(self) -> Self:
        names: dict[str, int] = {}
        served: dict[tuple[str, int], str] = {}
        for index, site in enumerate(self.sites):
            if site.name in names:
                raise ValueError(f"sites[{index}] has the name of sites[{names[site.name]}], {site.name}")
            names[site.name] = index
            for server_name in site.server_names:
                for port in {site.http_port, site.https_port} if site.tls else {site.http_port}:
                    other = served.setdefault((server_name.lower(), port), site.name)
                    if other != site.name:
                        raise ValueError(f"{server_name} is served by two sites, {other} and {site.name}")
        return self

    @model_validator(mode="after")
    def _one_trust_for_directories(self) -> Self:
        """certbot renews all certificates of a host in one run, with one set of roots."""
        bundles = {
            f"sites[{i}]": site.tls.acme.ca_bundle
            for i, site in enumerate(self.sites)
            if site.tls and site.tls.acme
        }
        if len(set(bundles.values())) > 1:
            raise ValueError(
                f"{' and '.join(bundles)} differ in acme.ca_bundle; one host has one for all its directories"
            )
        return self

    @model_validator(mode="after")
    def _one_policy_per_port(self) -> Self:
        """Before 1.29.2 nginx takes the protocols of a port from its default server alone."""
        first: dict[int, tuple[int, str]] = {}
        for index, site in enumerate(self.sites):
            if site.tls:
                other, policy = first.setdefault(site.https_port, (index, site.tls.policy))
                if policy != site.tls.policy:
                    raise ValueError(
                        f"port {site.https_port} is {policy} for sites[{other}]"
                        f" and {site.tls.policy} for sites[{index}]"
                    )
        return self

    @model_validator(mode="after")
    def _upstreams_exist(self) -> Self:
        for i, site in enumerate(self.sites):
            for j, location in enumerate(site.locations):
                for name in location.upstream:
                    if not is_address(name) and name not in self.upstreams:
                        where = f"sites[{i}].locations[{j}]"
                        raise ValueError(f"{where} names the upstream {name!r}, not an entry of upstreams")
        return self


@dataclass(frozen=True)
class Version:
    """Which version of a site a quarantine has put into a host.

    Attributes:
        index: Of the site in the inventory.
        release: The release that the version is from; empty: it is the inventory's own.
    """

    index: int
    release: str = ""


@dataclass(frozen=True)
class Host:
    """One validated host.

    Attributes:
        name: Its name in the inventory.
        groups: Names of its groups, without `all`, sorted, as Ansible's `group_names`.
        settings: The variables that are ours, typed.
        variables: All variables of the host with Jinja2 resolved, ours included as plain values, for
            templates; role defaults are not in it.
        places: Path of a value (`sites[0].locations[2].raw`) to where it is written.
        directory: The inventory's folder on the controller; relative paths start there.
        versions: Of each site, where a quarantine left some out or replaced them; else empty.
    """

    name: str
    groups: tuple[str, ...] = ()
    settings: HostVariables = field(default_factory=HostVariables)
    variables: Mapping[str, Any] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)
    directory: str = "."
    versions: tuple[Version, ...] = ()

    @property
    def sites(self) -> tuple[Site, ...]:
        """The host's sites, in inventory order."""
        return self.settings.sites

    @property
    def roles(self) -> tuple[str, ...]:
        """Names of the host's roles; `nginx` for a host with sites that names none."""
        if self.settings.roles is not None:
            return self.settings.roles
        return ("nginx",) if self.sites else ()

    @property
    def address(self) -> str:
        """Where the host is reached: `ansible_host`, else its name."""
        return self.settings.ansible_host or self.name

    @property
    def kept(self) -> Mapping[str, str]:
        """Name of each site that a quarantine keeps at what it was, and the release of that version."""
        return {
            site.name: version.release
            for site, version in zip(self.sites, self.versions, strict=False)
            if version.release
        }

    def written(self, path: str) -> str:
        """Return what the inventory calls the value at `path`: sites before it may have been left out.

        >>> Host("edge1", versions=(Version(0), Version(2))).written("sites[1].raw")
        'sites[2].raw'
        """
        found = re.match(r"sites\[(\d+)\]", path)
        if found is None or not self.versions:
            return path
        return f"sites[{self.versions[int(found[1])].index}]{path[found.end() :]}"
