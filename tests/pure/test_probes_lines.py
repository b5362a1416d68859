"""How many connections visitors need, and what happens to the others where one of them breaks."""

import asyncio
import contextlib
from collections import Counter
from contextlib import aclosing
from pathlib import Path

from probed_nginx import PROXY, Served, of_kind, said, served

from deployer import probes
from deployer.outcome import ProbeResult
from deployer.probes.http import fetch
from deployer.probes.way import Way, trusting
from deployer.transport import Stream

PROXY_ALL = PROXY.format(path="/", backend="BACKEND")


def static(path: str) -> dict[str, object]:
    return {"path": path, "static": {"root": "/srv/www"}}


def backend(kind: str, path: str) -> dict[str, object]:
    return {"path": path, kind: {"upstream": "backend"}}


def visit(
    at: Served, *kinds: str, deadline: float = 5
) -> tuple[dict[tuple[str, str], tuple[str, str]], Counter[int]]:
    """Ask the questions of these kinds, or all; also how often each port was connected to."""
    connections: Counter[int] = Counter()

    async def stream_to(port: int) -> Stream:
        connections[port] += 1
        return await at.stream_to(port)

    async def asked() -> tuple[ProbeResult, ...]:
        questions = probes.questions(at.host)
        wanted = of_kind(questions, *kinds) if kinds else questions
        return await probes.ask(wanted, stream_to, trust=at.trust, timing=probes.Timing(deadline=deadline))

    return said(asyncio.run(asked())), connections


def test_one_connection_shows_the_certificate_and_answers_what_nginx_answers_by_itself(
    tmp_path: Path,
) -> None:
    cors = {"cors": {"origins": ["https://app.abc.com"]}}
    locations = [
        static("/"),
        static("/a/"),
        static("/b/") | cors,
        {"path": "/old", "redirect": {"to": "/a/", "status": 301}},
    ]
    config = """
        location /old { return 301 /a/; }
        location / {
            add_header Access-Control-Allow-Origin https://app.abc.com; add_header Vary Origin;
            add_header Access-Control-Allow-Methods DELETE; return 200 "hello";
        }"""

    with served(tmp_path, locations, config) as at:
        found, connections = visit(at)
        site = at.host.sites[0]

    assert {path: verdict for (path, kind), (verdict, _) in found.items() if kind == "static"} == {
        "/": "passed",
        "/a/": "passed",
        "/b/": "passed",
    }
    assert found["", "certificate"][0] == found["", "redirect"][0] == found["/old", "redirect"][0] == "passed"
    assert found["/b/", "cors"][
        1
    ] == "preflight of a foreign origin is allowed: Access-Control-Allow-Origin " + ("https://app.abc.com")
    # The certificate's other name is asked for by another handshake.
    assert connections == {site.https_port: 2, site.http_port: 1}


def test_a_connection_that_breaks_under_one_question_fails_no_other(tmp_path: Path) -> None:
    paths = ["/a/", "/bad/", "/b/", "/c/"]
    config = 'location /bad/ { return 444; } location / { return 200 "hello"; }'

    with served(tmp_path, [static(path) for path in paths], config) as at:
        found, _ = visit(at, "static")

    assert [found[path, "static"][0] for path in paths] == ["passed", "failed", "passed", "passed"]
    assert found["/bad/", "static"][1] == "the connection was closed without an answer"


def test_an_answer_that_ends_its_connection_is_an_answer(tmp_path: Path) -> None:
    config = 'keepalive_timeout 0; location / { return 200 "hello"; }'

    with served(tmp_path, [static(path) for path in ("/a/", "/b/", "/c/")], config) as at:
        found, _ = visit(at, "static")

    assert {verdict for verdict, _ in found.values()} == {"passed"}


def test_a_page_that_is_too_long_to_read_holds_up_nobody(tmp_path: Path) -> None:
    (tmp_path / "long").mkdir()
    (tmp_path / "long" / "index.html").write_bytes(b"." * 3_000_000)
    config = f'location /long/ {{ root {tmp_path}; }} location / {{ return 200 "hello"; }}'

    with served(tmp_path, [static("/long/"), static("/b/")], config) as at:
        found, _ = visit(at, "static")

    assert {verdict for verdict, _ in found.values()} == {"passed"}


def test_a_backend_that_is_silent_is_waited_for_by_nobody_else(tmp_path: Path) -> None:
    locations = [backend("proxy", "/api/"), backend("tomcat", "/Tomcat/"), static("/")]
    config = PROXY_ALL + 'location = / { return 200 "hello"; } location /Tomcat/ { return 401 "who?"; }'

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            await reader.read()

    async def with_backend(at: Served) -> tuple[ProbeResult, ...]:
        async with await asyncio.start_server(silent, "127.0.0.1", at.backend):
            questions = of_kind(probes.questions(at.host), "static", "tomcat", "proxy")
            timing = probes.Timing(deadline=0.5)
            return await probes.ask(questions, at.stream_to, trust=at.trust, timing=timing)

    with served(tmp_path, locations, config) as at:
        found = said(asyncio.run(with_backend(at)))

    assert found["/api/", "proxy"] == ("failed", "no answer within 0.5 s")
    assert found["/Tomcat/", "tomcat"][0] == found["/", "static"][0] == "passed"


def test_who_does_not_wait_for_an_answer_leaves_it_to_nobody_else(tmp_path: Path) -> None:
    config = "location /slow { proxy_pass http://127.0.0.1:BACKEND; } location / { return 200 $uri; }"

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            await reader.readuntil(b"\r\n\r\n")
            asked.set()
            await left.wait()
            writer.write(b"HTTP/1.0 200 OK\r\n\r\n/slow")
            await writer.drain()

    async def visitors(at: Served) -> list[bytes]:
        site = at.host.sites[0]
        way = Way(
            lambda: at.stream_to(site.https_port), trusting(at.trust(site)), name="abc.test", deadline=5
        )
        paths = ("/slow", "/impatient", "/patient")
        async with await asyncio.start_server(slow, "127.0.0.1", at.backend), aclosing(way):
            tasks = [asyncio.ensure_future(fetch(f"https://abc.test{path}", way)) for path in paths]
            await asked.wait()
            tasks.pop(1).cancel()
            await asyncio.sleep(0)
            left.set()
            return [seen.body for seen in await asyncio.gather(*tasks)]

    asked, left = asyncio.Event(), asyncio.Event()
    with served(tmp_path, [static("/")], config) as at:
        assert asyncio.run(visitors(at)) == [b"/slow", b"/patient"]
