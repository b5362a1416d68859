"""The JSON Schema of an inventory file, for editors."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from deployer.inventory.vocabulary import model_schema

_TEMPLATE = {"$ref": "#/$defs/template"}
_NUMBERS_TOO = ("90s", "16m")


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a whole inventory file.

    Groups nest as `children`; our variables are typed, others are allowed, and any value may be a template.
    """
    model = deepcopy(dict(model_schema()))
    definitions = {name: _adapted(each) for name, each in model.pop("$defs").items()}
    variables = {name: _adapted(each) for name, each in model["properties"].items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "deployer inventory",
        "description": "Ansible's YAML inventory: groups, and in each children, hosts and vars.",
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {"$ref": "#/$defs/group"},
        "$defs": {**definitions, **_structure(), "variables": _variables(variables)},
    }


def _structure() -> dict[str, Any]:
    group = {
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": {
            "children": _names("A group inside this one.", "#/$defs/group"),
            "hosts": _names("A host, or a range such as web[01:50].example.com.", "#/$defs/variables"),
            "vars": {"$ref": "#/$defs/variables"},
        },
    }
    template = {"type": "string", "pattern": r"\{[{%]", "description": "A Jinja2 template."}
    return {"group": group, "template": template}


def _names(description: str, reference: str) -> dict[str, Any]:
    each = {"description": description, "$ref": reference}
    return {"type": ["object", "null"], "additionalProperties": each}


def _variables(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": ["object", "null"],
        "description": "Ours are checked; others pass, for roles and for Ansible.",
        "properties": properties,
        "additionalProperties": True,
    }


def _adapted(node: Mapping[str, Any]) -> dict[str, Any]:
    """Allow what the loader allows: templates, one text for a list of texts, bare numbers."""
    if node.get("type") == "object":
        return _object(node)
    if node.get("type") == "array":
        return _or_template(_array(node))
    if "anyOf" in node:
        return _or_template({**node, "anyOf": [_adapted(each) for each in node["anyOf"]]})
    if node.get("type") == "string" and set(_NUMBERS_TOO) & set(node.get("examples", ())):
        return _or_template({**node, "type": ["string", "integer"]})
    plain_text = node.get("type") == "string" and not node.keys() & {"pattern", "enum", "const"}
    return dict(node) if plain_text or node.get("type") == "null" else _or_template(node)


def _object(node: Mapping[str, Any]) -> dict[str, Any]:
    adapted = dict(node)
    for key in ("properties", "patternProperties"):
        if key in node:
            adapted[key] = {name: _adapted(each) for name, each in node[key].items()}
    return adapted


def _array(node: Mapping[str, Any]) -> dict[str, Any]:
    """pydantic writes the least number of items as if it were of letters."""
    items = _adapted(node["items"])
    least = {"minItems": node["minLength"]} if "minLength" in node else {}
    rest = {key: each for key, each in node.items() if key not in ("minLength", "anyOf", "items", "type")}
    array = {"type": "array", "items": items, **least}
    if node["items"].get("type") == "string":
        return {**rest, "anyOf": [items, array]}
    return {**rest, **array}


def _or_template(node: Mapping[str, Any]) -> dict[str, Any]:
    words = {key: node[key] for key in ("title", "description", "default", "examples") if key in node}
    rest = {key: each for key, each in node.items() if key not in words}
    forms = [inner for form in rest.get("anyOf", [rest]) for inner in _flat(form)]
    return {**words, "anyOf": [*(form for form in forms if form != _TEMPLATE), _TEMPLATE]}


def _flat(form: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(form["anyOf"]) if form.keys() == {"anyOf"} else [form]
