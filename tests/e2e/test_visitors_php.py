"""PHP, as visitors of /app/ find it: php-fpm runs in another container, under another path, and lax."""

import shlex
from collections.abc import Iterator

import pytest
from visiting import Lab
from wire import EDGES, ask, tls

every_edge = pytest.mark.parametrize("edge", EDGES)
each_nginx = pytest.mark.parametrize("edge", ["edge1", "edge2"])

# Files that lie about on real servers; what each holds must never be seen.
FORGOTTEN = (
    "index.php.bak",
    "index.php~",
    "hello.php.1",
    "config.inc",
    "library.phtml",
    "archive.phar",
    ".env",
    ".user.ini",
    ".git/HEAD",
    "uploads/.htaccess",
    "uploads/image.php.jpg.php",
    "uploads/deep/shell.PHP",
    "uploads/shell.phtml",
)


@every_edge
def test_php_fpm_runs_the_front_controller_and_knows_the_visitor(lab: Lab, edge: str) -> None:
    seen = lab.get("/app/?a=1&b=%20", edge=edge, headers={"X-Forwarded-For": "6.6.6.6"}).json()

    assert seen["script"] == "index.php"
    assert seen["SCRIPT_FILENAME"] == "/app/public/index.php"
    assert seen["DOCUMENT_ROOT"] == "/app/public"
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"] or "") == ("/app/index.php", "")
    assert (seen["REQUEST_URI"], seen["QUERY_STRING"]) == ("/app/?a=1&b=%20", "a=1&b=%20")
    assert (seen["HTTPS"], seen["SERVER_NAME"], seen["SERVER_PORT"]) == ("on", "abc.test", "443")
    assert seen["REMOTE_ADDR"] == seen["headers"]["X-Forwarded-For"] == seen["headers"]["X-Real-Ip"]
    assert seen["REMOTE_ADDR"] != "6.6.6.6"


@each_nginx
@pytest.mark.parametrize("path", ["/app/some/route", "/app/some/route/?x=1", "/app/uploads/gone.txt"])
def test_what_is_no_file_is_the_front_controllers(lab: Lab, edge: str, path: str) -> None:
    seen = lab.get(path, edge=edge).json()

    assert (seen["script"], seen["SCRIPT_NAME"]) == ("index.php", "/app/index.php")
    assert seen["REQUEST_URI"] == path
    assert seen["QUERY_STRING"] == path.partition("?")[2]


@every_edge
def test_a_path_behind_the_front_controller_is_its_path_info(lab: Lab, edge: str) -> None:
    seen = lab.get("/app/index.php/extra/info?x=1", edge=edge).json()

    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == ("/app/index.php", "/extra/info")
    assert seen["QUERY_STRING"] == "x=1"


@every_edge
def test_scripts_run_and_other_files_are_served(lab: Lab, edge: str) -> None:
    assert lab.get("/app/hello.php", edge=edge).json() == {
        "script": "hello.php",
        "SCRIPT_NAME": "/app/hello.php",
    }
    readme = lab.get("/app/readme.txt", edge=edge)
    assert readme.headers["Content-Type"].startswith("text/plain")
    assert readme.text == "plain text beside the scripts\n"


@every_edge
def test_what_a_visitor_posts_arrives(lab: Lab, edge: str) -> None:
    answer = lab.get("/app/", edge=edge)
    with lab.client(edge) as visitor:
        posted = visitor.post("/app/form", data={"name": "Grüße"}, params={"q": "1"})

    assert answer.json()["REQUEST_METHOD"] == "GET"
    seen = posted.json()
    assert (seen["REQUEST_METHOD"], seen["QUERY_STRING"]) == ("POST", "q=1")
    assert seen["headers"]["Content-Type"] == "application/x-www-form-urlencoded"
    assert seen["headers"]["Content-Length"] == str(len("name=Gr%C3%BC%C3%9Fe"))


@each_nginx
@pytest.mark.parametrize(
    "path",
    [
        "/app/uploads/x.jpg/y.php",
        "/app/uploads/x.jpg/.php",
        "/app/uploads/x.jpg%00.php",
        "/app/uploads/x.jpg%0a.php",
        "/app/uploads/x.jpg/y.php/index.php",
        "/app/uploads/shell.php",
        "/app/uploads/shell.php/",
        "/app/uploads/shell.php/index.php",
        "/app/uploads//shell.php",
        "/app/./uploads/shell.php",
        "/app/x/../uploads/shell.php",
        "/app/%75ploads/shell%2ephp",
        "/app/uploads/shell.php?x=/index.php",
        "/app/index.php/../uploads/shell.php",
    ],
)
def test_what_was_uploaded_is_never_executed_nor_its_source_shown(lab: Lab, edge: str, path: str) -> None:
    with tls(lab, edge) as connection:
        answer = ask(connection, f"GET {path} HTTP/1.1", "Host: abc.test", "Connection: close")

    assert answer is not None
    assert answer.status in (400, 404)
    assert b"EXECUTED" not in answer.body
    assert b"<?php" not in answer.body


@every_edge
def test_an_uploaded_picture_is_a_picture(lab: Lab, edge: str) -> None:
    picture = lab.get("/app/uploads/x.jpg", edge=edge)

    assert (picture.status_code, picture.headers["Content-Type"]) == (200, "image/jpeg")
    assert picture.headers["X-Content-Type-Options"] == "nosniff"


@pytest.fixture(scope="module")
def forgetful(lab: Lab) -> Iterator[Lab]:
    """The lab with files on edge3 that somebody forgot there; each says SECRET."""
    host = lab.container("edge3")
    files = shlex.join(
        [f"/srv/www/app/{name}" for name in FORGOTTEN] + ["/srv/www/abc/.env", "/srv/www/abc/old.php"]
    )
    folders = shlex.join(["/srv/www/app/.git", "/srv/www/app/uploads/deep"])
    host.check_output(f"mkdir -p {folders}; for f in {files}; do echo '<?php echo \"SECRET\";' >$f; done")
    yield lab
    host.check_output(f"rm -rf {files} {folders}")


@pytest.mark.parametrize("path", [*(f"/app/{name}" for name in FORGOTTEN), "/.env", "/old.php"])
def test_forgotten_and_hidden_files_are_not_there_for_visitors(forgetful: Lab, path: str) -> None:
    answer = forgetful.get(path, edge="edge3")

    assert answer.status_code == 404
    assert "SECRET" not in answer.text


@each_nginx
@pytest.mark.parametrize("path", ["/app/index.php.bak", "/app/.env", "/app/.git/config", "/.git/config"])
def test_names_of_hidden_files_get_no_answer_but_404(lab: Lab, edge: str, path: str) -> None:
    assert lab.get(path, edge=edge).status_code == 404


@every_edge
def test_the_proxy_header_of_a_visitor_does_not_become_phps_proxy(lab: Lab, edge: str) -> None:
    seen = lab.get("/app/", edge=edge, headers={"Proxy": "evil.test:80"}).json()

    assert "evil.test" not in str(seen)


@every_edge
def test_the_folder_without_its_slash_leads_to_the_folder(lab: Lab, edge: str) -> None:
    answer = lab.get("/app?x=1", edge=edge)

    assert (answer.status_code, answer.headers["Location"]) == (308, "/app/?x=1")
    assert lab.get("/application", edge=edge).status_code == 404
