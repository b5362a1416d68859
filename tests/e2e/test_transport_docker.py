"""The contract of all transports with real servers behind it, and how `docker exec` fails."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container
from transport_contract import LiveContract, Opener, sh, talk, until
from visiting import CHECKOUT, Lab

from deployer import lab as the_lab
from deployer.errors import UnreachableError
from deployer.inventory import load
from deployer.model.host import Host, HostVariables
from deployer.transport import Transport
from deployer.transport.connect import connect

_SERVER = """
use IO::Socket::INET;
my $s = IO::Socket::INET->new(LocalAddr => "0.0.0.0", LocalPort => 8099, Listen => 5, ReuseAddr => 1) or die;
print "listening\n"; STDOUT->flush;
for (1, 2) { my $c = $s->accept; print $c "hello from the container\n"; close $c; }
"""


def lab_host(name: str) -> Host:
    return next(host for host in load(CHECKOUT / "lab/inventory.yaml").hosts if host.name == name)


class TestDockerOnTheLab(LiveContract):
    @pytest.fixture
    def opener(self, lab: Lab) -> Opener:
        return lambda: connect(lab_host("edge3"))


class TestOpenSshOnTheLab(LiveContract):
    @pytest.fixture
    def opener(self, lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Opener:
        monkeypatch.setenv("HOME", str(tmp_path))
        return lambda: connect(lab_host("edge1"))


@pytest.fixture
def spare(lab: Lab) -> Iterator[Container]:
    """A container of edge3's image that a test may stop."""
    name = next(member.container for member in the_lab.status().members if member.service == "edge3")
    with closing(docker.from_env()) as engine:
        image = engine.containers.get(name).attrs["Image"]
        labels = {
            "com.docker.compose.project": "spare"
        }  # else it inherits the image's, and counts as the lab's
        container = engine.containers.run(image, ["sleep", "infinity"], detach=True, init=True, labels=labels)
        container.reload()
        yield container
        container.remove(force=True)


def opener_of(container: str, user: str | None = None) -> Opener:
    settings = HostVariables(ansible_connection="docker", ansible_host=container, ansible_user=user)
    return lambda: connect(Host("spare", settings=settings))


def refusal(container: str) -> UnreachableError:
    with pytest.raises(UnreachableError) as caught:
        talk(opener_of(container), lambda host: host.run(("true",)))
    return caught.value


def test_commands_run_as_the_user_of_the_inventory(spare: Container) -> None:
    assert talk(opener_of(spare.name, "nobody"), lambda host: host.run(("id", "-un"))).stdout == "nobody\n"


def test_a_container_that_is_not_there_is_named(lab: Lab) -> None:
    error = refusal("no-such-container")

    assert "no-such-container" in error.message
    assert error.next_step == "docker ps -a"


def test_a_container_that_does_not_run_is_to_be_started(spare: Container) -> None:
    spare.stop(timeout=1)

    error = refusal(spare.name)

    assert error.message == f"container {spare.name} is exited"
    assert error.next_step == f"docker start {spare.name}"


def test_a_container_that_dies_in_mid_command_is_a_lost_connection(spare: Container) -> None:
    seen: list[str] = []

    async def kill() -> AsyncIterator[bytes]:
        await until(lambda: seen == ["begun"])
        await asyncio.to_thread(spare.kill)
        await asyncio.Event().wait()
        yield b""

    with pytest.raises(UnreachableError):
        talk(
            opener_of(spare.name),
            lambda host: host.run(sh("echo begun; sleep 30"), stdin=kill(), on_line=seen.append),
        )


# The SDK leaves the socket open on which nobody answered; here it is collected while that is known.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_without_an_engine_the_next_step_is_to_start_it(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")

    error = refusal("edge3")

    assert "no Docker engine answers" in error.message
    assert "systemctl start docker" in error.next_step
    error.__traceback__ = error.__cause__ = error.__context__ = None
    gc.collect()


def test_a_port_of_the_container_is_reached_at_its_own_address(spare: Container) -> None:
    async def conversation(host: Transport) -> bytes:
        seen: list[str] = []
        serving = asyncio.ensure_future(host.run(("perl", "-e", _SERVER), on_line=seen.append))
        await until(lambda: seen == ["listening"])
        # The first connection to be accepted is the transport's own question.
        stream = await host.stream(8099)
        said = await stream.read()
        stream.close()
        await serving
        return said

    assert talk(opener_of(spare.name), conversation) == b"hello from the container\n"


def test_openssh_says_of_a_closed_port_that_it_is_closed_and_not_forbidden(lab: Lab) -> None:
    async def conversation(host: Transport) -> str:
        # Where forwarding is forbidden the host's own address is asked, which refuses.
        with pytest.raises(ConnectionAbortedError) as closed:
            await host.stream(9)
        return str(closed.value)

    assert talk(lambda: connect(lab_host("edge1")), conversation)
