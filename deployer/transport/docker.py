"""A container as a host, by `docker exec` through the engine's API."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, ParamSpec, Self, TypeVar

import docker
from docker.errors import APIError, DockerException, NotFound

from deployer.errors import UnreachableError
from deployer.model.host import Host
from deployer.transport import Address, LineSink, Result, Stream
from deployer.transport.docker_stream import demultiplex, open_stream
from deployer.transport.streams import Lines, connected, converse, feed

_P = ParamSpec("_P")
_T = TypeVar("_T")

_TIMEOUT = 10
"""Seconds for one request to the engine; a running command is not a request."""
_KILLED = 137
_REACH = 1.0
"""Seconds for a container's address to answer; an answer may be a refusal."""


class DockerTransport:
    """One running container; the SDK's blocking calls run in threads, the streams in the loop."""

    def __init__(self, client: docker.DockerClient, container: str, *, user: str = "") -> None:
        self._client = client
        self._container = container
        self._user = user
        self._addresses: dict[int, Address] = {}

    @classmethod
    async def open(cls, host: Host) -> Self:
        """Find the container named by `ansible_host`, or else by the host's name.

        Raises:
            UnreachableError: No engine, no such container, or it does not run.
        """
        client = await _ask(docker.from_env, timeout=_TIMEOUT)
        transport = cls(client, host.address, user=host.settings.ansible_user or "")
        try:
            await transport._require_running()
        except UnreachableError:
            await transport.close()
            raise
        return transport

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: AsyncIterator[bytes] | None = None,
        on_line: LineSink | None = None,
    ) -> Result:
        """Run `argv` in the container, as `ansible_user` if there is one."""
        command = await self._create(argv)
        attached = await self._ask(self._client.api.exec_start, command, socket=True)
        reader, writer = await open_stream(attached)
        out, err = Lines(on_line), Lines()
        try:
            await converse(feed(stdin, writer), self._listen(reader, out, err))
        finally:
            writer.transport.abort()  # `close` would wait for input that nobody reads any more
        return Result(await self._exit_code(command), out.finish(), err.finish())

    async def stream(self, port: int) -> Stream:
        """Connect to the container's own address if it is reachable from here, else to a published port."""
        if port not in self._addresses:
            self._addresses[port] = await self._address(port)
        return await connected(self._addresses[port])

    async def _address(self, port: int) -> Address:
        attributes = await self._inspect()
        for address in _own_addresses(attributes, port):
            if await _answers(address):
                return address
        for address in _published_addresses(attributes, port):
            return address
        raise UnreachableError(
            f"port {port} of container {self._container} cannot be reached from here",
            next_step=f"publish the port (docker run -p {port}), or run deployer on the engine's host",
        )

    async def close(self) -> None:
        """Close the connections to the engine."""
        await asyncio.to_thread(self._client.close)

    async def _create(self, argv: Sequence[str]) -> str:
        try:
            created: Mapping[str, str] = await _ask(
                self._client.api.exec_create, self._container, list(argv), stdin=True, user=self._user
            )
        except UnreachableError:
            await self._require_running()
            raise
        return created["Id"]

    async def _listen(self, reader: asyncio.StreamReader, out: Lines, err: Lines) -> None:
        try:
            await demultiplex(reader, out.feed, err.feed)
        except (OSError, asyncio.IncompleteReadError) as error:
            raise self._lost() from error

    async def _exit_code(self, command: str) -> int:
        """Wait for the command's own end: its streams may end before it."""
        pause = 0.01
        while True:
            state: Mapping[str, Any] = await self._ask(self._client.api.exec_inspect, command)
            if not state["Running"] and state["ExitCode"] is not None:
                break
            await asyncio.sleep(pause)
            pause = min(pause * 2, 1.0)
        if state["ExitCode"] == _KILLED:
            await self._require_survival()
        return int(state["ExitCode"])

    async def _require_survival(self) -> None:
        """Tell a killed command from a killed container, which the engine notes a little later."""
        for _ in range(5):
            await self._require_running()
            await asyncio.sleep(0.2)

    async def _ask(self, question: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Ask the engine; what goes wrong once a container was found is a lost connection."""
        try:
            return await _ask(question, *args, **kwargs)
        except UnreachableError as error:
            raise self._lost() from error

    async def _inspect(self) -> Mapping[str, Any]:
        attributes: Mapping[str, Any] = await _ask(self._client.api.inspect_container, self._container)
        return attributes

    async def _require_running(self) -> None:
        attributes = await self._inspect()
        if not attributes["State"]["Running"] or attributes["State"].get("Paused"):
            raise UnreachableError(
                f"container {self._container} is {attributes['State']['Status']}",
                next_step=f"docker start {self._container}",
            )

    def _lost(self) -> UnreachableError:
        return UnreachableError(
            f"the connection to container {self._container} was lost",
            next_step=f"docker logs {self._container}",
        )


async def _ask(question: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    try:
        return await asyncio.to_thread(question, *args, **kwargs)
    except NotFound as error:
        raise UnreachableError(f"docker: {error.explanation}", next_step="docker ps -a") from error
    except APIError as error:
        raise UnreachableError(f"docker: {error.explanation}") from error
    except (DockerException, OSError) as error:
        raise _no_engine(error) from error


def _no_engine(error: Exception) -> UnreachableError:
    if "Permission denied" in str(error):
        return UnreachableError(
            "the Docker engine's socket is not open to this user",
            next_step="sudo usermod -aG docker $USER, then log in again",
        )
    return UnreachableError(
        f"no Docker engine answers: {error}", next_step="sudo systemctl start docker, or set DOCKER_HOST"
    )


def _own_addresses(attributes: Mapping[str, Any], port: int) -> list[Address]:
    if attributes["HostConfig"]["NetworkMode"] == "host":
        return [Address("127.0.0.1", port)]
    networks: Mapping[str, Mapping[str, str]] = attributes["NetworkSettings"]["Networks"]
    return [Address(network["IPAddress"], port) for network in networks.values() if network["IPAddress"]]


def _published_addresses(attributes: Mapping[str, Any], port: int) -> list[Address]:
    bindings = attributes["NetworkSettings"]["Ports"].get(f"{port}/tcp") or ()
    return [Address(_reachable(binding["HostIp"]), int(binding["HostPort"])) for binding in bindings]


def _reachable(listening: str) -> str:
    return {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(listening, listening)  # noqa: S104 - nothing is bound here


async def _answers(address: Address) -> bool:
    """Tell whether packets come back; a refused port is an answer that a probe should see."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(*address), _REACH)
    except ConnectionRefusedError:
        return True
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
