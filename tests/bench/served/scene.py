"""What all servers of one run share: folders, files, certificate, the addresses of what is behind them."""

import http.client
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench.places import HERE, STATE
from tests.pure.local_nginx import free_port, write_certificate

FOLDER = STATE / "served"
CONFIGS = HERE / "served" / "configs"
BODY = "x" * 1024
"""What static file, proxied application, script and Tomcat's page answer with: 1 kB."""

CHILDREN = 8
"""Processes of php-fpm."""

_JSP = '<%@page session="false" contentType="text/plain"%><%@page trimDirectiveWhitespaces="true"%>'


@dataclass(frozen=True)
class Scene:
    """Where everything is.

    Attributes:
        folder: Configurations, logs, certificate.
        www: The sites' files, as near to the root as on a host: each folder on the way costs PHP a look.
        values: Fill the configurations' `@NAME@`.
    """

    folder: Path
    www: Path
    values: Mapping[str, str]

    def prepare(self) -> None:
        """Make folders, files and certificate."""
        for name in ("log", "tomcat/webapps/Tomcat", "tomcat/conf", "tomcat/temp"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.www / "app").mkdir()
        for log in (self.folder / "log").iterdir():
            log.unlink()
        write_certificate(self.folder / "tls")
        both = [(self.folder / "tls" / name).read_text() for name in ("fullchain.pem", "privkey.pem")]
        (self.folder / "tls" / "haproxy.pem").write_text("".join(both))
        (self.www / "page.html").write_text(BODY)
        (self.www / "app/page.php").write_text(f"<?php echo str_repeat('x', {len(BODY)});\n")
        (self.folder / "tomcat/webapps/Tomcat/page.jsp").write_text(_JSP + BODY)

    def log(self, name: str) -> Path:
        """Return where the program `name` says what it says."""
        return self.folder / "log" / f"{name}.out"

    def port(self, name: str) -> int:
        """Return the port of a backend."""
        return int(self.values[name].rpartition(":")[2])

    def filled(self, name: str, **more: str) -> str:
        """Return the text of a configuration with everything put in."""
        text = (CONFIGS / name).read_text(encoding="utf-8")
        for key, value in {**self.values, **more}.items():
            text = text.replace(f"@{key}@", value)
        return text

    def write(self, name: str, target: str = "", **more: str) -> Path:
        """Fill a configuration and put it into the folder, as `target` or by its own name."""
        path = self.folder / (target or name)
        path.write_text(self.filled(name, **more))
        return path


def scene_in(folder: Path, www: Path) -> Scene:
    """Return the scene of one run, on ports of its own; `www` is empty."""
    return Scene(folder, www, _values(folder, www))


_given: set[int] = set()


def new_port() -> int:
    """Return a free TCP port that this run has not been given yet."""
    while (port := free_port()) in _given:
        pass
    _given.add(port)
    return port


def ask(port: int, path: str, *, tls: bool = True) -> tuple[int, str]:
    """Return status and text of one request, 0 and the reason where there is no answer."""
    connection = (
        http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=_trusting())
        if tls
        else http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    )
    # SNI is by the name that is connected to.
    connection.host = "localhost"
    try:
        connection.request("GET", path, headers={"Host": "localhost"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error)
    finally:
        connection.close()


def await_answer(port: int, path: str, *, tls: bool, patience: float = 60) -> None:
    """Return once `path` is answered with 200 and the body of the benchmark.

    Raises:
        TimeoutError: It was not, for `patience` seconds.
    """
    until = time.monotonic() + patience
    while (said := ask(port, path, tls=tls)) != (200, BODY):
        if time.monotonic() > until:
            raise TimeoutError(f"port {port}, {path}: {said[0]} {said[1][:200]!r}")
        time.sleep(0.1)


def await_port(port: int, *, patience: float = 60) -> None:
    """Return once something listens on `port`.

    Raises:
        TimeoutError: Nothing does, for `patience` seconds.
    """
    until = time.monotonic() + patience
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError as error:
            if time.monotonic() > until:
                raise TimeoutError(f"nothing listens on port {port}") from error
            time.sleep(0.05)
        else:
            return


def _trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _values(folder: Path, www: Path) -> dict[str, str]:
    tomcat = new_port()
    return {
        "FOLDER": str(folder),
        "WWW": str(www),
        "BODY": BODY,
        "CHILDREN": str(CHILDREN),
        "ECHO": f"127.0.0.1:{new_port()}",
        "FPM": f"127.0.0.1:{new_port()}",
        "BACKEND": f"127.0.0.1:{new_port()}",
        "TOMCAT": f"127.0.0.1:{tomcat}",
        "TOMCAT_PORT": str(tomcat),
    }
