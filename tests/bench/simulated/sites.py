"""One real nginx that answers what visitors ask of any simulated host: the sites of the job, by name."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from string import Template

_PATIENCE = 10.0
"""Seconds that nginx has to listen."""

_CONFIG = Template("""
daemon off; worker_processes 1; pid $folder/nginx.pid; error_log $folder/nginx.log;
events { worker_connections 8192; }
http {
    access_log off; absolute_redirect off;
    client_body_temp_path $folder/body; proxy_temp_path $folder/proxy; fastcgi_temp_path $folder/fastcgi;
    uwsgi_temp_path $folder/uwsgi; scgi_temp_path $folder/scgi;
    server {
        listen 127.0.0.1:$https ssl; server_name www.bench.test;
        ssl_certificate $certificates/www.pem; ssl_certificate_key $certificates/www.key;
        location / { return 200 "bench\\n"; }
        location /old { return 308 /new; }
    }
    server {
        listen 127.0.0.1:$https ssl; server_name app.bench.test;
        ssl_certificate $certificates/app.pem; ssl_certificate_key $certificates/app.key;
        location /api/ { proxy_pass http://$backend; }
        location /wss {
            proxy_pass http://$backend; proxy_http_version 1.1;
            proxy_set_header Upgrade $$http_upgrade; proxy_set_header Connection upgrade;
        }
    }
    server {
        listen 127.0.0.1:$http; server_name www.bench.test app.bench.test;
        return 308 https://$$host$$request_uri;
    }
    server { listen 127.0.0.1:$http; server_name plain.bench.test; location / { return 200 "bench\\n"; } }
}
""")


@contextmanager
def served(folder: Path, certificates: Path, backend: str) -> Iterator[Mapping[int, int]]:
    """Serve the sites; gives the port of this machine that stands for a port of any host.

    Args:
        folder: For nginx's own files.
        certificates: Has NAME.pem and NAME.key of each site with TLS.
        backend: `host:port` behind `/api/` and `/wss`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ports = {80: _free_port(), 443: _free_port()}
    config = folder / "sites.conf"
    known = {"folder": folder, "certificates": certificates, "backend": backend}
    config.write_text(_CONFIG.substitute(known, http=ports[80], https=ports[443]))
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin") or "nginx"
    with subprocess.Popen((program, "-c", str(config))) as nginx:
        try:
            for port in ports.values():
                _await(port)
            yield ports
        finally:
            nginx.terminate()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _await(port: int) -> None:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return
