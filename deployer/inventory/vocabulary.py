"""What the model says at a place: known keys, examples, secrets."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from deployer.model.host import HostVariables
from deployer.secret import Secret

Schema = Mapping[str, Any]


@cache
def model_schema() -> Schema:
    """Return pydantic's JSON Schema of the variables that are ours."""
    return HostVariables.model_json_schema()


def at(keys: Sequence[str | int]) -> list[Schema]:
    """Return the forms that the value at `keys` may have; empty where the schema says nothing."""
    forms = list(_forms(model_schema()))
    for key in keys:
        forms = [inner for form in forms for step in _step(form, key) for inner in _forms(step)]
    return forms


def known_keys(keys: Sequence[str | int]) -> list[str]:
    """Return the keys that the mapping at `keys` may have."""
    return [name for form in at(keys) for name in form.get("properties", ())]


def is_secret(keys: Sequence[str | int]) -> bool:
    """Tell whether the value at `keys` is a secret or inside of one."""
    return any(len(path) <= len(keys) and all(map(_leads, path, keys)) for path in secret_paths())


def hint(keys: Sequence[str | int]) -> str:
    """Return what fits at `keys`, in words: a description and an example."""
    forms = at(keys)
    return _words([inner for form in forms for inner in _items(form)] + forms)


def key_hint(keys: Sequence[str | int]) -> str:
    """Return what fits as a key of the mapping at `keys`, in words."""
    return _words([form["propertyNames"] for form in at(keys) if "propertyNames" in form])


def _words(forms: Sequence[Schema]) -> str:
    # The first paragraph says what it is; the rest is for the schema's readers.
    text = next((form["description"] for form in forms if "description" in form), "")
    text = text.partition("\n\n")[0].replace("\n", " ").rstrip(".")
    examples: list[object] = next((form["examples"] for form in forms if "examples" in form), [])
    example = " or ".join(str(example) for example in examples[:2] if isinstance(example, str))
    if text[1:2].islower() or text[1:2] == " ":
        text = text[0].lower() + text[1:]
    return ", ".join(part for part in (text, example and f"such as {example}") if part)


@cache
def secret_paths() -> tuple[tuple[str, ...], ...]:
    """Return the ways to all secrets; `*` stands for every index or key.

    Every run asks: of the model itself, whose JSON Schema takes longer to make than an inventory to read.
    """
    return tuple(dict.fromkeys(_secrets(HostVariables, ())))


def _leads(step: str, key: str | int) -> bool:
    return step in ("*", key)


def _forms(schema: Schema) -> Iterator[Schema]:
    """Take references and alternatives apart; `null` is no form."""
    if "$ref" in schema:
        yield from _forms(model_schema()["$defs"][schema["$ref"].rpartition("/")[2]])
    elif "anyOf" in schema and "items" not in schema:
        outer = {key: value for key, value in schema.items() if key in ("description", "examples")}
        for alternative in schema["anyOf"]:
            if alternative.get("type") != "null":
                yield from ({**outer, **form} for form in _forms(alternative))
    else:
        yield schema


def _items(form: Schema) -> Iterator[Schema]:
    if "items" in form:
        yield from _forms(form["items"])


def _step(form: Schema, key: str | int) -> Iterator[Schema]:
    if isinstance(key, int):
        if "items" in form:
            yield form["items"]
    elif key in form.get("properties", ()):
        yield form["properties"][key]
    else:
        yield from form.get("patternProperties", {}).values()
        if isinstance(form.get("additionalProperties"), dict):
            yield form["additionalProperties"]


def _secrets(annotation: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:  # noqa: ANN401 - any type
    if annotation is Secret:
        yield path
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            yield from _secrets(field.annotation, (*path, field.alias or name))
    else:
        inside = (*path, "*") if get_origin(annotation) in (tuple, list, dict) else path
        for part in get_args(annotation):
            yield from _secrets(part, inside)
