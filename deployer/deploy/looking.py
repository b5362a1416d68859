"""Walks that only look: verify and history."""

from collections.abc import Sequence
from dataclasses import replace

from deployer import probes
from deployer.deploy.reaching import Reach, Watch, opened
from deployer.deploy.records import in_quarantine
from deployer.deploy.running import PATIENCE
from deployer.facts import Observation, Release
from deployer.model.host import Host
from deployer.outcome import Outcome, Phase, ProbeResult, State, Verdict
from deployer.release import ORIGINAL, parse_record
from deployer.standing import ReleaseRecord

_ANYWHERE = Reach()


async def verify(host: Host, watch: Watch, *, reach: Reach = _ANYWHERE) -> Outcome:
    """Ask every site of `host` what a visitor would ask.

    Raises:
        UnreachableError: No connection, or it was lost.
    """
    async with opened(host, watch, reach) as session:
        seen = await session.observe()
        session.enter(Phase.PROBE)
        results = await session.ask(probes.questions(host), seen.certificates)
        return Outcome(
            host.name,
            State.UNCHANGED,
            Phase.PROBE,
            serving=seen.running,
            probes=results,
            warnings=(*session.warnings(seen), *in_quarantine(seen)),
        )


async def verify_again(
    host: Host, before: Sequence[ProbeResult], watch: Watch, *, reach: Reach = _ANYWHERE
) -> Outcome:
    """Ask once more those questions of `before` that were answered well, as patiently as after a switch.

    Raises:
        UnreachableError: No connection, or it was lost.
    """
    passed = {probe.key for probe in before if probe.verdict == Verdict.PASSED}
    async with opened(host, watch, reach) as session:
        seen = await session.observe()
        session.enter(Phase.PROBE)
        questions = [question for question in probes.questions(host) if question.key in passed]
        results = await session.ask(questions, seen.certificates, patience=PATIENCE)
        looked = Outcome(host.name, State.UNCHANGED, Phase.PROBE, serving=seen.running, probes=results)
        return replace(looked, linked=seen.current)


async def history(host: Host, watch: Watch, *, reach: Reach = _ANYWHERE) -> Outcome:
    """Tell the releases of `host`, newest first.

    Raises:
        UnreachableError: No connection, or it was lost.
    """
    async with opened(host, watch, reach) as session:
        seen = await session.observe("journal")
        records = tuple(told(release, seen) for release in reversed(seen.releases))
        return Outcome(host.name, State.UNCHANGED, Phase.OBSERVE, serving=seen.running, history=records)


def told(release: Release, seen: Observation) -> ReleaseRecord:
    """Tell one release of the host; its note needs the journal."""
    note = _note(release.name, seen)
    if release.name == ORIGINAL:
        return ReleaseRecord(ORIGINAL, "current" if seen.current == ORIGINAL else "original", note=note)
    state = "current" if release.name == seen.current else "good" if release.confirmed else "failed"
    try:
        record = parse_record(release.meta)
    except ValueError:
        return ReleaseRecord(release.name, state, note="its release.json cannot be read")
    return ReleaseRecord(
        release.name,
        state,
        when=record.made,
        who=record.who,
        revision=record.revision,
        version=record.version,
        note=note or "; ".join(record.quarantined.values()),
    )


def _note(release: str, seen: Observation) -> str:
    """Say the last thing that the journal has of `release`, where that is no plain success.

    A line of the journal is time, who, event, text, between single blanks; the text of a switch is
    `FROM -> TO`, that of a revert `TO -> FROM: why`.
    """
    for line in reversed(seen.journal) if release != ORIGINAL else ():
        when, who, event, text = (*line.split(" ", 3), "", "", "", "")[:4]
        subject, _, rest = text.partition(" -> ")
        match event:
            case "confirmed" if text == release:
                return ""
            case "reverted" if subject == release:
                back, _, why = rest.partition(": ")
                return f"went back to {back}: {why}"
            case "switching" if subject == release and (rest < release or rest == ORIGINAL):
                return f"rolled back to {rest} by {who} at {when}"
            case _:
                pass
    return ""
