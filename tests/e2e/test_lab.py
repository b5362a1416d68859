import json
import shutil
import subprocess
from pathlib import Path

import docker
import pytest
from visiting import CHECKOUT, Lab, run

from deployer import lab as the_lab
from deployer.lab import Home

ASK_ECHO = """
import asyncio, websockets
async def main():
    async with websockets.connect("ws://127.0.0.1:8888/wss", subprotocols=["superchat", "chat"]) as socket:
        await socket.send("hello")
        echoed = await socket.recv()
        await socket.send("headers")
        print(socket.subprotocol, echoed, await socket.recv())
asyncio.run(main())
"""
ASK_API = """
import urllib.request, urllib.error
try: answer = urllib.request.urlopen("http://127.0.0.1:3000/api/{path}")
except urllib.error.HTTPError as error: answer = error
print(answer.status, answer.headers["Access-Control-Allow-Origin"], answer.read().decode())
"""


def fpm(script: str) -> str:
    """The command that has php-fpm run a script, as nginx would ask it to."""
    asked = f"REQUEST_METHOD=GET SCRIPT_NAME=/app/index.php SCRIPT_FILENAME={script}"
    return f"{asked} cgi-fcgi -bind -connect 127.0.0.1:9000"


@pytest.mark.parametrize(("edge", "release"), [("edge1", "12"), ("edge2", "13"), ("edge3", "12")])
def test_an_edge_is_a_debian_with_systemd_and_without_python(lab: Lab, edge: str, release: str) -> None:
    host = lab.container(edge)

    assert host.system_info.release.startswith(release)
    assert host.check_output("cat /proc/1/comm") == "systemd"
    assert not host.exists("python3")


@pytest.mark.parametrize("edge", ["edge1", "edge2"])
def test_ssh_enters_with_the_labs_key_and_checks_the_hosts(lab: Lab, edge: str) -> None:
    ssh, *rest = the_lab.ssh_argv(edge)
    strict = ["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]

    ended = run([ssh, *strict, *rest, "sudo -n id -u; hostname"])

    assert ended.stdout.split() == ["0", edge], ended.stderr


def test_no_two_edges_share_a_host_key(lab: Lab) -> None:
    first, second = (
        lab.container(edge).file("/etc/ssh/ssh_host_ed25519_key.pub").content for edge in ("edge1", "edge2")
    )

    assert first != second


def test_the_echo_backend_negotiates_and_reports_the_handshake(lab: Lab) -> None:
    subprotocol, echoed, report = lab.container("echo").check_output("python3 -c %s", ASK_ECHO).split(" ", 2)

    assert (subprotocol, echoed) == ("chat", "hello")
    assert json.loads(report)["headers"]["Sec-WebSocket-Protocol"] == "superchat, chat"


def test_the_api_is_as_careless_with_cors_as_its_tests_need(lab: Lab) -> None:
    status, origin, body = (
        lab.container("api1").check_output("python3 -c %s", ASK_API.format(path="x")).split(" ", 2)
    )

    assert (status, origin, json.loads(body)["server"]) == ("200", "*", "api1")
    assert (
        lab.container("api2").check_output("python3 -c %s", ASK_API.format(path="error")).startswith("500 * ")
    )


def test_php_fpm_reports_the_path_that_it_sees(lab: Lab) -> None:
    answer = lab.container("php").check_output(fpm("/app/public/index.php"))

    body = answer.replace("\r", "").partition("\n\n")[2]
    assert json.loads(body)["SCRIPT_FILENAME"] == "/app/public/index.php"


def test_php_fpm_by_itself_would_run_an_uploaded_picture(lab: Lab) -> None:
    assert "EXECUTED" in lab.container("php").check_output(fpm("/app/public/uploads/x.jpg/y.php"))


def test_tomcat_believes_its_proxy_about_scheme_and_visitor(lab: Lab) -> None:
    told = "-H 'Host: abc.test' -H 'X-Forwarded-Proto: https' -H 'X-Forwarded-For: 192.0.2.7'"

    answer = lab.container("tomcat").check_output(f"curl -si {told} http://127.0.0.1:8080/shop/")

    head, _, body = answer.replace("\r", "").partition("\n\n")
    seen = json.loads(body)
    assert (seen["scheme"], seen["secure"], seen["remoteAddr"]) == ("https", True, "192.0.2.7")
    assert "Path=/shop; Secure" in head


def test_tomcat_by_itself_would_show_its_other_application(lab: Lab) -> None:
    answer = lab.container("tomcat").check_output("curl -s 'http://127.0.0.1:8080/shop/..;/secret/'")

    assert json.loads(answer) == {"application": "secret"}


def test_a_backend_comes_back_at_its_address(lab: Lab) -> None:
    before = lab.status.member("api2")
    assert before is not None
    subprocess.run(["docker", "restart", "--time", "1", before.container], check=True, capture_output=True)

    after = lab.status.member("api2")

    assert after is not None
    assert after.address == before.address


@pytest.fixture
def second_checkout(tmp_path: Path) -> Home:
    """A copy of what the lab needs; it is another checkout for all that deployer knows."""
    root = tmp_path / "main"
    shutil.copytree(CHECKOUT / "lab", root / "lab", ignore=shutil.ignore_patterns("host_vars", "group_vars"))
    for name in ("docker-compose.yml", "pyproject.toml"):
        shutil.copy(CHECKOUT / name, root / name)
    return the_lab.find(root)


def left_behind(project: str) -> list[str]:
    """Everything that Docker still has of a compose project."""
    client = docker.from_env()
    try:
        label: dict[str, str | list[str] | bool] = {"label": f"com.docker.compose.project={project}"}
        found = [
            *client.containers.list(all=True, filters=label),
            *client.networks.list(filters=label),
            *client.volumes.list(filters=label),
        ]
        return [str(thing) for thing in found]
    finally:
        client.close()


def test_two_checkouts_run_at_once_and_down_leaves_nothing(lab: Lab, second_checkout: Home) -> None:
    files = sorted(second_checkout.root.rglob("*"))
    try:
        second = the_lab.up(home=second_checkout)

        assert second.running
        first = lab.status
        assert first.running
        ours, theirs = ({member.address for member in status.members} for status in (first, second))
        assert not ours & theirs
    finally:
        the_lab.down(home=second_checkout)
    assert left_behind(second_checkout.project) == []
    assert sorted(second_checkout.root.rglob("*")) == files
