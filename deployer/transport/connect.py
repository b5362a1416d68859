"""From a host of the inventory to an open transport."""

import asyncio
from typing import assert_never

from deployer import ahead
from deployer.model.host import Host
from deployer.transport import Transport
from deployer.transport.preconnect import Preconnection
from deployer.transport.shared_libraries import found_in_cache


async def connect(host: Host) -> Transport:
    """Open the transport that `ansible_connection` names.

    Each library is imported when it is first needed: they take longer than the rest of the start.

    Raises:
        UnreachableError: The host cannot be reached; says why, and what to do.
    """
    match host.settings.ansible_connection:
        case "ssh":
            return await _by_ssh(host)
        case "docker":
            from deployer.transport.docker import DockerTransport

            return await DockerTransport.open(host)
        case "local":
            from deployer.transport.local import LocalTransport

            return LocalTransport()
        case other:
            assert_never(other)


async def _by_ssh(host: Host) -> Transport:
    begun = Preconnection(host.address, host.settings.ansible_port)
    try:
        await asyncio.sleep(0)  # all hosts that start with this one are called before the import
        with found_in_cache():
            ahead.for_good("deployer.transport.ssh")
        from deployer.transport.ssh import SshTransport

        return await SshTransport.open(host, begun=begun)
    finally:
        begun.hang_up()
