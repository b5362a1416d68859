"""Plain HTTP on port 3000, for the lab: answers every request with what it saw, as JSON.

A path that ends in `/error` gives 500. Every answer carries `Access-Control-Allow-Origin: *`, as careless
backends do: a proxy that adds its own without taking this one away sends two, and browsers refuse both.
"""

import json
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Api(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        """Report the request."""
        length = int(self.headers.get("Content-Length") or 0)
        seen = {
            "server": socket.gethostname(),
            "method": self.command,
            "path": self.path,
            "remote": self.client_address[0],
            "headers": dict(self.headers.items()),
            "body": self.rfile.read(length).decode(errors="replace"),
        }
        body = json.dumps(seen).encode() + b"\n"
        self.send_response(500 if urlsplit(self.path).path.endswith("/error") else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("X-Served-By", seen["server"])
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer


ThreadingHTTPServer(("0.0.0.0", 3000), Api).serve_forever()
