"""What pydantic complains about, in the words of the operator."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from deployer.inventory import vocabulary
from deployer.inventory.near import nearest

Keys = tuple[str | int, ...]
_SHOWN = 60


@dataclass(frozen=True)
class Complaint:
    """One thing that is wrong in the variables of a host.

    Attributes:
        keys: The way to the value, its variable first.
        sentence: What is wrong.
        suggestion: What fits, if known.
        at: Whose place is to blame: the value's, its key's, or that of the mapping around it.
        from_model: A model's own check said it, of the value as a whole.
    """

    keys: Keys
    sentence: str
    suggestion: str = ""
    at: Literal["value", "key", "mapping"] = "value"
    from_model: bool = False


def complaints(error: ValidationError, given: Mapping[str, Any]) -> list[Complaint]:
    """Return what is wrong with `given`; noise of alternatives that were not meant is left out."""
    found = (_complaint(detail, given) for detail in error.errors(include_url=False))
    return [complaint for complaint in found if complaint is not None]


def found_in_words(value: object) -> str:
    """Return what a value is: `text`, `a list`, `the number 3`.

    Never the text itself: it may be a secret in the wrong place.
    """
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int():
            return "a number"
        case float():
            return "a fraction"
        case str():
            return "text"
        case list() | tuple():
            return "a list"
        case dict():
            return "a mapping"
        case _:
            return f"a {type(value).__name__}"


@dataclass(frozen=True)
class _Detail:
    """One pydantic error, its location matched with what was given."""

    kind: str
    keys: Keys
    value: object
    context: Mapping[str, Any]
    message: str
    in_union: bool
    about_key: bool

    @property
    def shown(self) -> str:
        """The value as it may be shown; only scalars that are no secrets are."""
        if vocabulary.is_secret(self.keys) or not isinstance(self.value, str | int | float):
            return "the value"
        text = repr(self.value)
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _complaint(error: ErrorDetails, given: Mapping[str, Any]) -> Complaint | None:
    detail = _located(error, given)
    if _is_noise(detail):
        return None
    if detail.about_key:
        return Complaint(
            detail.keys, f"{detail.keys[-1]!r} does not fit", vocabulary.key_hint(detail.keys[:-1]), "key"
        )
    explain = _EXPLANATIONS.get(detail.kind)
    if explain is not None:
        return explain(detail)
    for ending, explanation in _BY_ENDING.items():
        if detail.kind.endswith(ending):
            return explanation(detail)
    return Complaint(detail.keys, detail.message[:1].lower() + detail.message[1:])


def _located(error: ErrorDetails, given: Mapping[str, Any]) -> _Detail:
    """Walk pydantic's location through what was given; names of alternatives lead nowhere and fall out."""
    keys: list[str | int] = []
    value: object = given
    in_union = False
    for part in error["loc"]:
        inner = _inner(value, part)
        if inner is not _ABSENT:
            value = inner
        elif error["type"] != "missing" or part != error["loc"][-1]:
            in_union = in_union or isinstance(part, str)
            continue
        keys.append(part)
    return _Detail(
        kind=error["type"],
        keys=tuple(keys),
        value=value,
        context=error.get("ctx", {}),
        message=error["msg"],
        in_union=in_union,
        about_key=error["loc"][-1:] == ("[key]",),
    )


_ABSENT = object()


def _inner(value: object, part: str | int) -> object:
    if isinstance(value, dict):
        return value.get(part, _ABSENT)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return _ABSENT


def _is_noise(detail: _Detail) -> bool:
    """A mapping was not meant as a word, a word not as a mapping; wrong items are not missing ones."""
    if detail.in_union and detail.kind in ("literal_error", "model_type"):
        return (detail.kind == "literal_error") == isinstance(detail.value, dict)
    return detail.kind == "too_short" and isinstance(detail.value, list) and len(detail.value) > 0


def _unknown_key(detail: _Detail) -> Complaint:
    *outer, name = detail.keys
    known = vocabulary.known_keys(outer)
    suggestion = nearest(str(name), known) or f"known here: {', '.join(known)}"
    return Complaint(detail.keys, "no such key", suggestion, "key")


def _missing(detail: _Detail) -> Complaint:
    return Complaint(detail.keys, f"{detail.keys[-1]} is missing", vocabulary.hint(detail.keys), "mapping")


def _wrong_word(detail: _Detail) -> Complaint:
    words = str(detail.context["expected"]).replace("'", "").replace(" or ", ", ")
    suggestion = nearest(str(detail.value), words.split(", ")) if detail.shown != "the value" else ""
    return Complaint(detail.keys, f"{detail.shown} is not one of {words}", suggestion)


def _does_not_fit(detail: _Detail) -> Complaint:
    return Complaint(detail.keys, f"{detail.shown} does not fit", vocabulary.hint(detail.keys))


def _out_of_bounds(words: str, bound: str) -> Callable[[_Detail], Complaint]:
    return lambda detail: Complaint(detail.keys, f"{detail.shown} is {words} {detail.context[bound]}")


def _empty(detail: _Detail) -> Complaint:
    return Complaint(detail.keys, "at least one is needed, there is none", vocabulary.hint(detail.keys))


def _blank(detail: _Detail) -> Complaint:
    return Complaint(detail.keys, "the text is empty")


def _refused(detail: _Detail) -> Complaint:
    return Complaint(detail.keys, str(detail.context["error"]), from_model=True)


def _expected(what: str) -> Callable[[_Detail], Complaint]:
    def explain(detail: _Detail) -> Complaint:
        found = found_in_words(detail.value)
        scalar = isinstance(detail.value, bool | int | float)
        suggestion = "quote it" if what == "text" and scalar else vocabulary.hint(detail.keys)
        return Complaint(detail.keys, f"expected {what}, found {found}", suggestion)

    return explain


_EXPLANATIONS: Mapping[str, Callable[[_Detail], Complaint]] = {
    "extra_forbidden": _unknown_key,
    "missing": _missing,
    "literal_error": _wrong_word,
    "string_pattern_mismatch": _does_not_fit,
    "string_too_short": _blank,
    "too_short": _empty,
    "greater_than_equal": _out_of_bounds("less than", "ge"),
    "less_than_equal": _out_of_bounds("more than", "le"),
    "value_error": _refused,
    "string_type": _expected("text"),
    "model_type": _expected("a mapping"),
    "dict_type": _expected("a mapping"),
    "tuple_type": _expected("a list"),
    "int_from_float": _expected("a whole number"),
}
_BY_ENDING: Mapping[str, Callable[[_Detail], Complaint]] = {
    "int_type": _expected("a whole number"),
    "int_parsing": _expected("a whole number"),
    "bool_type": _expected("true or false"),
    "bool_parsing": _expected("true or false"),
}
