"""Text with styles, as reports make it; rich draws it on a terminal, and is imported for that alone."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import rich.text

_UNSEEN = dict.fromkeys(map(ord, "\a\b\v\f\r"))
"""What rich leaves out of any text."""


class Text:
    """Spans of text, each with a style of its own; `str` of it is the text alone.

    Args:
        text: The first span.
        style: Of all of it, and of what is appended without one.
    """

    def __init__(self, text: str = "", style: str = "") -> None:
        self._style = style
        self._spans = [(text.translate(_UNSEEN), "")]

    @classmethod
    def assemble(cls, *parts: str | tuple[str, str]) -> Self:
        """Return one text of several, each with a style where it is a pair."""
        made = cls()
        for part in parts:
            made.append(*((part,) if isinstance(part, str) else part))
        return made

    def append(self, text: str, style: str = "") -> Self:
        """Add `text` at the end, and return the whole."""
        self._spans.append((text.translate(_UNSEEN), style))
        return self

    def rstrip(self) -> None:
        """Take blanks and line ends from the end."""
        while self._spans and not (stripped := self._spans[-1][0].rstrip()):
            self._spans.pop()
        if self._spans:
            self._spans[-1] = (stripped, self._spans[-1][1])

    def __str__(self) -> str:
        return "".join(text for text, _ in self._spans)

    def __repr__(self) -> str:
        return f"Text({str(self)!r})"

    def __rich__(self) -> "rich.text.Text":
        """Return the same for rich, which asks for it."""
        from rich.text import Text as Rich  # late: most output is plain

        spans: Iterable[tuple[str, str]] = self._spans
        return Rich.assemble(*spans, style=self._style)
