"""The job, as a pyinfra user writes it."""

from pathlib import Path

from pyinfra.context import host
from pyinfra.operations import apt, files, server

CERTIFICATES = Path(host.data.certificates)
BENCH = "/etc/nginx/bench"

apt.packages(name="nginx is installed", packages=["nginx"])

for path, mode in ((BENCH, "755"), (f"{BENCH}/sites", "755"), ("/etc/ssl/bench", "700")):
    files.directory(name=f"directory {path}", path=path, user="root", group="root", mode=mode)

secure = [site for site in host.data.sites if site["tls"]]
written = [
    files.put(
        name=f"certificate {site['name']}",
        src=str(CERTIFICATES / f"{site['name']}.pem"),
        dest=f"/etc/ssl/bench/{site['name']}.pem",
        mode="644",
    )
    for site in secure
]
written += [
    files.put(
        name=f"key {site['name']}",
        src=str(CERTIFICATES / f"{site['name']}.key"),
        dest=f"/etc/ssl/bench/{site['name']}.key",
        mode="600",
    )
    for site in secure
]
written += [
    files.put(name=name, src=f"files/{name}", dest=f"{BENCH}/{name}", mode="644")
    for name in ("mime.types", "tls.conf", "maps.conf", "proxy.conf", "fastcgi.conf")
]
written.append(
    files.template(
        name="backends",
        src="templates/backends.conf.j2",
        dest=f"{BENCH}/backends.conf",
        mode="644",
        backend=host.data.backend,
    )
)
written += [
    files.template(
        name=f"site {site['name']}",
        src="templates/site.conf.j2",
        dest=f"{BENCH}/sites/{site['name']}.conf",
        mode="644",
        site=site,
    )
    for site in host.data.sites
]
written.append(
    files.template(
        name="main configuration",
        src="templates/nginx.conf.j2",
        dest="/etc/nginx/nginx.conf",
        mode="644",
        sites=host.data.sites,
    )
)


def any_changed() -> bool:
    """Tell whether a file was written by this run."""
    return any(each.did_change() for each in written)


server.shell(name="test nginx", commands=["nginx -t -q"], _if=any_changed)
server.service(name="nginx runs", service="nginx", running=True, enabled=True)
server.service(name="reload nginx", service="nginx", reloaded=True, _if=any_changed)
