"""The JSON Schema that editors complete and check an inventory with."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployer import inventory
from deployer.inventory.vocabulary import model_schema
from deployer.model.host import HostVariables


def test_groups_nest_and_every_reference_leads_somewhere() -> None:
    schema = inventory.schema()

    group = schema["$defs"]["group"]["properties"]
    assert schema["additionalProperties"] == {"$ref": "#/$defs/group"}
    assert group["children"]["additionalProperties"]["$ref"] == "#/$defs/group"
    assert group["hosts"]["additionalProperties"]["$ref"] == group["vars"]["$ref"] == "#/$defs/variables"
    for reference in found(schema, "$ref"):
        assert reference.removeprefix("#/$defs/") in schema["$defs"], reference


def test_our_variables_are_typed_and_others_allowed() -> None:
    variables = inventory.schema()["$defs"]["variables"]

    assert set(variables["properties"]) == set(HostVariables.model_fields)
    assert variables["additionalProperties"] is True


@pytest.mark.parametrize(
    ("definition", "name", "value"),
    [
        ("Site", "server_names", "abc.com"),
        ("Site", "server_names", ["abc.com", "www.abc.com"]),
        ("Site", "max_body_size", 10),
        ("Site", "max_body_size", "{{ size }}"),
        ("Websocket", "upstream", "127.0.0.1:8888"),
        ("Websocket", "upstream", ["127.0.0.1:8888"]),
        ("Websocket", "idle_timeout", "1h"),
        ("Websocket", "allow_http", "{{ longpoll }}"),
        ("Location", "probe", "off"),
        ("Location", "connection_limit", 3),
    ],
)
def test_what_the_loader_takes_the_schema_takes(definition: str, name: str, value: object) -> None:
    assert fits(value, inventory.schema()["$defs"][definition]["properties"][name])


@pytest.mark.parametrize(
    ("definition", "name", "value"),
    [
        ("Site", "server_names", "abc com"),
        ("Site", "server_names", 3),
        ("Websocket", "idle_timeout", "1 hour"),
        ("Websocket", "balance", "fair"),
        ("Location", "connection_limit", "many"),
    ],
)
def test_what_the_loader_refuses_the_schema_refuses(definition: str, name: str, value: object) -> None:
    assert not fits(value, inventory.schema()["$defs"][definition]["properties"][name])


def found(node: object, key: str) -> Iterator[str]:
    """Yield every value of `key` anywhere in a schema."""
    if isinstance(node, dict):
        for name, inner in node.items():
            if name == key and isinstance(inner, str):
                yield inner
            yield from found(inner, key)
    elif isinstance(node, list):
        for inner in node:
            yield from found(inner, key)


def fits(value: object, node: dict[str, Any]) -> bool:
    """Judge a scalar or a list of them by the part of JSON Schema that ours uses for such values."""
    if "$ref" in node:
        return fits(value, inventory.schema()["$defs"][node["$ref"].removeprefix("#/$defs/")])
    if "anyOf" in node:
        return any(fits(value, form) for form in node["anyOf"])
    if "enum" in node:
        return value in node["enum"]
    types = {
        "string": str,
        "integer": int,
        "array": list,
        "boolean": bool,
        "null": type(None),
        "object": dict,
    }
    names = node["type"] if isinstance(node["type"], list) else [node["type"]]
    if not isinstance(value, tuple(types[name] for name in names)):
        return False
    if isinstance(value, list):
        return all(fits(item, node["items"]) for item in value)
    return not isinstance(value, str) or re.search(node.get("pattern", ""), value) is not None


def test_every_key_is_in_the_reference_of_the_operator() -> None:
    text = (Path(__file__).parents[2] / "docs" / "inventory.md").read_text()
    words = set(re.findall(r"[a-z0-9_]+", text))

    for definition in (model_schema(), *model_schema()["$defs"].values()):
        assert set(definition.get("properties", ())) <= words
