"""Jinja2 in values: strict, sandboxed, compiled once."""

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import jinja2
from jinja2 import meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from deployer.inventory.templates import ResolutionError, Template
from deployer.inventory.variable import Plain

Lookup = Callable[..., str]


class _ToldError(jinja2.UndefinedError):
    """Says why another value is unresolved, and quotes none."""


class Unresolved(jinja2.StrictUndefined):
    """Stands for a value that could not be resolved: any template that uses it fails with its message."""

    __slots__ = ()
    __hash__ = object.__hash__  # type: ignore[assignment]  # a strict undefined has none; hosts are compared

    def __init__(self, sentence: str, *, quotes: bool = False) -> None:
        super().__init__(hint=sentence, exc=jinja2.UndefinedError if quotes else _ToldError)

    def __eq__(self, other: object) -> bool:  # type: ignore[override]  # as above
        return self is other

    def __ne__(self, other: object) -> bool:  # type: ignore[override]  # as above
        return self is not other

    def __repr__(self) -> str:
        return f"Unresolved({self._undefined_message!r})"


class Jinja:
    """Compiles the templates of one inventory.

    Args:
        directory: The inventory's folder, where `lookup('file', ...)` starts.
        private_keys: Gets the contents of the files with a private key that lookups have read.
    """

    def __init__(self, directory: Path, private_keys: set[str]) -> None:
        self._environment = ImmutableSandboxedEnvironment(
            undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True
        )
        self._environment.globals["lookup"] = _lookups(directory, private_keys)
        self._compiled: dict[str, Template] = {}

    def compile(self, text: str) -> Template:
        """Return the compiled template; ResolutionError if it does not parse."""
        if text not in self._compiled:
            try:
                self._compiled[text] = self._compile(text)
            except jinja2.TemplateError as error:
                sentence = str(error.message).rstrip(".")
                raise ResolutionError(f"the template does not parse: {sentence}", quotes=True) from error
        return self._compiled[text]

    def _compile(self, text: str) -> Template:
        parsed = self._environment.parse(text)
        names = frozenset(meta.find_undeclared_variables(parsed)) - {"lookup"}
        source = text.strip()
        if _is_one_expression(parsed) and source.startswith("{{") and source.endswith("}}"):
            source = source[2:-2].removeprefix("-").removeprefix("+").removesuffix("-").removesuffix("+")
            expression = self._environment.compile_expression(source, undefined_to_none=False)
            return Template(names, lambda context: _explained(lambda: _plain(expression(dict(context)))))
        template = self._environment.from_string(text)
        return Template(names, lambda context: _explained(lambda: template.render(dict(context))))


def _is_one_expression(parsed: nodes.Template) -> bool:
    match parsed.body:
        case [nodes.Output(nodes=[nodes.Expr() as only])]:
            return not isinstance(only, nodes.TemplateData)
        case _:
            return False


def _explained(render: Callable[[], Plain]) -> Plain:
    """Whatever an expression of the operator's raises becomes a sentence."""
    try:
        return render()
    except ResolutionError:
        raise
    except _ToldError as error:
        raise ResolutionError(str(error.message)) from error
    except jinja2.UndefinedError as error:
        name = str(error.message).partition("'")[2].partition("' is undefined")
        undefined = name[0] if name[1:] == ("' is undefined", "") else ""
        raise ResolutionError(str(error.message), undefined, quotes=not undefined) from error
    except Exception as error:
        raise ResolutionError(f"the template fails: {error}", quotes=True) from error


def _plain(value: Plain) -> Plain:
    """What filters leave behind (generators, tuples, undefined values) as plain data."""
    if isinstance(value, jinja2.Undefined):
        str(value)
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset | range | Iterator):
        return [_plain(each) for each in value]
    return value


def _lookups(directory: Path, private_keys: set[str]) -> Lookup:
    @cache
    def read(path: str) -> str:
        text = _read(directory, path)
        if "PRIVATE KEY-----" in text:
            private_keys.add(text)
        return text

    known: dict[str, Lookup] = {"env": _environment_variable, "file": read}

    def lookup(kind: str, *terms: str, **options: str) -> str:
        found = known.get(kind.removeprefix("ansible.builtin."))
        if found is None:
            raise ResolutionError(f"there is no lookup {kind!r}; deployer has env and file", named=kind)
        if len(terms) != 1:
            raise ResolutionError(f"lookup({kind!r}, ...) takes one name", named=kind)
        return found(terms[0], **options)

    return lookup


_REQUIRED = "\0"


def _environment_variable(name: str, default: str = _REQUIRED) -> str:
    value = os.environ.get(name, default)
    if value == _REQUIRED:
        raise ResolutionError(f"the environment has no {name}", named=name)
    return value


def _read(directory: Path, name: str) -> str:
    path = directory / Path(name).expanduser()
    try:
        return path.read_text(encoding="utf-8").rstrip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ResolutionError(f"{path} cannot be read: {why}", named=name) from error
