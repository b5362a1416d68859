"""Secrets among resolved values: which they are, and sealed so that they print as `[redacted]`."""

from collections.abc import Iterator, Mapping

from deployer.inventory import vocabulary
from deployer.inventory.names import SECRETS
from deployer.inventory.variable import Plain, Variable, replaced
from deployer.secret import Secret

SEALED = frozenset({*SECRETS, "ansible_become_password"})
"""Variables that are secrets as a whole."""


def is_secret(variable: Variable, ours: str, keys: tuple[str | int, ...]) -> bool:
    """Tell whether the value at `keys` in `variable`, which is `ours` by our names if any, is a secret."""
    return variable.name in SEALED or (bool(ours) and vocabulary.is_secret((ours, *keys)))


def sealed(values: Mapping[str, Plain]) -> dict[str, Plain]:
    """Return `values` with every secret turned into a `Secret`; what has none is shared, not copied."""
    result = dict(values)
    for name in SECRETS & values.keys():
        if isinstance(result[name], str):
            result[name] = Secret(result[name])
    for path in vocabulary.secret_paths():
        if path[0] in result:
            result[path[0]] = _sealed(result[path[0]], path[1:])
    return result


def has_sealed(name: str) -> bool:
    """Tell whether values of ours by the `name` have secrets inside."""
    return any(path[0] == name for path in vocabulary.secret_paths())


def secrets_in(values: Mapping[str, Plain]) -> Iterator[Plain]:
    """Yield the values of all secrets, sealed or not; a wrong one may be of any shape."""
    for name in SECRETS & values.keys():
        yield values[name]
    for path in vocabulary.secret_paths():
        if path[0] in values:
            yield from _at(values[path[0]], path[1:])


def _sealed(value: Plain, path: tuple[str, ...]) -> Plain:
    if not path:
        return Secret(value) if isinstance(value, str) else value
    for key in _keys(value, path[0]):
        inner = _sealed(value[key], path[1:])
        if inner is not value[key]:
            value = replaced(value, (key,), inner)
    return value


def _at(value: Plain, path: tuple[str, ...]) -> Iterator[Plain]:
    if not path:
        yield value
    else:
        for key in _keys(value, path[0]):
            yield from _at(value[key], path[1:])


def _keys(value: Plain, step: str) -> list[str | int]:
    if isinstance(value, list):
        return list(range(len(value))) if step == "*" else []
    if isinstance(value, dict):
        return list(value) if step == "*" else [step] if step in value else []
    return []
