"""The variables that are ours, validated; what is wrong is told with its place."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from deployer.errors import Place, Problem
from deployer.inventory import vocabulary
from deployer.inventory.checks import check
from deployer.inventory.complaints import Complaint, complaints
from deployer.inventory.findings import Findings
from deployer.inventory.names import SECRETS
from deployer.inventory.resolve import Failure, replaced
from deployer.inventory.variable import Plain, Variable, path_of
from deployer.model.host import HostVariables
from deployer.model.site import Site
from deployer.secret import Secret

_FILES = ("ansible_ssh_private_key_file", "ansible_ssh_known_hosts_file")
_SITES = TypeAdapter(tuple[Site, ...])


@dataclass(frozen=True)
class Validator:
    """Validates the variables of hosts.

    Attributes:
        directory: The inventory's folder; relative names of files start there.
        findings: Is told what is wrong.
        known_sites: What was validated before.
    """

    directory: Path
    findings: Findings
    known_sites: dict[Variable, Mapping[str, tuple[Site, ...]]] = field(default_factory=dict)

    def validate(self, ours: Mapping[str, Variable], values: Mapping[str, Plain]) -> HostVariables | None:
        """Return the typed variables; None if something is wrong, which is then told.

        Args:
            ours: What is written, by our names.
            values: The resolved values, by our names.
        """
        try:
            settings = HostVariables.model_validate({**values, **self._sites(ours)})
        except ValidationError:
            self._tell_all(ours, values)
            return None
        return self._with_files(settings)

    def tell_failure(self, failure: Failure, variable: Variable, *, ours: str, host: str) -> None:
        """Report that a template of ours does not resolve; `ours` is the variable by our name."""
        fault = failure.fault
        secret = vocabulary.is_secret((ours, *failure.leaf.keys))
        sentence = "the template of this secret does not resolve" if secret else fault.sentence
        suggestion = "a literal {{ or {% needs the tag !unsafe" if secret else failure.suggestion
        place = variable.places[failure.leaf.path]
        self.findings.add(Problem(f"{sentence} (on {host})", place, failure.leaf.path, suggestion))

    def _sites(self, ours: Mapping[str, Variable]) -> Mapping[str, tuple[Site, ...]]:
        """Sites that are equal for many hosts are validated once; wrong ones are left to the whole."""
        variable = ours.get("sites")
        if variable is None or variable.leaves:
            return {}
        if variable not in self.known_sites:
            try:
                self.known_sites[variable] = {"sites": _SITES.validate_python(variable.value)}
            except ValidationError:
                self.known_sites[variable] = {}
        return self.known_sites[variable]

    def _tell_all(self, ours: Mapping[str, Variable], values: Mapping[str, Plain]) -> None:
        """Validate as a whole, for locations that begin at the variables."""
        crossing = list(check(values))
        try:
            HostVariables.model_validate(values)
        except ValidationError as error:
            told = [each for each in complaints(error, values) if not _repeats(each, crossing)]
            if not crossing and not told:
                raise
            for complaint in (*crossing, *told):
                self._tell(complaint, ours)

    def _tell(self, complaint: Complaint, ours: Mapping[str, Variable]) -> None:
        if not complaint.keys:
            complaint = replace(complaint, keys=("sites",))
        variable = ours[str(complaint.keys[0])]
        path = path_of((variable.name, *complaint.keys[1:]))
        place = _place(complaint, variable)
        self.findings.add(Problem(complaint.sentence, place, path, complaint.suggestion))

    def _with_files(self, settings: HostVariables) -> HostVariables:
        named = {name: getattr(settings, name) for name in _FILES}
        absolute = {name: self._absolute(file) for name, file in named.items() if file}
        return settings.model_copy(update=absolute) if absolute else settings

    def _absolute(self, file: str) -> str:
        return str((self.directory / Path(file).expanduser()).absolute())


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


def _sealed(value: Plain, path: tuple[str, ...]) -> Plain:
    if not path:
        return Secret(value) if isinstance(value, str) else value
    for key in _keys(value, path[0]):
        inner = _sealed(value[key], path[1:])
        if inner is not value[key]:
            value = replaced(value, (key,), inner)
    return value


def _keys(value: Plain, step: str) -> list[str | int]:
    if isinstance(value, list):
        return list(range(len(value))) if step == "*" else []
    if isinstance(value, dict):
        return list(value) if step == "*" else [step] if step in value else []
    return []


def _repeats(complaint: Complaint, crossing: list[Complaint]) -> bool:
    """A model that refuses what a check has found inside of it says nothing new."""
    keys = complaint.keys
    inside = any(known.keys[: len(keys)] == keys for known in crossing)
    return inside and complaint.from_model


def _place(complaint: Complaint, variable: Variable) -> Place:
    keys = (variable.name, *complaint.keys[1:])
    if complaint.at == "key" and path_of(keys) in variable.key_places:
        return variable.key_places[path_of(keys)]
    if complaint.at == "mapping":
        keys = keys[:-1]
    while path_of(keys) not in variable.places:
        keys = keys[:-1]
    return variable.places[path_of(keys)]
