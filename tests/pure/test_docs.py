"""What the pages promise: examples that load, commands that exist, links that lead somewhere."""

import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import typer
import yaml

from deployer import inventory, roles
from deployer.cli.app import app
from deployer.cli.late import Late
from deployer.roles.documents import parse
from deployer.roles.tasks import parse_tasks

CHECKOUT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(CHECKOUT).as_posix()
    for path in (*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md"))
)
SITE = {"name": "abc", "server_names": ["abc.com"], "locations": [{"path": "/", "static": {"root": "/srv"}}]}
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
MEANT_FOR_READERS = re.compile(r"^[A-Z]|[<…]|\.\.\.")
"""A word of a command line that stands for something: COMMAND, HOST, <id>, ..."""


def _text(page: str) -> str:
    return (CHECKOUT / page).read_text(encoding="utf-8")


def _fences(page: str) -> Iterator[tuple[str, str]]:
    """Yield language and text of each fenced block."""
    for language, text in FENCE.findall(_text(page)):
        yield language, textwrap.dedent(text)


EXAMPLES = [
    pytest.param(text, id=f"{page}-{number}")
    for page in PAGES
    for number, (language, text) in enumerate(_fences(page))
    if language == "yaml"
]


def _inventory_of(said: object) -> dict[str, Any]:
    """Make an inventory of an example: it is one, or variables of a host, or keys of a site or a location."""
    match said:
        case {"all": _}:
            return {**said}
        case [{"path": _}, *_]:
            return _with_sites([{**SITE, "locations": said}])
        case [{"server_names": _}, *_]:
            return _with_sites(said)
        case {"tls": _}:
            return _with_sites([{**SITE, **said}])
        case _:
            return {"all": {"hosts": {"edge1": said}}}


def _with_sites(sites: list[Any]) -> dict[str, Any]:
    return {"all": {"hosts": {"edge1": {"sites": sites}}}}


def _is_role(said: object) -> bool:
    return isinstance(said, list) and not {"path", "server_names"} & said[0].keys()


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_yaml_is_what_it_seems(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in re.findall(r"lookup\('env', '(\w+)'\)", example):
        monkeypatch.setenv(name, "value")
    for name in re.findall(r"lookup\('file', '([\w./-]+)'\)", example):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("value\n")
    said = yaml.safe_load(example)

    if _is_role(said):
        assert parse_tasks(parse(example, "main.yml"))
        return
    Path("inventory.yaml").write_text(yaml.safe_dump(_inventory_of(said), sort_keys=False))
    loaded = inventory.load(Path("inventory.yaml"), known_variables=roles.default_variable_names())

    assert loaded.hosts


def _spoken(page: str) -> Iterator[str]:
    """Yield what stands in fences and between backticks, a line each."""
    text = _text(page)
    for language, block in _fences(page):
        if language in ("", "sh", "bash", "console"):
            yield from block.replace("\\\n", " ").splitlines()
    prose = FENCE.sub("", text)
    yield from (" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose))


def _commands(program: str, page: str) -> Iterator[list[str]]:
    """Yield the words behind `program` in each command line of a page."""
    for line in _spoken(page):
        for part in re.split(r"&&|\||;|>", re.sub(r"(^|\s)#.*", "", line)):
            words = part.removeprefix("$ ").split()
            words = words[1:] if words[:1] in (["next:"], ["sudo"]) else words
            if words[:1] == [program] and len(words) > 1:
                yield shlex.split(part)[shlex.split(part).index(program) + 1 :]


SPOKEN = [
    pytest.param(words, id=f"{page}-{' '.join(words)}")
    for page in PAGES
    for words in _commands("deployer", page)
]


@pytest.mark.parametrize("words", SPOKEN)
def test_a_command_of_the_pages_exists_with_its_options(words: list[str]) -> None:
    command: click.Command | Any = typer.main.get_command(app)
    rest = list(words)
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        if MEANT_FOR_READERS.search(rest[0]):
            return
        assert rest[0] in command.commands, f"deployer has no command {' '.join(words)}"
        command = command.commands[rest.pop(0)]
    command = command.command() if isinstance(command, Late) else command

    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    known |= {"--help", "-h"}
    assert {word.split("=")[0] for word in rest if word.startswith("-")} <= known


@pytest.mark.parametrize("page", PAGES)
def test_a_verb_of_make_exists(page: str) -> None:
    verbs = set(re.findall(r"^([a-z]+):", _text("Makefile"), flags=re.MULTILINE))

    assert {words[0] for words in _commands("make", page)} <= verbs


@pytest.mark.parametrize("page", PAGES)
def test_a_link_leads_to_something(page: str) -> None:
    prose = FENCE.sub("", _text(page))
    targets = [target for target in re.findall(r"\]\(([^)\s]+)\)", prose) if "://" not in target]
    broken = [target for target in targets if not _leads_somewhere(page, target)]

    assert broken == []


def _leads_somewhere(page: str, target: str) -> bool:
    path, _, anchor = target.partition("#")
    found = (CHECKOUT / page).parent / path if path else CHECKOUT / page
    if not found.resolve().is_relative_to(CHECKOUT) or not found.exists():
        return False
    return not anchor or anchor in _anchors(found)


def _anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
