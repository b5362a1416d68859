"""Which hosts are alike: rendering reads the same of them. They share what was made for one of them."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from deployer.facts import Facts
from deployer.model.host import Host
from deployer.model.role import Role
from deployer.render.reading import Reading
from deployer.render.variables import OURS, host_context
from deployer.secret import Secret

KEPT = 64
"""Values that are kept: where no two hosts are alike, memory stays flat."""
_READINGS = 8
_FROZEN = 256
_MISSING = object()

Made = TypeVar("Made")
Key = tuple[object, ...]


class Alike(Generic[Made]):
    """Remembers what was made for a host and what was read of it; a host that answers the same gets it.

    Rendering is a function of what it reads. Equal answers to all that it read the first time lead to the
    same questions and the same bundle; a variable that nobody read may differ.
    """

    def __init__(self) -> None:
        self._readings: dict[Key, dict[Reading, None]] = {}
        self._made: dict[Key, Made] = {}
        self._forms: dict[object, object] = {}
        self._tokens: dict[int, tuple[object, object]] = {}

    def find(self, host: Host, roles: Sequence[Role], facts: Facts) -> Made | None:
        """Return what was made for a host like this one; None where there was none, or too long ago."""
        kind, context = _kind(host, roles, facts), host_context(host, facts)
        for reading in reversed(self._readings.get(kind, {})):
            key = (*kind, reading, *self._answers(host, context, reading))
            if key in self._made:
                _put_last(self._readings[kind], reading, None, most=_READINGS)
                _put_last(self._made, key, self._made[key], most=KEPT)
                return self._made[key]
        return None

    def keep(self, host: Host, roles: Sequence[Role], facts: Facts, *, reading: Reading, made: Made) -> None:
        """Remember what was made for a host after reading that much of it."""
        kind = _kind(host, roles, facts)
        key = (*kind, reading, *self._answers(host, host_context(host, facts), reading))
        readings = self._readings.get(kind, {})
        _put_last(readings, reading, None, most=_READINGS)
        _put_last(self._readings, kind, readings, most=KEPT)
        _put_last(self._made, key, made, most=KEPT)

    def _answers(self, host: Host, context: Mapping[str, Any], reading: Reading) -> Key:
        names = reading.names - OURS
        return (
            *(self._of(context.get(name, _MISSING)) for name in sorted(names)),
            *(host.places.get(path) for path in sorted(reading.paths)),
        )

    def _of(self, value: object) -> object:
        """Return `value` as something to compare by."""
        match value:
            case BaseModel():
                return self._token(value)
            case list() | tuple():
                return (type(value), *map(self._of, value))
            case _:
                return frozen(value)

    def _token(self, value: BaseModel) -> object:
        """Return what stands for all values equal to this one; one that hosts share is taken apart once."""
        known = self._tokens.get(id(value))
        if known is None or known[0] is not value:
            form = frozen(value)
            known = (value, self._forms.get(form) or object())
            _put_last(self._forms, form, known[1], most=_FROZEN)
            _put_last(self._tokens, id(value), known, most=_FROZEN)
        return known[1]


def _put_last(kept: dict[Any, Any], key: object, value: object, *, most: int) -> None:
    """Put an entry where it is forgotten last."""
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > most:
        del kept[next(iter(kept))]


class _Same:
    """Something that is equal to itself alone."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self._value is other._value

    def __hash__(self) -> int:
        return id(self._value)


def frozen(value: object) -> object:
    """Return something hashable that is equal where templates cannot tell the values apart.

    >>> frozen({"a": [1]}) == frozen({"a": [1]}), frozen([1]) == frozen([True]), frozen(["1"]) == frozen([1])
    (True, False, False)
    """
    match value:
        case str() | int() | Secret() | None:
            return (type(value), value)
        case float():
            return (float, repr(value))  # 0.0 == -0.0
        case BaseModel():
            return (type(value), frozen(vars(value)))
        case dict():
            return (dict, *((frozen(key), frozen(inner)) for key, inner in value.items()))
        case list() | tuple():
            return (type(value), *map(frozen, value))
        case _:
            return _Same(value)


def _kind(host: Host, roles: Sequence[Role], facts: Facts) -> Key:
    """What every rendering reads: of the host, how paths in its inventory are written."""
    return (*map(_Same, roles), facts, host.directory, host.versions)
