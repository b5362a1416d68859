"""The commands that contact hosts: plan, apply, rollback, history, verify."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import typer
from rich.console import RenderableType

from deployer.cli.answer import Answer
from deployer.cli.command import takes
from deployer.cli.loading import certificates_to_trust, check_certificates, select, unseal_authorities
from deployer.cli.options import Apply, Plan, Rollback, Walking
from deployer.cli.origin import revision, who
from deployer.errors import UsageError
from deployer.outcome import Outcome, State, Verdict, worst_exit_code
from deployer.report import document, text
from deployer.report.words import names, next_step

if TYPE_CHECKING:
    from deployer.fleet import Walk
    from deployer.model.host import Host

PLAN_HAS_CHANGES = 3
PROBE_FAILED = 5

Words = Callable[[Sequence[Outcome]], list[RenderableType]]


def register(app: typer.Typer) -> None:
    """Give `app` the commands of this module."""
    takes(app, "plan", Plan)(plan)
    takes(app, "apply", Apply)(apply)
    takes(app, "rollback", Rollback)(rollback)
    takes(app, "verify", Walking)(verify)
    takes(app, "history", Walking)(history)


def plan(options: Plan) -> Answer:
    """Show what apply would do, to the byte, and change nothing."""
    run = _apply("plan", options, check=True, diff=options.diff)
    answer = answer_of("plan", run.outcomes, lambda done: text.planned(done, diff=options.diff), run.warnings)
    changes = any(outcome.state == State.PLANNED for outcome in run.outcomes)
    if options.exit_code and changes and answer.exit_code == 0:
        return with_exit_code(answer, PLAN_HAS_CHANGES)
    return answer


def apply(options: Apply) -> Answer:
    """Make hosts what the inventory says, prove it, and go back where the proof fails. Asks nothing."""
    run = _apply("apply", options, check=options.check, diff=options.diff)
    answer = answer_of("apply", run.outcomes, _result(options), run.warnings)
    # After the walk: the CA is made when it first issues.
    trust = () if options.check else certificates_to_trust(run.hosts)
    changed = any(outcome.state == State.CHANGED for outcome in run.outcomes)
    notices = [f"visitors have to trust {path}" for path in trust if changed]
    return replace(answer, document={**answer.document, "trust": list(trust)}, text=[*answer.text, *notices])


def rollback(options: Rollback) -> Answer:
    """Go back to an earlier release, through the same proofs; on a terminal, asks before several hosts."""
    from deployer import deploy  # late: starts fast

    if options.to and options.steps is not None:
        raise UsageError("--to and --steps exclude each other")
    hosts = select(options)
    _confirm(question_before(options, hosts))
    folder = options.inventory.parent
    wanted = deploy.RollbackOptions(
        to=options.to,
        steps=options.steps or 1,
        check=options.check,
        diff=options.diff,
        who=who(),
        revision=revision(folder),
    )
    outcomes = walk("rollback", hosts, options, lambda host, watch: deploy.rollback(host, wanted, watch))
    return answer_of("rollback", outcomes, _result(options))


def verify(options: Walking) -> Answer:
    """Ask every site what a visitor would ask, and show the answers; changes nothing."""
    from deployer import deploy  # late: starts fast

    outcomes = walk("verify", select(options), options, deploy.verify)
    answer = answer_of("verify", outcomes, text.verified)
    failed = any(probe.verdict == Verdict.FAILED for outcome in outcomes for probe in outcome.probes)
    return with_exit_code(answer, PROBE_FAILED) if failed and answer.exit_code == 0 else answer


def history(options: Walking) -> Answer:
    """Show the releases of every host: when, who, from which revision, and how they did."""
    from deployer import deploy  # late: starts fast

    return answer_of("history", walk("history", select(options), options, deploy.history), text.history)


def walk(command: str, hosts: "Sequence[Host]", options: Walking, one: "Walk") -> tuple[Outcome, ...]:
    """Walk all hosts with progress on stderr; failures get a next step where they brought none."""
    from deployer import fleet  # late: starts fast
    from deployer.cli.progress import progress

    listener = progress([host.name for host in hosts], debug=options.debug)
    with listener.shown():
        outcomes = asyncio.run(fleet.run(hosts, one, parallel=options.parallel, listener=listener))
    inventory = str(options.inventory)
    return tuple(replace(outcome, next_step=next_step(outcome, command, inventory)) for outcome in outcomes)


class _Run(NamedTuple):
    """One walk towards the inventory over all hosts."""

    hosts: "Sequence[Host]"
    outcomes: tuple[Outcome, ...]
    warnings: tuple[str, ...]


def _apply(command: str, options: Walking, *, check: bool, diff: bool) -> _Run:
    from deployer import deploy  # late: starts fast

    hosts = select(options)
    if not check:
        unseal_authorities(hosts)
    warnings = check_certificates(hosts)
    wanted = deploy.Options(check=check, diff=diff, who=who(), revision=revision(options.inventory.parent))
    outcomes = walk(command, hosts, options, lambda host, watch: deploy.apply(host, wanted, watch))
    return _Run(hosts, outcomes, warnings)


def _result(options: Apply | Rollback) -> Words:
    if options.check:
        return lambda outcomes: text.planned(outcomes, diff=options.diff)
    return lambda outcomes: text.applied(outcomes, diff=options.diff, verbose=options.verbose)


def answer_of(
    command: str, outcomes: Sequence[Outcome], words: Words, warnings: Sequence[str] = ()
) -> Answer:
    """Answer with what became of hosts, in `words`; the exit code is the worst of theirs."""
    code = worst_exit_code([outcome.state.exit_code for outcome in outcomes])
    told = document.of_outcomes(command, outcomes, exit_code=code, warnings=warnings)
    return Answer(code, told, [*text.warnings(warnings), *words(outcomes)])


def with_exit_code(answer: Answer, code: int) -> Answer:
    """Return the same answer with another exit code, in the document too."""
    return replace(answer, exit_code=code, document={**answer.document, "exit_code": code})


def _confirm(question: str) -> None:
    """Ask before several hosts go back, where somebody is there to answer."""
    attended = sys.stdin.isatty() and sys.stderr.isatty()
    if question and attended and not typer.confirm(question, err=True):
        raise UsageError("not confirmed; nothing was contacted")


def question_before(options: Rollback, hosts: "Sequence[Host]") -> str:
    """Return what to ask before a rollback; empty for one host, and where nothing is to be asked."""
    if len(hosts) < 2 or options.yes or options.check or options.json:
        return ""
    return f"Roll back {len(hosts)} hosts ({names([host.name for host in hosts])})?"
