"""What stands behind the sites, the same for all servers: an HTTP server, WebSocket echo, php-fpm, Tomcat."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.bench.served.processes import LOAD_CORE, SERVER_CORE, Program, running
from tests.bench.served.scene import Scene, await_answer, await_port

_TOMCAT = Path("/usr/share/tomcat10")


@contextmanager
def backends(scene: Scene) -> Iterator[tuple[Program, ...]]:
    """Run them while the block runs; give those that work on the servers' core.

    The HTTP server and the echo cost less than a load generator does, and run beside it. Scripts and
    applications run beside the web server, as they do on a host.
    """
    with ExitStack() as stack:
        stack.enter_context(running(_http(scene), core=LOAD_CORE, log=scene.log("backend")))
        stack.enter_context(running(_echo(scene), core=LOAD_CORE, log=scene.log("echo")))
        fpm = stack.enter_context(running(_fpm(scene), core=SERVER_CORE, log=scene.log("php-fpm")))
        tomcat = stack.enter_context(running(_catalina(scene), core=SERVER_CORE, log=scene.log("tomcat")))
        for name in ("BACKEND", "ECHO", "FPM"):
            await_port(scene.port(name))
        await_answer(scene.port("TOMCAT"), "/Tomcat/page.jsp", tls=False)
        yield fpm, tomcat


def _http(scene: Scene) -> tuple[str, ...]:
    return ("/usr/sbin/nginx", "-c", str(scene.write("backend.conf")), "-g", "daemon off;")


def _echo(scene: Scene) -> tuple[str, ...]:
    return (sys.executable, "-m", "tests.bench.served.socket_echo", str(scene.port("ECHO")))


def _fpm(scene: Scene) -> tuple[str, ...]:
    program = max(Path("/usr/sbin").glob("php-fpm*"))
    return (str(program), "--allow-to-run-as-root", "--nodaemonize", "-y", str(scene.write("php-fpm.conf")))


def _catalina(scene: Scene) -> tuple[str, ...]:
    base = scene.folder / "tomcat"
    scene.write("tomcat.xml", "tomcat/conf/server.xml")
    shutil.copy("/etc/tomcat10/web.xml", base / "conf/web.xml")
    return (
        "env",
        f"CATALINA_BASE={base}",
        f"CATALINA_HOME={_TOMCAT}",
        f"CATALINA_TMPDIR={base / 'temp'}",
        "JAVA_OPTS=-Xms256m -Xmx256m -XX:+UseSerialGC",
        str(_TOMCAT / "bin/catalina.sh"),
        "run",
    )
