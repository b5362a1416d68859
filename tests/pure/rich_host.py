"""A host that has one of everything, for golden files and for the real nginx."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployer.bundle import Bundle
from deployer.errors import Place
from deployer.facts import Facts
from deployer.model.host import Host, HostVariables
from deployer.render import render_bundle
from deployer.roles import load_role

FACTS = {
    "1.18": Facts(
        os_version="11",
        os_codename="bullseye",
        nginx_version=(1, 18, 0),
        openssl_version=(1, 1, 1),
        php_version="7.4",
        tomcat_version="9",
        ipv6=False,
    ),
    "1.22": Facts(resolvers=("192.0.2.53",)),
    "1.26": Facts(
        os_version="13",
        os_codename="trixie",
        nginx_version=(1, 26, 3),
        openssl_version=(3, 5, 1),
        php_version="8.4",
        resolvers=("192.0.2.53", "[2001:db8::53]"),
    ),
    "1.30": Facts(
        os_version="14",
        os_codename="forky",
        nginx_version=(1, 30, 6),
        openssl_version=(3, 6, 5),
        php_version="8.4",
        resolvers=("127.0.0.53",),
        hosts=(("two.internal", "192.0.2.7"),),
    ),
}


@dataclass(frozen=True)
class Ports:
    """Where the example listens and what is behind it; the golden files have the defaults."""

    http: int = 80
    https: int = 443
    release: int = 8199
    websocket: str = "127.0.0.1:8888"
    app: str = "127.0.0.1:3000"
    fpm: str = "unix:/run/php/deployer.sock"
    files: str = "/srv/www"
    resolver_timeout: str = "5s"


def variables(ports: Ports) -> dict[str, Any]:
    """The host's variables as an inventory would say them."""
    return {
        "nginx_release_port": ports.release,
        "nginx_resolver_timeout": ports.resolver_timeout,
        "upstreams": {"shop_app": {"servers": [ports.app, "127.0.0.1:9"], "balance": "least_conn"}},
        "sites": [_abc(ports), _plain(ports), _app(ports)],
    }


def _abc(ports: Ports) -> dict[str, Any]:
    return {
        "name": "abc",
        "server_names": ["abc.test", "www.abc.test"],
        "tls": {"self_signed": {}},
        "http_port": ports.http,
        "https_port": ports.https,
        "headers": {"Strict-Transport-Security": "max-age=63072000", "X-Frame-Options": ""},
        "locations": [
            {"path": "/wss", "websocket": {"upstream": ports.websocket, "origins": ["https://app.abc.test"]}},
            {
                "path": "/chat/",
                "websocket": {"upstream": "chat.internal:8080", "origins": "*", "allow_http": True},
                "connection_limit": 50,
            },
            {
                "path": "/app/",
                "php": {
                    "root": f"{ports.files}/app",
                    "fpm": ports.fpm,
                    "front_controller": "index.php",
                },
                "max_body_size": "8m",
            },
            {
                "path": "/far/",
                "php": {"root": "/srv/far", "fpm": "php.internal:9000", "fpm_root": "/var/www/far"},
            },
            {"path": "/Tomcat/", "tomcat": {"upstream": ports.app}},
            {"path": "/shop/", "tomcat": {"upstream": "shop_app", "context": "/app"}},
            {
                "path": "/api/",
                "proxy": {"upstream": ports.app, "upstream_path": "/v1/"},
                "cors": {
                    "origins": ["https://app.abc.test"],
                    "credentials": True,
                    "expose_headers": "X-Total",
                },
                "headers": {"Cache-Control": "no-store"},
                "timeouts": {"read": "5m"},
            },
            {"path": "/open", "proxy": {"upstream": ports.app}, "cors": {"origins": "*"}},
            {
                "path": "/internal",
                "proxy": {"upstream": ports.app},
                "allowed_networks": ["10.0.0.0/8", "2001:db8::/32"],
            },
            {"path": "/login", "proxy": {"upstream": ports.app}, "rate_limit": {"rate": "1r/m", "burst": 1}},
            {"path": "/names/", "proxy": {"upstream": ["one.internal:3000", "two.internal:3000"]}},
            {
                "path": "/mixed/",
                "tomcat": {"upstream": ["192.0.2.9:8080", "192.0.2.10:8080", "three.internal:8080"]},
            },
            {"path": "/talk", "websocket": {"upstream": "shop_app"}},
            {"path": "/old", "redirect": {"to": "/new/", "keep_path": True}},
            {"path": "/gone", "exact": True, "redirect": {"to": "https://www.abc.test/", "status": 301}},
            {"path": "^/v[0-9]+/", "regex": True, "proxy": {"upstream": ports.app}},
            {
                "path": "/spa/",
                "static": {"root": f"{ports.files}/spa", "fallback": "index.html", "expires": "1h"},
            },
            {"path": "/robots.txt", "exact": True, "static": {"root": f"{ports.files}/abc"}},
            {
                "path": "/",
                "static": {"root": f"{ports.files}/abc"},
                "raw": 'error_page 404 /404.html;\nadd_header X-Raw "yes";\n',
            },
        ],
    }


def _plain(ports: Ports) -> dict[str, Any]:
    return {
        "name": "plain",
        "server_names": "*.plain.test",
        "http_port": ports.http,
        "raw": "keepalive_requests 2000;",
        "locations": [{"path": "/", "proxy": {"upstream": ports.app}}],
    }


def _app(ports: Ports) -> dict[str, Any]:
    return {
        "name": "app",
        "server_names": "php.test",
        "tls": {"local_ca": {}},
        "redirect_http": False,
        "http2": False,
        "http_port": ports.http,
        "https_port": ports.https,
        "locations": [
            {"path": "/", "php": {"root": f"{ports.files}/app", "fpm": ports.fpm}},
            {"path": "/files/", "static": {"root": f"{ports.files}/abc", "listing": True}},
        ],
    }


def make_host(values: Mapping[str, Any], *, first_line: int = 1) -> Host:
    """A host as the inventory loader would give it, each value on a line of its own."""
    places: dict[str, Place] = {}
    _number(values, "", places, first_line)
    ours = {name: value for name, value in values.items() if name in HostVariables.model_fields}
    return Host("edge1", ("edge",), HostVariables.model_validate(ours), variables=values, places=places)


def _number(value: object, path: str, places: dict[str, Place], first_line: int) -> None:
    if path:
        places[path] = Place("inventory.yaml", first_line + len(places))
    if isinstance(value, Mapping):
        for key, child in value.items():
            _number(child, f"{path}.{key}" if path else key, places, first_line)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            _number(child, f"{path}[{index}]", places, first_line)


def render_nginx(host: Host, facts: Facts) -> Bundle:
    """The bundle of the project's own nginx role."""
    return render_bundle(host, [load_role("nginx", [Path("nowhere")])], facts)
