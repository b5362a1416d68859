"""The page of abc.test in a real browser: what it shows is what a visitor would see."""

import base64
import hashlib
import re
import shutil
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_der_x509_certificate
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright
from visiting import Lab
from wire import EDGES, tls

KINDS = ("wss", "php", "tomcat", "api")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
)
PATIENCE = 20_000  # ms; Tomcat compiles its first page


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module", params=EDGES)
def edge(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def browser(lab: Lab, edge: str, playwright: Playwright) -> Iterator[Browser]:
    """Chromium, for which the lab's names are one edge, both by the usual port and by the published one."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.fail("chromium is not installed\n  next: sh lab/setup test", pytrace=False)
    address = lab.address(edge)
    names = ("abc.test", "www.abc.test", "api.abc.test")
    usual = [f"MAP {name}:443 {address.host}:{address.port}" for name in names]
    published = [f"MAP {name} {address.host}" for name in names]
    options = [
        *QUIET,
        f"--host-resolver-rules={','.join(usual + published)}",
        f"--ignore-certificate-errors-spki-list={','.join(pinned(lab, edge, name) for name in names)}",
    ]
    running = playwright.chromium.launch(executable_path=chromium, args=options)
    yield running
    running.close()


def pinned(lab: Lab, edge: str, name: str) -> str:
    """The key of a name's certificate, which the lab's CA vouches for; the browser accepts no other."""
    with tls(lab, edge, name=name) as connection:
        certificate = load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_context() as context:
        yield context.new_page()


def results(page: Page) -> dict[str, str]:
    """The first word of each line, once every question has been answered."""
    for kind in KINDS:
        expect(page.locator(f"#{kind}")).to_have_text(re.compile("^(ok|failed)"), timeout=PATIENCE)
    return {kind: page.locator(f"#{kind}").inner_text() for kind in KINDS}


def failing(page: Page) -> dict[str, str]:
    return {kind: said for kind, said in results(page).items() if not said.startswith("ok")}


def test_everything_on_the_page_works(page: Page) -> None:
    page.goto("https://abc.test/")

    assert failing(page) == {}
    assert page.locator("#wss").inner_text().endswith("subprotocol chat")


def test_everything_works_by_the_published_port_too(lab: Lab, edge: str, page: Page) -> None:
    page.goto(f"https://abc.test:{lab.address(edge).port}/")

    assert failing(page) == {}


def test_the_page_comes_over_http2_and_without_a_complaint(page: Page) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(error.message))
    page.goto("https://abc.test/")

    assert failing(page) == {}
    entries = "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
    protocols = page.evaluate(f"{entries}.filter(e => e.name.startsWith(origin)).map(e => e.nextHopProtocol)")
    assert set(protocols) == {"h2"}
    assert complaints == []


def test_a_name_that_the_api_does_not_list_is_kept_out_by_the_browser(page: Page) -> None:
    page.goto("https://www.abc.test/")

    assert set(failing(page)) == {"api"}


def test_the_page_says_what_does_not_work(page: Page) -> None:
    page.route("**/app/**", lambda route: route.fulfill(status=502))
    page.route("**/Tomcat/**", lambda route: route.fulfill(json={"application": "secret"}))
    page.goto("https://abc.test/")

    assert failing(page) == {
        "php": "failed: 502 Bad Gateway",
        "tomcat": 'failed: application is "secret" instead of "shop"',
    }


OPEN_A_SOCKET = """
    () => new Promise(resolve => {
        const socket = new WebSocket("wss://abc.test/wss");
        socket.onopen = () => resolve("opened");
        socket.onerror = () => resolve("refused");
    })
"""
READ = "url => fetch(url, {credentials: 'include'}).then(answer => answer.status, () => 'refused')"


def test_a_page_of_another_site_reaches_neither_the_socket_nor_the_answers(page: Page) -> None:
    answers = ("https://abc.test/api/x", "https://api.abc.test/api/x")
    page.goto("https://abc.test/")
    assert page.evaluate(OPEN_A_SOCKET) == "opened"
    assert [page.evaluate(READ, url) for url in answers] == [200, 200]

    page.route("https://evil.test/", lambda route: route.fulfill(body="<title>evil</title>"))
    page.goto("https://evil.test/")

    assert page.evaluate(OPEN_A_SOCKET) == "refused"
    assert [page.evaluate(READ, url) for url in answers] == ["refused", "refused"]
