"""Problems of one run, collected so that all are told at once."""

from deployer.errors import InventoryError, Place, Problem

Address = tuple[Place | None, str]


class Findings:
    """Collects problems; a value that many hosts share is complained about once."""

    def __init__(self) -> None:
        self._found: dict[Address, Problem] = {}
        self._files: dict[str, int] = {}

    def reading(self, file: str) -> None:
        """Note that `file` is read now: problems are told in the order of the files."""
        self._files.setdefault(file, len(self._files))

    def add(self, problem: Problem) -> None:
        """Keep `problem` unless its value has one already."""
        self._found.setdefault((problem.place, problem.path or problem.sentence), problem)

    def has(self, path: str) -> bool:
        """Tell whether a problem is known at the value `path` or inside it."""
        return any(_within(known, path) for _, known in self._found)

    def raise_any(self) -> None:
        """Raise InventoryError with all problems in file order, if there is one."""
        if self._found:
            raise InventoryError(sorted(self._found.values(), key=self._order))

    def _order(self, problem: Problem) -> tuple[int, int, int]:
        if problem.place is None:
            return (-1, 0, 0)
        return (self._files.get(problem.place.file, -1), problem.place.line, problem.place.column)


def _within(path: str, outer: str) -> bool:
    return path.startswith(outer) and path[len(outer) :][:1] in ("", ".", "[")
