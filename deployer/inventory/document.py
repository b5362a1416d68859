"""One YAML file as nodes that know their line and column."""

import re
import shlex
from pathlib import Path

import yaml
from yaml.reader import ReaderError

from deployer.errors import Place, Problem
from deployer.inventory.findings import Findings

_INI_SECTION = re.compile(r"\[[\w.:-]+\]\s*(?:[#;].*)?$")
LOADER: type[yaml.SafeLoader] | type[yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_document(path: Path, file: str, findings: Findings) -> yaml.Node | None:
    """Return the root node of the YAML file at `path`; None if it is empty or unusable.

    Args:
        path: The file.
        file: Its name in problems, as the operator knows it.
        findings: Is told why a file is unusable.
    """
    findings.reading(file)
    text = _read_text(path, file, findings)
    if text is None:
        return None
    if text.startswith("$ANSIBLE_VAULT;"):
        findings.add(
            Problem(
                "the file is encrypted with ansible-vault, which deployer does not open",
                Place(file, 1),
                suggestion="keep the secret outside the file and read it with lookup('env', 'NAME')",
            )
        )
        return None
    return compose(text, file, findings)


def compose(text: str, file: str, findings: Findings) -> yaml.Node | None:
    """Return the root node of a YAML text; None if it is empty or not YAML."""
    try:
        loader = LOADER(text)
        try:
            return loader.get_single_node()
        finally:
            loader.dispose()
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        findings.add(Problem("not YAML: a control character is not allowed", Place(file, line)))
    except yaml.MarkedYAMLError as error:
        findings.add(_syntax_problem(error, text, file))
    return None


def place_of(node: yaml.Node, file: str) -> Place:
    """Return where `node` begins."""
    return Place(file, node.start_mark.line + 1, node.start_mark.column + 1)


def _read_text(path: Path, file: str, findings: Findings) -> str | None:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        findings.add(Problem(f"there is no file {file}", suggestion="deployer init writes one to start from"))
    except IsADirectoryError:
        findings.add(Problem(f"{file} is a folder", suggestion="name the inventory file in it"))
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        findings.add(Problem("not YAML: the file is not UTF-8 here", Place(file, line)))
    except OSError as error:
        findings.add(Problem(f"{file} cannot be read: {error.strerror}"))
    return None


def _syntax_problem(error: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1)
    lines = text.splitlines()
    if any(_INI_SECTION.match(line) for line in lines):
        advice = f"ansible-inventory -i {shlex.quote(file)} --list -y > inventory.yaml"
        return Problem("not YAML: this looks like an INI inventory", place, suggestion=advice)
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return Problem("not YAML: a tab cannot indent", place, suggestion="use spaces")
    what = ", ".join(part for part in (error.context, error.problem) if part)
    return Problem(f"not YAML: {what}", place, suggestion=_syntax_suggestion(line))


def _syntax_suggestion(line: str) -> str:
    value = line.partition(":")[2].strip()
    if value.startswith(("{{", "{%")):
        return "quote a value that begins with a template"
    if value[:1] in ("*", "&", "!", "%", "@", "`"):
        return f"quote a value that begins with {value[0]}"
    return ""
