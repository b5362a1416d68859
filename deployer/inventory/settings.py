"""The variables that are ours, validated; what is wrong is told with its place."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from deployer.errors import Place, Problem
from deployer.inventory import vocabulary
from deployer.inventory.checks import check
from deployer.inventory.complaints import Complaint, complaints
from deployer.inventory.findings import Findings
from deployer.inventory.names import SECRETS
from deployer.inventory.resolve import Failure
from deployer.inventory.variable import Plain, Variable, path_of
from deployer.model.host import HostVariables
from deployer.secret import Secret

_FILES = ("ansible_ssh_private_key_file", "ansible_ssh_known_hosts_file")


@dataclass(frozen=True)
class Validator:
    """Validates the variables of hosts.

    Attributes:
        directory: The inventory's folder; relative names of files start there.
        findings: Is told what is wrong.
    """

    directory: Path
    findings: Findings

    def validate(self, ours: Mapping[str, Variable], values: Mapping[str, Plain]) -> HostVariables | None:
        """Return the typed variables; None if something is wrong, which is then told.

        Args:
            ours: What is written, by our names.
            values: The resolved values, by our names.
        """
        crossing = list(check(values))
        for complaint in crossing:
            self._tell(complaint, ours)
        try:
            settings = HostVariables.model_validate(values)
        except ValidationError as error:
            for complaint in complaints(error, values):
                if not _repeats(complaint, crossing):
                    self._tell(complaint, ours)
            return None
        return None if crossing else self._with_files(settings)

    def tell_failure(self, failure: Failure, variable: Variable, *, ours: str, host: str) -> None:
        """Report that a template of ours does not resolve; `ours` is the variable by our name."""
        fault = failure.fault
        secret = vocabulary.is_secret((ours, *failure.leaf.keys))
        sentence = "the template of this secret does not resolve" if secret else fault.sentence
        suggestion = "a literal {{ or {% needs the tag !unsafe" if secret else ""
        place = variable.places[failure.leaf.path]
        self.findings.add(Problem(f"{sentence} (on {host})", place, failure.leaf.path, suggestion))

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
    """Return `values` with every secret turned into a `Secret`."""
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
    if path[0] == "*" and isinstance(value, list):
        return [_sealed(item, path[1:]) for item in value]
    if isinstance(value, dict):
        keys = value.keys() if path[0] == "*" else value.keys() & {path[0]}
        return value | {key: _sealed(value[key], path[1:]) for key in keys}
    return value


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
