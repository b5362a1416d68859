"""Jinja2, strict and without side effects: templates, expressions, and where they failed."""

import difflib
import hashlib
import re
import traceback
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from jinja2 import (
    Environment,
    FunctionLoader,
    StrictUndefined,
    TemplateSyntaxError,
    UndefinedError,
    meta,
    nodes,
    runtime,
)
from jinja2 import TemplateError as JinjaError
from jinja2.environment import TemplateExpression
from jinja2.sandbox import ImmutableSandboxedEnvironment

from deployer.errors import Place, Problem, TemplateError
from deployer.model.role import Role
from deployer.model.values import duration_seconds
from deployer.render.bytecode import bytecode_cache
from deployer.secret import Secret

Context = Mapping[str, Any]

READ = "deployer read"
"""What in a context is told the name of each variable that is asked for; no template can say this name."""


class RefusedByTemplateError(JinjaError):
    """A template called `fail`: a sentence, and the inventory value it is about."""

    def __init__(self, sentence: str, path: str = "", *, place: Place | None = None) -> None:
        super().__init__(sentence)
        self.path = path
        self.place = place


def render_template(role: Role, name: str, *, context: Context) -> str:
    """Render `templates/NAME` of `role`; each template compiles once per process.

    Raises:
        TemplateError: With the line of the template, or the inventory's line where it called `fail`.
    """
    try:
        return _environment(role.directory, tuple(role.templates.items())).get_template(name).render(context)
    except Exception as error:  # a template may raise anything that Python can
        raise _explained(error, Place(f"{role.directory}/templates/{name}", 1), context=context) from error


def resolve(value: Any, context: Context, *, place: Place) -> Any:  # noqa: ANN401 - YAML holds anything
    """Resolve the Jinja2 in every text of `value`; a text that is one expression keeps its type.

    Raises:
        TemplateError: With `place`, where the value is written.
    """
    match value:
        case str():
            return _resolve_text(value, context, place=place)
        case list() | tuple():
            return [resolve(entry, context, place=place) for entry in value]
        case dict():
            return {key: resolve(entry, context, place=place) for key, entry in value.items()}
        case _:
            return value


def evaluate(expression: str, context: Context, *, place: Place) -> Any:  # noqa: ANN401 - whatever it says
    """Evaluate a bare expression, as in `when`.

    Raises:
        TemplateError: With `place`, where the expression is written.
    """
    try:
        value = _expression(expression)(**context)
        if isinstance(value, StrictUndefined):
            str(value)
    except Exception as error:  # an expression may raise anything that Python can
        raise _explained(error, place, context=context) from error
    else:
        return value


def names_in(value: object) -> frozenset[str]:
    """Return the variables that the Jinja2 in `value` asks for; none where it does not parse."""
    texts = [text for text in _texts(value) if _is_jinja(text)]
    return frozenset(name for text in texts for name in _undeclared(text))


def _resolve_text(text: str, context: Context, *, place: Place) -> Any:  # noqa: ANN401 - whatever it says
    if not _is_jinja(text):
        return text
    try:
        only = _only_expression(text)
        if only is None:
            return _compiled(text).render(context)
    except Exception as error:  # a template may raise anything that Python can
        raise _explained(error, place, context=context) from error
    return evaluate(only, context, place=place)


def _is_jinja(text: str) -> bool:
    return "{{" in text or "{%" in text or "{#" in text


def _texts(value: object) -> list[str]:
    match value:
        case str():
            return [value]
        case list() | tuple():
            return [text for entry in value for text in _texts(entry)]
        case dict():
            return [text for entry in value.values() for text in _texts(entry)]
        case _:
            return []


def _no_secret(value: object) -> object:
    if isinstance(value, Secret):
        raise RefusedByTemplateError("a secret cannot be written into a rendered file")
    return value


class _Watched(runtime.Context):
    """Tells of each variable that a template asks for. One that is imported without a context has none."""

    def resolve_or_missing(self, key: str) -> Any:  # noqa: ANN401 - as Jinja2 has it
        if READ in self.parent:
            self.parent[READ](key)
        return super().resolve_or_missing(key)


def _prepared(environment: Environment) -> Environment:
    environment.filters |= {
        "basename": lambda path: PurePosixPath(path).name,
        "hash": lambda text: hashlib.sha256(str(text).encode()).hexdigest(),
        "regex_escape": re.escape,
        "seconds": lambda duration: int(duration_seconds(duration)),
        "regex_replace": lambda text, pattern, by: re.sub(pattern, by, text),
    }
    environment.context_class = _Watched
    environment.tests["search"] = lambda text, pattern: re.search(pattern, text) is not None
    return environment


def _new(**options: Any) -> Environment:  # noqa: ANN401 - Jinja2's own options
    return _prepared(
        ImmutableSandboxedEnvironment(
            undefined=StrictUndefined,
            finalize=_no_secret,
            keep_trailing_newline=True,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.do"],
            **options,
        )
    )


@lru_cache(maxsize=256)
def _environment(directory: str, templates: Sequence[tuple[str, str]]) -> Environment:
    texts = dict(templates)

    def load(name: str) -> tuple[str, str, None] | None:
        return (texts[name], f"{directory}/templates/{name}", None) if name in texts else None

    return _new(
        loader=FunctionLoader(load), cache_size=-1, auto_reload=False, bytecode_cache=bytecode_cache()
    )


_PLAIN = _new()


@lru_cache(maxsize=4096)
def _compiled(text: str) -> Any:  # noqa: ANN401 - jinja2.Template, which mypy sees through a metaclass
    return _PLAIN.from_string(text)


@lru_cache(maxsize=4096)
def _expression(text: str) -> TemplateExpression:
    return _PLAIN.compile_expression(text, undefined_to_none=False)


@lru_cache(maxsize=4096)
def _only_expression(text: str) -> str | None:
    match _PLAIN.parse(text.strip()).body:
        case [nodes.Output(nodes=[node])] if not isinstance(node, nodes.TemplateData):
            return re.sub(r"^\{\{[-+]?|[-+]?\}\}$", "", text.strip())
        case _:
            return None


@lru_cache(maxsize=4096)
def _undeclared(text: str) -> frozenset[str]:
    try:
        return frozenset(meta.find_undeclared_variables(_PLAIN.parse(text)))
    except TemplateSyntaxError:
        return frozenset()


def _explained(error: Exception, place: Place, *, context: Context) -> TemplateError:
    """Find the template's line in the traceback; Jinja2 puts it there."""
    if isinstance(error, RefusedByTemplateError) and error.path:
        return TemplateError(Problem(str(error), error.place or place, error.path))
    if isinstance(error, TemplateSyntaxError):
        where = Place(error.filename, error.lineno) if error.filename else place
        return TemplateError(Problem(str(error.message), where))
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if "/templates/" in frame.filename and not frame.filename.endswith(".py") and frame.lineno:
            place = Place(frame.filename, frame.lineno)
            break
    return TemplateError(Problem(_sentence(error), place, suggestion=_near(error, context)))


def _sentence(error: Exception) -> str:
    known = isinstance(error, JinjaError)
    return str(error) if known else f"{type(error).__name__}: {error}"


def _near(error: Exception, context: Context) -> str:
    match = re.match(r"'(\w+)' is undefined", str(error)) if isinstance(error, UndefinedError) else None
    near = difflib.get_close_matches(match[1], list(context), n=1, cutoff=0.75) if match else []
    return f"did you mean {near[0]!r}?" if near else ""
