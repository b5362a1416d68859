"""Probes against a real nginx on loopback: real TLS, real WebSockets, backends that fail in real ways."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from probed_nginx import PROXY, Served, free_port, of_kind, said, served
from websockets.asyncio.server import ServerConnection, serve

from deployer import certs, probes
from deployer.model.site import Site
from deployer.outcome import ProbeResult, Verdict
from deployer.probes.way import StreamTo, Way
from deployer.probes.websocket import shake_hands
from deployer.transport import Address, Stream
from deployer.transport.streams import connected

WSS = {"path": "/wss", "websocket": {"upstream": "backend"}, "probe": "echo"}
STATIC = {"path": "/", "static": {"root": "/srv/www"}}
TOMCAT = {"path": "/Tomcat/", "tomcat": {"upstream": "backend"}}
HELLO = 'location = / { return 200 "hello"; }'
PROXY_ALL = PROXY.format(path="/", backend="BACKEND")


async def ask(
    at: Served, *kinds: str, patience: float = 0, port: int = 0
) -> dict[tuple[str, str], tuple[str, str]]:
    """Ask the questions of these kinds, or all; `port` stands for all of the host's where it is given."""
    questions = probes.questions(at.host)
    results = await probes.ask(
        of_kind(questions, *kinds) if kinds else questions,
        at.stream_to if not port else _always(port),
        trust=at.trust,
        on_disk=lambda site: at.serving.get(site.name),
        timing=probes.Timing(deadline=5, patience=patience),
    )
    return said(results)


def _always(port: int) -> StreamTo:
    async def stream_to(asked: int) -> Stream:
        return await connected(Address("127.0.0.1", port))

    return stream_to


async def echo(connection: ServerConnection) -> None:
    await connection.send("welcome")
    async for message in connection:
        await connection.send(message)


async def mute(connection: ServerConnection) -> None:
    await connection.wait_closed()


async def hang_up(connection: ServerConnection) -> None:
    await connection.recv()
    await connection.close(1011, "no such room")


@contextlib.asynccontextmanager
async def http_backend(port: int, answer: bytes) -> AsyncIterator[None]:
    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(respond, "127.0.0.1", port):
        yield


def test_a_good_site_passes_every_question(tmp_path: Path) -> None:
    config = HELLO + PROXY.format(path="/wss", backend="BACKEND")

    async def visit(at: Served) -> dict[tuple[str, str], tuple[str, str]]:
        async with serve(echo, "127.0.0.1", at.backend, origins=[_origin(at)]):
            return await ask(at)

    with served(tmp_path, [WSS, STATIC], config) as at:
        found = asyncio.run(visit(at))

    assert {verdict for verdict, _ in found.values()} == {"passed"}
    assert found["", "certificate"][1].startswith("TLSv1.3, 2 names, until 20")
    assert f"308 to {_origin(at)}/ in" in found["", "redirect"][1]
    assert found["/wss", "websocket"][1].startswith("101, echo in ")
    assert found["/", "static"][1].startswith("200 in ")


def _origin(at: Served) -> "str":
    return f"https://abc.test:{at.host.sites[0].https_port}"


def test_a_certificate_that_nobody_vouches_for_fails_every_question_over_tls(tmp_path: Path) -> None:
    with served(tmp_path, [STATIC], HELLO) as at:
        results = asyncio.run(probes.ask(probes.questions(at.host), at.stream_to, trust=lambda site: None))

    assert [each.verdict for each in results] == [Verdict.FAILED, Verdict.PASSED, Verdict.FAILED]
    assert results[0].said == (
        "abc.test: the certificate is not trusted: unable to get local issuer certificate"
    )
    assert results[2].said.startswith("the certificate is not trusted")


def test_a_self_signed_certificate_is_trusted_as_itself_and_no_other(tmp_path: Path) -> None:
    with served(tmp_path, [STATIC], HELLO) as at:
        leaf = at.serving["abc"]
        by_leaf = asyncio.run(_certificate(at, trust=leaf))
        assert certs.trust(at.host, at.host.sites[0], serving={}) != leaf

    assert by_leaf.verdict is Verdict.PASSED


async def _certificate(at: Served, trust: bytes | None, on_disk: bytes | None = None) -> ProbeResult:
    (question,) = of_kind(probes.questions(at.host), "certificate")
    (result,) = await probes.ask(
        [question], at.stream_to, trust=lambda site: trust, on_disk=lambda site: on_disk
    )
    return result


def test_a_name_that_the_certificate_does_not_cover_is_named(tmp_path: Path) -> None:
    with served(tmp_path, [STATIC], HELLO) as at:
        site = at.host.sites[0]
        wider = site.model_copy(update={"server_names": ("abc.test", "deep.www.abc.test")})
        result = asyncio.run(_one(at, probes.Question(wider, "certificate", "https://abc.test")))

    assert result.verdict is Verdict.FAILED
    assert result.said.startswith("deep.www.abc.test: the certificate is not trusted: Hostname mismatch")


async def _one(at: Served, question: probes.Question) -> ProbeResult:
    port = at.host.sites[0].https_port
    (result,) = await probes.ask([question], _always(port), trust=at.trust)
    return result


def test_a_name_that_nginx_does_not_know_is_said_so(tmp_path: Path) -> None:
    with served(tmp_path, [STATIC], HELLO) as at:
        stranger = at.host.sites[0].model_copy(update={"server_names": ("other.test",)})
        result = asyncio.run(_one(at, probes.Question(stranger, "static", "https://other.test/")))

    assert result.said == "nginx has no TLS site of this name"


def test_a_renewed_certificate_that_nginx_has_not_loaded_is_noticed(tmp_path: Path) -> None:
    with served(tmp_path, [STATIC], HELLO) as at:
        ca = (tmp_path / "ca" / "ca.pem").read_bytes()
        result = asyncio.run(_certificate(at, trust=ca, on_disk=ca))

    assert result.said == "nginx serves another certificate than the host has: it was not reloaded"


def test_a_websocket_without_its_backend_says_where_nothing_answers(tmp_path: Path) -> None:
    with served(tmp_path, [WSS], PROXY_ALL) as at:
        found = asyncio.run(ask(at, "websocket"))

    assert found["/wss", "websocket"] == (
        "failed",
        f"502 Bad Gateway instead of 101: nothing answers at 127.0.0.1:{at.backend}?",
    )


def test_a_websocket_that_promises_an_echo_and_gives_none_fails(tmp_path: Path) -> None:
    async def visit(at: Served) -> str:
        async with serve(hang_up, "127.0.0.1", at.backend):
            return (await ask(at, "websocket"))["/wss", "websocket"][1]

    with served(tmp_path, [WSS], PROXY_ALL) as at:
        assert "101, but closed before the echo" in (text := asyncio.run(visit(at)))
        assert "1011" in text


def test_an_echo_that_does_not_come_in_time_fails(tmp_path: Path) -> None:
    async def visit(at: Served) -> str:
        (question,) = probes.questions(at.host)
        async with serve(mute, "127.0.0.1", at.backend, close_timeout=0.1):
            way = Way(lambda: _always(at.backend)(0), None, name="abc.test", deadline=0.2)
            return (await shake_hands(question, way)).said

    with served(tmp_path, [WSS], PROXY_ALL) as at:
        plain = at.host.sites[0].model_copy(update={"tls": None})
        host = at.host.__class__("edge1", settings=at.host.settings.model_copy(update={"sites": (plain,)}))
        assert asyncio.run(visit(Served(host, tmp_path, at.backend, {}))) == "101, but no echo within 0.2 s"


def test_a_websocket_that_answers_a_wrong_accept_fails(tmp_path: Path) -> None:
    answer = (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n"
    )

    async def visit(at: Served) -> str:
        async with http_backend(at.backend, answer):
            return (await ask(at, "websocket"))["/wss", "websocket"][1]

    with served(tmp_path, [WSS], PROXY_ALL) as at:
        assert "not a WebSocket handshake: invalid Sec-WebSocket-Accept" in asyncio.run(visit(at))


def test_a_websocket_is_not_followed_elsewhere_and_may_be_expected_to_refuse(tmp_path: Path) -> None:
    locations = [WSS, {"path": "/private", "websocket": {"upstream": "backend"}, "probe": {"status": 401}}]
    config = "location = /wss { return 307 /other; } location /private { return 401; }"

    with served(tmp_path, locations, config) as at:
        found = asyncio.run(ask(at, "websocket"))

    assert found["/wss", "websocket"][1] == "307 Temporary Redirect instead of 101"
    assert found["/private", "websocket"][0] == "passed"


def test_a_tomcat_that_starts_slowly_is_waited_for(tmp_path: Path) -> None:
    answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"

    async def visit(at: Served) -> dict[tuple[str, str], tuple[str, str]]:
        asking = asyncio.create_task(ask(at, "tomcat", patience=20))
        await asyncio.sleep(0.7)
        async with http_backend(at.backend, answer):
            return await asking

    with served(tmp_path, [TOMCAT], PROXY_ALL) as at:
        impatient = asyncio.run(ask(at, "tomcat"))["/Tomcat/", "tomcat"]
        patient = asyncio.run(visit(at))["/Tomcat/", "tomcat"]

    assert impatient == (
        "failed",
        f"502 Bad Gateway instead of an answer of Tomcat: nothing answers at 127.0.0.1:{at.backend}?",
    )
    assert patient[0] == "passed"
    assert patient[1].startswith("404 Not Found in ")


def test_an_answer_that_never_ends_is_an_answer(tmp_path: Path) -> None:
    events = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n"

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(events)
        with contextlib.closing(writer):
            await reader.read()

    async def visit(at: Served) -> tuple[str, str]:
        async with await asyncio.start_server(endless, "127.0.0.1", at.backend):
            return (await ask(at, "proxy"))["/events", "proxy"]

    with served(tmp_path, [{"path": "/events", "proxy": {"upstream": "backend"}}], PROXY_ALL) as at:
        assert asyncio.run(visit(at))[0] == "passed"


def test_where_nothing_listens_every_question_says_so(tmp_path: Path) -> None:
    with served(tmp_path, [WSS, STATIC], HELLO) as at:
        found = asyncio.run(ask(at, port=free_port()))

    assert set(found.values()) == {("failed", "nothing listens there: connection refused")}


def test_a_server_that_says_nothing_is_given_up_after_the_deadline(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, served(tmp_path, [WSS, STATIC], HELLO) as at:
        results = asyncio.run(
            probes.ask(
                probes.questions(at.host),
                _always(silent.getsockname()[1]),
                trust=at.trust,
                timing=probes.Timing(deadline=0.3),
            )
        )

    assert {each.said for each in results} == {"no answer within 0.3 s"}


def test_a_connection_that_is_closed_at_once_is_said_so(tmp_path: Path) -> None:
    async def visit(at: Served) -> tuple[tuple[str, str], ...]:
        port = free_port()
        async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port):
            return tuple((await ask(at, port=port)).values())

    with served(tmp_path, [WSS, STATIC], HELLO) as at:
        assert set(asyncio.run(visit(at))) == {("failed", "the connection was closed without an answer")}


def test_cors_is_asked_by_an_allowed_and_by_a_foreign_origin(tmp_path: Path) -> None:
    locations = [
        {"path": path, "proxy": {"upstream": "backend"}, "cors": {"origins": ["https://app.abc.com"]}}
        for path in ("/good", "/naive")
    ]
    config = """
        set $ok ""; if ($http_origin = https://app.abc.com) { set $ok $http_origin; }
        location /good {
            add_header Access-Control-Allow-Origin $ok always; add_header Vary Origin always;
            add_header Access-Control-Allow-Methods "GET, DELETE" always; return 204;
        }
        location /naive {
            add_header Access-Control-Allow-Origin $http_origin always; add_header Vary Origin always;
            add_header Access-Control-Allow-Methods "GET, DELETE" always; return 204;
        }"""

    with served(tmp_path, locations, config) as at:
        found = asyncio.run(ask(at, "cors"))

    assert found["/good", "cors"][0] == "passed"
    assert found["/naive", "cors"] == (
        "failed",
        "preflight of a foreign origin is allowed: Access-Control-Allow-Origin https://deployer-probe.invalid",
    )


def test_many_questions_are_asked_some_at_a_time_and_answered_in_order(tmp_path: Path) -> None:
    site_of: Callable[[Site], bytes | None]
    with served(tmp_path, [STATIC], HELLO) as at:
        site_of = at.trust
        questions = of_kind(probes.questions(at.host), "static") * 60
        results = asyncio.run(probes.ask(questions, at.stream_to, trust=site_of))

    assert [each.verdict for each in results] == [Verdict.PASSED] * 60
