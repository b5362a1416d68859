"""A plan carried out: what it needs is made and ordered, and how it ended is told."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

from deployer import __version__, certs, probes
from deployer.deploy import kept_sites
from deployer.deploy.draining import counts_later
from deployer.deploy.drifting import with_backups
from deployer.deploy.endings import left_behind, outcome, still_broken
from deployer.deploy.entering import Options
from deployer.deploy.preparing import Prepared, Walked
from deployer.deploy.running import Probed, Work, asked, carry_out
from deployer.deploy.session import Session
from deployer.outcome import Verdict
from deployer.release import Record, release_name


async def carry_out_plan(session: Session, prepared: Prepared, options: Options) -> Walked:
    """Make the host what the plan says; errors are those of `carry_out`, and of certificates."""
    revision = await asyncio.to_thread(options.revision) if prepared.plan.new_release else ""
    work = _work(session, prepared, options, revision=revision)
    applied, probed = await carry_out(session, work)
    ended = outcome(session.host.name, applied, seen=work.seen, target=work.release, bundle=work.bundle)
    ended = replace(
        ended,
        changes=prepared.changes if ended.state.switched else (),
        probes=probed.results,
        drift=with_backups(prepared.plan.drift, applied.kept),
        warnings=(
            *session.warnings(work.seen),
            *counts_later(session.host, work.plan, work.seen),
            *options.conduct.warnings,
            *_still_broken(probed),
            *left_behind(applied),
        ),
    )
    return Walked(ended, applied, work.bundle)


def _still_broken(probed: Probed) -> tuple[str, ...]:
    failed = [
        result for result in probed.results if result.verdict == Verdict.FAILED and not probed.excused(result)
    ]
    return still_broken(failed, probed.regressions)


def _work(session: Session, prepared: Prepared, options: Options, *, revision: str) -> Work:
    seen, host = prepared.seen, session.host
    certificates = certs.obtain(host, prepared.decisions, session.now)
    questions = probes.questions(host)
    current = seen.by_name.get(seen.current)
    # What was never confirmed has no claim to be broken already.
    known = (
        frozenset(prepared.former.probes)
        if prepared.former and current and current.confirmed
        else frozenset()
    )
    work = Work(
        seen=seen,
        plan=prepared.plan,
        target=prepared.target,
        release=seen.current,
        questions=questions,
        who=options.who,
        conduct=options.conduct,
        certificates=certificates,
        issues=prepared.issues,
        known=known,
    )
    if not prepared.plan.new_release:
        return work
    release = release_name(seen.clock, prepared.bundle.digest, seen.by_name)
    record = Record(
        release=release,
        parent=seen.current,
        made=_iso(seen.clock),
        who=options.who,
        revision=revision,
        version=__version__,
        probes=tuple(asked(question) for question in questions),
        target=prepared.target,
        quarantined={held.site: held.sentence for held in options.quarantined},
    )
    sites = kept_sites.written(host, release)
    return replace(work, release=release, record=record, bundle=prepared.bundle, sites=sites)


def _iso(clock: int) -> str:
    return f"{datetime.fromtimestamp(clock, tz=UTC):%Y-%m-%dT%H:%M:%SZ}"
