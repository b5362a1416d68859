"""Strikes known secrets out of what is told, wherever they were copied to."""

import re
from collections.abc import Iterable, Iterator

from deployer.inventory.variable import Plain
from deployer.secret import REDACTED, Secret

_PRIVATE_KEY = r"-----BEGIN [A-Z ]*PRIVATE KEY.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
_WORD = 4
_LINE = 16


class Redaction:
    """Knows the secrets of one host.

    Args:
        secrets: Their values, of any shape.
    """

    def __init__(self, secrets: Iterable[Plain]) -> None:
        forms = {form for secret in secrets for text in _texts(secret) for form in _forms(text)}
        self._everything = _pattern(forms)
        self._longer = _pattern(form for form in forms if len(form) >= _WORD)

    def sentence(self, text: str) -> str:
        """Strike secrets out of a sentence; one of up to three letters would strike out words."""
        return self._longer.sub(REDACTED, text)

    def value(self, value: Plain) -> Plain:
        """Strike secrets out of all texts of a value, which keeps its shape."""
        match value:
            case str():
                return self._everything.sub(REDACTED, value)
            case list():
                return [self.value(each) for each in value]
            case dict():
                return {key: self.value(each) for key, each in value.items()}
            case _:
                return value


def _texts(secret: Plain) -> Iterator[str]:
    match secret:
        case Secret():
            yield secret.reveal()
        case str():
            yield secret
        case bool() | None:
            pass
        case int() | float():
            yield str(secret)
        case list():
            for each in secret:
                yield from _texts(each)
        case dict():
            for each in secret.values():
                yield from _texts(each)


def _forms(text: str) -> Iterator[str]:
    """As it is, as Python quotes it, and line by line, as it may be cut."""
    yield from (text, repr(text)[1:-1])
    yield from (line for line in text.split() if len(line) >= _LINE)


def _pattern(forms: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(filter(None, forms), key=lambda form: (-len(form), form))
    return re.compile("|".join((_PRIVATE_KEY, *map(re.escape, longest_first))), re.DOTALL)
