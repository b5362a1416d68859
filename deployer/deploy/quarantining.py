"""One bad site does not hold the others: `apply --quarantine`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from deployer import certs
from deployer.deploy import kept_sites
from deployer.deploy.accusing import accused, accused_by
from deployer.deploy.applying import walk
from deployer.deploy.entering import Options
from deployer.deploy.kept_sites import KeptSite
from deployer.deploy.preparing import Walked
from deployer.deploy.reaching import Watch, opened
from deployer.deploy.session import Session
from deployer.deploy.substituting import UnfitError, substituted
from deployer.errors import CertificateError, RoleError
from deployer.facts import Observation
from deployer.model.host import Host
from deployer.outcome import Action, Change, Outcome, Phase, Quarantined, State
from deployer.release import ORIGINAL


@dataclass(frozen=True)
class Refusal:
    """What was said against one site.

    Attributes:
        phase: Where.
        why: One sentence.
        said: Lines about it.
    """

    phase: Phase
    why: str
    said: tuple[str, ...]


async def quarantine(host: Host, options: Options, watch: Watch) -> Outcome:
    """Apply; a site that is refused stays at its last good version, or away if it has none.

    Each site is judged in the very tree that goes live: what is accused is replaced, and all is validated
    again. A refusal that is no site's, and one that stays when the accused are replaced, ends as without
    quarantine.

    Raises:
        UnreachableError: As an apply.
        LockedError: As an apply.
        RoleError: As an apply, where it is no site's in particular.
        CertificateError: The same.
    """
    async with opened(host, watch, options.reach) as session:
        return await _Quarantine(session, options).walk()


def as_held(host: Host, seen: Observation, held: Collection[str]) -> Host:
    """Return `host` with the last good versions of the sites that its release holds; pure.

    Args:
        host: As the inventory has it.
        seen: `sites` must have been asked.
        held: Names of sites (`Record.quarantined`).

    Raises:
        UnfitError: What they are is not known, or does not go with the rest.
    """
    if not held:
        return host
    known = _known(seen)
    versions = {
        index: kept_sites.good_versions(host, site, known)
        for index, site in enumerate(host.sites)
        if site.name in held
    }
    return substituted(host, versions)


@dataclass
class _Quarantine:
    """One walk, repeated while sites are refused that were not refused before.

    Attributes:
        session: Its host is the inventory's.
        options: Of the apply.
        held: Index of each site that was refused, to what is to be said of it.
        versions: Index of each of them, to its last good versions; none: it stays away.
        installed: What walks that were refused have installed all the same.
    """

    session: Session
    options: Options
    held: dict[int, Quarantined] = field(default_factory=dict)
    versions: dict[int, tuple[KeptSite, ...]] = field(default_factory=dict)
    installed: tuple[Change, ...] = ()

    async def walk(self) -> Outcome:
        """Walk until nothing is refused that could be held."""
        host = self.session.host
        while True:
            try:
                self.session.enter(Phase.RENDER)
                warnings = certs.check([host], self.session.now)
                walked = await self._walk(host)
            except (RoleError, CertificateError) as error:
                refusals = _refusals_by(error)
                if not refusals.keys() - self.held.keys():
                    raise
                ended = _invalid(host, error)
            else:
                refusals = await self._refusals_of(walked, host)
                ended = replace(walked.outcome, warnings=(*warnings, *walked.outcome.warnings))
                if not refusals.keys() - self.held.keys():
                    return self._told(ended)
            try:
                host = await self._without(refusals)
            except UnfitError as reason:
                return replace(ended, warnings=(*ended.warnings, f"nothing is held back: {reason}"))

    async def _walk(self, host: Host) -> Walked:
        options = replace(self.options, quarantined=tuple(self.held.values()))
        return await walk(replace(self.session, host=host), options)

    async def _refusals_of(self, walked: Walked, host: Host) -> Mapping[int, Refusal]:
        outcome, applied = walked.outcome, walked.applied
        if applied is None or applied.ending != "refused" or applied.phase != Phase.VALIDATE:
            return {}
        names = (subject for action, subject in applied.done if action == "install")
        self.installed += tuple(Change(Action.INSTALL, "package", name) for name in names)
        why = outcome.message.partition("; ")[0]
        if indices := accused(applied, walked.bundle, host):
            return {index: Refusal(Phase.VALIDATE, why, outcome.said) for index in indices}
        # Words that name nobody: where only one site is new, the next try is the proof.
        seen = await self.session.observe("sites")
        changed = set(kept_sites.changed(self.session.host, seen.sites)) - self.held.keys()
        why = f"{why}, and no other site has changed"
        return {index: Refusal(Phase.VALIDATE, why, outcome.said) for index in changed if len(changed) == 1}

    async def _without(self, refusals: Mapping[int, Refusal]) -> Host:
        """Return the host with the last good versions in the place of all that was refused so far.

        Raises:
            UnfitError: There are none that could serve, or nobody can tell.
        """
        refusals = {index: refusals[index] for index in refusals if index not in self.held}
        names = ", ".join(self.session.host.sites[index].name for index in refusals)
        self.session.enter(Phase.OBSERVE, f"{names} refused: asking for the last good version")
        seen = await self.session.observe("sites")
        known = _known(seen)
        for index, refusal in refusals.items():
            site = self.session.host.sites[index]
            versions = kept_sites.good_versions(self.session.host, site, known)
            keeps = versions[0].release if versions else ""
            self.versions[index] = versions
            self.held[index] = Quarantined(site.name, keeps, refusal.phase, refusal.why, refusal.said)
        return substituted(self.session.host, self.versions)

    def _told(self, outcome: Outcome) -> Outcome:
        """Tell the end of a walk with what was held out of it."""
        if not self.held:
            return outcome
        held = tuple(self.held[index] for index in sorted(self.held))
        sentences = [each.sentence for each in held]
        outcome = replace(outcome, quarantined=held, changes=(*self.installed, *outcome.changes))
        if self.options.check:
            return replace(outcome, warnings=(*outcome.warnings, *sentences))
        if not outcome.state.switched and outcome.state != State.UNCHANGED:
            tried = (f"tried while {each}" for each in sentences)
            return replace(outcome, warnings=(*outcome.warnings, *tried))
        serves = outcome.message or f"release {outcome.serving} serves"
        return replace(
            outcome,
            state=State.INCOMPLETE,
            phase=held[0].phase,
            message=f"{serves}; {'; '.join(sentences)}",
            said=(*outcome.said, *(line for each in held for line in _named(each, of=len(held)))),
        )


def _named(held: Quarantined, *, of: int) -> tuple[str, ...]:
    return held.said if of == 1 else tuple(f"{held.site}: {line}" for line in held.said)


def _known(seen: Observation) -> tuple[KeptSite, ...]:
    """Return what the sites are that the host serves now.

    Raises:
        UnfitError: Something serves of which nobody knows which sites it has.
    """
    if seen.sites:
        try:
            return kept_sites.read(seen.sites, seen.certificates)
        except ValueError as error:
            why = str(error).splitlines()[0]
            raise UnfitError(
                f"what release {seen.current} says of its sites cannot be read: {why}"
            ) from error
    if seen.current not in ("", ORIGINAL):
        raise UnfitError(
            f"release {seen.current} does not say what its sites are: "
            "it was made by an older deployer, or never confirmed"
        )
    if not seen.pristine:
        raise UnfitError("what serves there is not deployer's, and nobody can tell which sites it has")
    return ()


def _refusals_by(error: RoleError | CertificateError) -> Mapping[int, Refusal]:
    what = (
        "its certificate cannot be used" if isinstance(error, CertificateError) else "it cannot be rendered"
    )
    return {
        index: Refusal(Phase.RENDER, what, tuple(map(str, problems)))
        for index, problems in accused_by(error).items()
    }


def _invalid(host: Host, error: RoleError | CertificateError) -> Outcome:
    return Outcome(host.name, State.INVALID, Phase.RENDER, message=error.message, next_step=error.next_step)
