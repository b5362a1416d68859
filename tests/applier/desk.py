"""An operator with an inventory of one host that is a directory, whose sites they edit."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml
from conftest import Machine, free_port

from deployer import deploy, inventory
from deployer.model.host import Host
from deployer.outcome import Outcome, Phase
from deployer.transport import Transport
from deployer.transport.local import LocalTransport

TASKS = """
- name: nginx itself
  template: {src: nginx.conf.j2, dest: /etc/nginx/nginx.conf, validate: nginx -t -q -c %s}
  notify: reload nginx
- name: a file per site
  template: {src: site.conf.j2, dest: "/etc/nginx/deployer/sites/{{ item.name }}.conf"}
  loop: "{{ sites }}"
  notify: reload nginx
- name: nginx runs
  service: {name: nginx, state: started}
"""
NGINX = """
worker_processes 1; pid {{ prefix }}/run/nginx.pid; error_log {{ prefix }}/var/log/nginx/error.log notice;
events { }
http {
    access_log off;
    client_body_temp_path {{ prefix }}/tmp/body; proxy_temp_path {{ prefix }}/tmp/proxy;
    fastcgi_temp_path {{ prefix }}/tmp/fastcgi; uwsgi_temp_path {{ prefix }}/tmp/uwsgi;
    scgi_temp_path {{ prefix }}/tmp/scgi;
    {{ everywhere }}
    server {
        listen 127.0.0.1:{{ endpoint }};
        location = /deployer-release { default_type text/plain; return 200 "{{ release }}\\n"; }
    }
{% for site in sites %}
    include {{ tree }}/{{ release }}/root/etc/nginx/deployer/sites/{{ site.name }}.conf;
{% endfor %}
}
"""
SITE = """
server {
    listen 127.0.0.1:{{ item.http_port }};
    server_name {{ item.server_names | join(" ") }};
{% if item.tls %}
    listen 127.0.0.1:{{ item.https_port }} ssl;
    ssl_certificate {{ prefix }}/etc/deployer/certs/{{ item.name }}/fullchain.pem;
    ssl_certificate_key {{ prefix }}/etc/deployer/certs/{{ item.name }}/privkey.pem;
{% endif %}
    {{ source("sites[%d].raw" % sites.index(item)) }}
    {{ item.raw }}
    {{ titles[item.name] }}
}
"""


async def to_this_machine(host: Host) -> Transport:
    return LocalTransport()


def watch(name: str, phase: Phase, note: str) -> None: ...


@dataclass
class Desk:
    """An operator with an inventory of one host, whose sites they edit."""

    machine: Machine
    folder: Path
    sites: dict[str, dict[str, Any]] = field(default_factory=dict)
    everywhere: str = ""
    titles: dict[str, str] = field(default_factory=dict)
    connect: Callable[[Host], Awaitable[Transport]] = to_this_machine
    connection: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path, text in (
            ("tasks/main.yml", TASKS),
            ("handlers/main.yml", "- name: reload nginx\n  service: {name: nginx, state: reloaded}\n"),
            ("templates/nginx.conf.j2", NGINX),
            ("templates/site.conf.j2", SITE),
        ):
            file = self.folder / "roles/edge" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    def write(self, name: str, raw: str, **more: object) -> None:
        """Write one site, or write it over; its port stays."""
        known = self.sites.get(name, {"http_port": free_port()})
        location = {"path": "/", "redirect": {"to": "/x"}, "probe": "off"}
        self.sites[name] = {
            "name": name,
            "server_names": [f"{name}.test"],
            "http_port": known["http_port"],
            "raw": raw,
            "locations": [location],
            **more,
        }
        self.titles.setdefault(name, "")

    def host(self) -> Host:
        variables = {
            "roles": "edge",
            "prefix": str(self.machine.root),
            "tree": str(self.machine.path("/etc/deployer/releases")),
            "endpoint": self.machine.endpoint,
            "everywhere": self.everywhere,
            "titles": self.titles,
            "sites": list(self.sites.values()),
            **self.connection,
        }
        file = self.folder / "inventory.yaml"
        file.write_text(yaml.safe_dump({"all": {"hosts": {"edge1": variables}}}, sort_keys=False))
        (host,) = inventory.load(file).hosts
        return host

    @property
    def reach(self) -> deploy.Reach:
        privilege = self.machine.privilege
        return deploy.Reach(connect=self.connect, root=privilege.root, shell=privilege.shell)

    def apply(self, *, quarantine: bool = True, check: bool = False) -> Outcome:
        options = deploy.Options(reach=self.reach, check=check)
        walk = deploy.quarantine if quarantine else deploy.apply
        return asyncio.run(walk(self.host(), options, watch))

    def renew(self) -> Outcome:
        options = deploy.RenewOptions(force=True, reach=self.reach)
        return asyncio.run(deploy.renew(self.host(), options, watch))

    def status(self) -> Outcome:
        return asyncio.run(deploy.status(self.host(), watch, reach=self.reach))

    def visit(self, name: str) -> str:
        """What a visitor of a site reads; empty where nobody answers."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.sites[name]['http_port']}/").text
        except httpx.TransportError:
            return ""

    def kept(self) -> list[dict[str, Any]]:
        """sites.json of the current release."""
        text = self.machine.path("/etc/deployer/current/sites.json").read_text()
        return list(json.loads(text)["sites"])
