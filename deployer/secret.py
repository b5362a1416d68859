"""A secret is a type: it travels like a string and prints as `[redacted]`."""

from dataclasses import dataclass, field
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

REDACTED = "[redacted]"


@dataclass(frozen=True)
class Secret:
    """A text that must reach a host and nothing else: no log, diff, JSON or process list.

    Equal secrets are equal and hash alike; `str`, `repr`, `format` and JSON all give `[redacted]`.
    """

    _text: str = field(repr=False)

    def reveal(self) -> str:
        """Return the text itself; the caller answers for where it goes."""
        return self._text

    def __str__(self) -> str:
        return REDACTED

    def __repr__(self) -> str:
        return f"Secret({REDACTED})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401 - pydantic's own signature
        return core_schema.no_info_plain_validator_function(
            cls._parse,
            serialization=core_schema.plain_serializer_function_ser_schema(str, when_used="json"),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "writeOnly": True}

    @classmethod
    def _parse(cls, value: object) -> "Secret":
        match value:
            case Secret():
                return value
            case str():
                return cls(value)
            case _:
                raise ValueError("a secret is a string")
