"""WebSocket echo on port 8888, for the lab.

It sends back every message as it came. The text `headers` is answered with the headers of the
handshake, as JSON: `{"path": "/wss", "headers": {"Host": "abc.test", ...}}`. The subprotocol `chat` is
accepted where a client offers it. It never pings: what keeps an idle socket open is the proxy alone.
"""

import asyncio
import http
import json

import websockets


async def echo(socket):
    """Answer one client until it goes."""
    async for message in socket:
        if message == "headers":
            seen = dict(socket.request_headers.raw_items())
            await socket.send(json.dumps({"path": socket.path, "headers": seen}))
        else:
            await socket.send(message)


async def answer_plain_http(path, headers):
    """Say what this is to a client that does not ask for a WebSocket."""
    if "websocket" in headers.get("Upgrade", "").lower():
        return None
    return http.HTTPStatus.OK, {"Content-Type": "text/plain"}, b"echo backend: plain HTTP\n"


async def main():
    """Serve for ever."""
    options = {"subprotocols": ["chat"], "ping_interval": None, "max_size": None}
    async with websockets.serve(echo, "0.0.0.0", 8888, process_request=answer_plain_http, **options):
        await asyncio.Future()


asyncio.run(main())
