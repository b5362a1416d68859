"""Templates in values, and what is wrong with one. Whoever writes none does not wait for Jinja2's import."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployer.inventory.variable import Plain

if TYPE_CHECKING:
    from deployer.inventory.jinja import Jinja


class ResolutionError(Exception):
    """A template that does not parse or resolve.

    Args:
        sentence: Why, in words for the operator; may quote parts of the template.
        undefined: The name that nobody defines, if that is the reason.
        named: What the sentence names; it may be told of a secret if the template has it literally.
        quotes: The sentence may contain a value, or a text that was not meant as a template.
    """

    def __init__(self, sentence: str, undefined: str = "", *, named: str = "", quotes: bool = False) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.undefined = undefined
        self.named = named or undefined
        self.quotes = quotes


@dataclass(frozen=True, eq=False)
class Template:
    """A compiled value.

    Attributes:
        names: The variables it may ask for.
        render: Variables by name to the value; a text that is one expression alone keeps its type.
    """

    names: frozenset[str]
    render: Callable[[Mapping[str, Any]], Plain]


class Templates:
    """Compiles the templates of one inventory.

    Args:
        directory: The inventory's folder, where `lookup('file', ...)` starts.

    Attributes:
        private_keys: Contents of the files with a private key that lookups have read.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.private_keys: set[str] = set()

    @cached_property
    def _jinja(self) -> "Jinja":
        from deployer.inventory.jinja import Jinja  # late: see above

        return Jinja(self._directory, self.private_keys)

    def compile(self, text: str) -> Template:
        """Return the compiled template; ResolutionError if it does not parse."""
        return self._jinja.compile(text)
