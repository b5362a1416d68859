"""The nginx role as text: golden files, outside judges, and what must not change a release.

After a change of the templates that is meant: `REGENERATE_GOLDEN=1 pytest tests/pure/test_nginx_role.py`,
then read the difference in version control.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from local_nginx import place
from rich_host import FACTS, Ports, make_host, render_nginx, variables

from deployer.bundle import Bundle
from deployer.errors import Place, TemplateError

GOLDEN = Path(__file__).parent / "golden"

ACCEPTED = {
    "try_files_is_evil_too": "open_file_cache would serve a replaced file for as long as it is valid",
    "hsts_header": "Strict-Transport-Security cannot be taken back, so a site asks for it in its headers",
    "ssl_ecdh_curve": "rendered only where nginx runs with OpenSSL 3.5, which knows the group",
}


@pytest.fixture(params=FACTS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _rich(version: str) -> Bundle:
    return render_nginx(make_host(variables(Ports())), FACTS[version])


def test_a_host_with_one_of_everything_renders_as_the_golden_files_say(version: str) -> None:
    folder = GOLDEN / f"nginx-{version}"
    rendered = {
        path.removeprefix("/etc/nginx/"): file.content.decode()
        for path, file in _rich(version).files.items()
        if not path.endswith("mime.types")
    }
    if os.environ.get("REGENERATE_GOLDEN"):
        for path, text in rendered.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
    golden = {
        file.relative_to(folder).as_posix(): file.read_text() for file in folder.rglob("*") if file.is_file()
    }
    assert rendered == golden


def test_gixy_finds_nothing_but_what_we_stand_by(version: str, tmp_path: Path) -> None:
    configuration = place(_rich(version), tmp_path, sites=())
    gixy = Path(sys.executable).with_name("gixy")
    result = subprocess.run([gixy, "-f", "json", configuration], capture_output=True, text=True, check=False)
    findings = json.loads(result.stdout)
    found = {finding["plugin"] for finding in findings}
    assert "try_files_is_evil_too" in found, "gixy did not read the sites"
    assert found - ACCEPTED.keys() == set()


def test_moving_a_site_in_the_inventory_is_no_change() -> None:
    here, moved = (make_host(variables(Ports()), first_line=line) for line in (1, 40))
    first, second = (render_nginx(host, FACTS["1.22"]) for host in (here, moved))
    assert first.files != second.files
    assert first.digest == second.digest


def test_every_line_of_raw_leads_back_to_the_inventory() -> None:
    host = make_host(variables(Ports()))
    bundle = render_nginx(host, FACTS["1.22"])
    path = "/etc/nginx/deployer/sites/abc.conf"
    lines = bundle.files[path].content.decode().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "X-Raw" in text)
    value = "sites[0].locations[18].raw"
    assert bundle.origin(path, line) == (Place("inventory.yaml", host.places[value].line), value)


def test_http2_is_said_in_the_words_of_each_nginx() -> None:
    old, new = (
        _rich(version).files["/etc/nginx/deployer/sites/app.conf"].content for version in ("1.22", "1.26")
    )
    assert b"http2" not in old + new  # this site wants none
    values = variables(Ports())
    values["sites"] = values["sites"][:1]
    old, new = (
        render_nginx(make_host(values), FACTS[version]).files["/etc/nginx/deployer/sites/abc.conf"].content
        for version in ("1.22", "1.26")
    )
    assert b"listen 443 ssl http2;" in old
    assert b"listen 443 ssl;" in new
    assert b"http2 on;" in new


def test_no_listener_asks_for_ipv6_where_the_kernel_has_none() -> None:
    assert not any(b"[::]" in file.content for file in _rich("1.18").files.values())
    assert any(b"[::]:443" in file.content for file in _rich("1.22").files.values())


def test_a_port_cannot_be_http_and_https() -> None:
    location = {"path": "/", "static": {"root": "/srv"}}
    values = {
        "sites": [
            {"name": "a", "server_names": "a.test", "tls": {"self_signed": {}}, "locations": [location]},
            {"name": "b", "server_names": "b.test", "http_port": 443, "locations": [location]},
        ]
    }
    with pytest.raises(TemplateError, match="port 443 is HTTP for one site and HTTPS for another"):
        render_nginx(make_host(values), FACTS["1.22"])


def test_a_refusal_of_the_role_names_the_inventory_line() -> None:
    location = {"path": "^/v1/", "regex": True, "proxy": {"upstream": "127.0.0.1:1", "upstream_path": "/x"}}
    host = make_host({"sites": [{"name": "a", "server_names": "a.test", "locations": [location]}]})
    with pytest.raises(TemplateError) as caught:
        render_nginx(host, FACTS["1.22"])
    value = "sites[0].locations[0].proxy.upstream_path"
    assert caught.value.problem.path == value
    assert caught.value.problem.place == host.places[value]


def test_a_group_of_names_cannot_be_balanced_by_load() -> None:
    proxy = {"upstream": ["one.internal:80", "two.internal:80"], "balance": "least_conn"}
    site = {"name": "a", "server_names": "a.test", "locations": [{"path": "/", "proxy": proxy}]}
    with pytest.raises(TemplateError, match="least_conn needs addresses"):
        render_nginx(make_host({"sites": [site]}), FACTS["1.22"])


def test_http_raw_stands_in_the_http_block() -> None:
    bundle = render_nginx(make_host({"nginx_http_raw": "keepalive_timeout 30s;"}), FACTS["1.22"])
    assert b"    keepalive_timeout 30s;\n" in bundle.files["/etc/nginx/nginx.conf"].content


def test_a_host_without_sites_still_tells_its_release() -> None:
    bundle = render_nginx(make_host({}), FACTS["1.22"])
    assert b"deployer-release" in bundle.files["/etc/nginx/nginx.conf"].content
    assert bundle.packages == ("nginx",)
