"""The variables that are ours, validated; what is wrong is told with its place."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import ValidationError

from deployer.errors import Place, Problem
from deployer.inventory.checks import check, unknown_roles
from deployer.inventory.complaints import Complaint, complaints
from deployer.inventory.findings import Findings
from deployer.inventory.redaction import Redaction
from deployer.inventory.resolve import Failure
from deployer.inventory.variable import Plain, Variable, path_of
from deployer.model.host import HostVariables
from deployer.model.site import Site

_FILES = ("ansible_ssh_private_key_file", "ansible_ssh_known_hosts_file")


@dataclass(frozen=True)
class Validator:
    """Validates the variables of hosts.

    Attributes:
        directory: The inventory's folder; relative names of files start there.
        findings: Is told what is wrong.
        known_roles: Names of roles; empty where nobody knows them, and none is refused then.
        known_sites: What was validated before: sites that are equal for many hosts are validated once.
    """

    directory: Path
    findings: Findings
    known_roles: Collection[str] = ()
    known_sites: dict[Variable | None, Mapping[str, tuple[Site, ...]]] = field(default_factory=dict)

    def validate(
        self, ours: Mapping[str, Variable], values: Mapping[str, Plain], *, redaction: Redaction
    ) -> HostVariables | None:
        """Return the typed variables; None if something is wrong, which is then told.

        Args:
            ours: What is written, by our names.
            values: The resolved values, by our names.
            redaction: Strikes the host's secrets out of what is told.
        """
        strange = list(unknown_roles(values, self.known_roles))
        for complaint in strange:
            self._tell(complaint, ours, redaction=redaction)
        try:
            settings = HostVariables.model_validate({**values, **self.known_sites.get(ours.get("sites"), {})})
        except ValidationError:
            self._tell_all(ours, values, redaction=redaction)
            return None
        if "sites" in ours and not ours["sites"].leaves:
            self.known_sites[ours["sites"]] = {"sites": settings.sites}
        return None if strange else self._with_files(settings)

    def tell_failure(self, failure: Failure, variable: Variable, *, host: str, redaction: Redaction) -> None:
        """Report that a template of ours does not resolve."""
        sentence, suggestion = failure.told
        place = variable.places[failure.leaf.path]
        problem = Problem(f"{sentence} (on {host})", place, failure.leaf.path, suggestion)
        self._add(problem, redaction)

    def _tell_all(
        self, ours: Mapping[str, Variable], values: Mapping[str, Plain], *, redaction: Redaction
    ) -> None:
        """Validate as a whole, for locations that begin at the variables."""
        crossing = list(check(values))
        try:
            HostVariables.model_validate(values)
        except ValidationError as error:
            found = complaints(error, redaction.value(values))
            told = [each for each in found if not _repeats(each, crossing)]
            if not crossing and not told:
                raise
            for complaint in (*crossing, *told):
                self._tell(complaint, ours, redaction=redaction)

    def _tell(self, complaint: Complaint, ours: Mapping[str, Variable], *, redaction: Redaction) -> None:
        if not complaint.keys:
            complaint = replace(complaint, keys=("sites",))
        variable = ours[str(complaint.keys[0])]
        path = path_of((variable.name, *complaint.keys[1:]))
        place = _place(complaint, variable)
        self._add(Problem(complaint.sentence, place, path, complaint.suggestion), redaction)

    def _add(self, problem: Problem, redaction: Redaction) -> None:
        sentence, suggestion = map(redaction.sentence, (problem.sentence, problem.suggestion))
        self.findings.add(replace(problem, sentence=sentence, suggestion=suggestion))

    def _with_files(self, settings: HostVariables) -> HostVariables:
        named = {name: getattr(settings, name) for name in _FILES}
        absolute = {name: self._absolute(file) for name, file in named.items() if file}
        return settings.model_copy(update=absolute) if absolute else settings

    def _absolute(self, file: str) -> str:
        return str((self.directory / Path(file).expanduser()).absolute())


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
