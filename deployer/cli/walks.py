"""The commands that contact hosts: plan, apply, rollback, history, verify."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import typer

from deployer.cli.answer import Answer
from deployer.cli.engines import engine, shared
from deployer.cli.loading import (
    certificates_to_trust,
    check_certificates,
    make_authorities,
    select,
    unseal_authorities,
)
from deployer.cli.options import Apply, Changing, Plan, Rollback, Sharing, Walking
from deployer.cli.origin import Revision, who
from deployer.cli.rolling import roll, terms
from deployer.errors import UsageError
from deployer.outcome import Outcome, State, Verdict, worst_exit_code
from deployer.report import document, text
from deployer.report.spans import Text
from deployer.report.words import names, next_step, visible

if TYPE_CHECKING:
    from rich.console import RenderableType

    from deployer.deploy import Conduct
    from deployer.fleet import Walk
    from deployer.following import Follow
    from deployer.model.host import Host

PLAN_HAS_CHANGES = 3
PROBE_FAILED = 5

Words = Callable[[Sequence[Outcome]], "list[RenderableType]"]


def plan(options: Plan) -> Answer:
    """Show what apply would do, to the byte, and change nothing."""
    run = _apply("plan", options, check=True)
    answer = answer_of("plan", run.outcomes, lambda done: text.planned(done, diff=options.diff), run.warnings)
    changes = any(outcome.state == State.PLANNED or outcome.drift for outcome in run.outcomes)
    if options.exit_code and changes and answer.exit_code == 0:
        return with_exit_code(answer, PLAN_HAS_CHANGES)
    return answer


def apply(options: Apply) -> Answer:
    """Make hosts what the inventory says, prove it, and go back where the proof fails. Asks nothing."""
    run = _apply("apply", options, check=options.check)
    answer = with_retry(answer_of("apply", run.outcomes, _result(options), run.warnings), run)
    # After the walk: the CA is made when it first issues.
    trust = () if options.check else certificates_to_trust(run.hosts)
    changed = any(outcome.state.switched for outcome in run.outcomes)
    notices = [f"visitors have to trust {path}" for path in trust if changed]
    return replace(answer, document={**answer.document, "trust": list(trust)}, text=[*answer.text, *notices])


def rollback(options: Rollback) -> Answer:
    """Go back to an earlier release, through the same proofs; on a terminal, asks before several hosts."""
    from deployer import deploy  # late: starts fast

    if options.to and options.steps is not None:
        raise UsageError("--to and --steps exclude each other")
    hosts = select(options)
    _confirm(question_before(options, hosts))
    wanted = deploy.RollbackOptions(
        to=options.to,
        steps=options.steps or 1,
        check=options.check,
        diff=options.diff,
        who=who(),
        conduct=conduct(options),
    )
    run = _run("rollback", hosts, options, deploy.Bound(deploy.rollback, wanted))
    return with_retry(answer_of("rollback", run.outcomes, _result(options)), run)


def verify(options: Sharing) -> Answer:
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
    from deployer.cli.progress import progress  # late: starts fast
    from deployer.stopping import Stop

    opening = engine(options, hosts)
    listener = progress([host.name for host in hosts], debug=options.debug)

    async def run() -> tuple[Outcome, ...]:
        stop = Stop(listener.stopping)
        async with opening as walking:
            with stop.listening():
                return await walking(hosts, one, listener=listener, stop=stop)

    with listener.shown():
        outcomes = asyncio.run(run())
    inventory = str(options.inventory)
    return tuple(replace(outcome, next_step=next_step(outcome, command, inventory)) for outcome in outcomes)


class _Run(NamedTuple):
    """One walk over all hosts.

    Attributes:
        hosts: In inventory order.
        outcomes: One per host.
        warnings: Of the run as a whole.
        waves: How many hosts each wave had; none where nothing is changed.
        stopped: Why it did not go on to its end.
        retry: The command for the hosts that are left.
    """

    hosts: "Sequence[Host]"
    outcomes: tuple[Outcome, ...]
    warnings: tuple[str, ...] = ()
    waves: tuple[int, ...] = ()
    stopped: str = ""
    retry: str = ""


def conduct(options: Changing) -> "Conduct":
    """Return how the operator wants hosts to be changed."""
    from deployer.deploy import Conduct, Policy  # late: starts fast

    return Conduct(Policy(options.probe), leave=options.no_confirm, lock_timeout=options.lock_timeout)


def _apply(command: str, options: Plan | Apply, *, check: bool) -> _Run:
    from deployer import deploy  # late: starts fast

    hosts = select(options)
    if isinstance(options, Apply):
        terms(options, len(hosts))  # a mistake in them is told before anybody is asked for a passphrase
    if not check:
        unseal_authorities(hosts)
    # In quarantine a certificate holds its own site, and each host checks its own.
    quarantine = isinstance(options, Apply) and options.quarantine
    warnings = () if quarantine else check_certificates(hosts)
    if not check and shared(options):
        make_authorities(hosts)  # of many machines that need one, each would make its own
    one = deploy.quarantine if quarantine else deploy.apply
    wanted = deploy.Options(
        check=check,
        diff=options.diff,
        keep_drift=isinstance(options, Apply) and options.keep_drift,
        who=who(),
        revision=Revision(options.inventory.parent),
        conduct=conduct(options) if isinstance(options, Apply) else deploy.Conduct(),
    )
    run = _run(command, hosts, options, deploy.Bound(one, wanted))
    return run._replace(warnings=warnings)


def _run(command: str, hosts: "Sequence[Host]", options: Plan | Apply | Rollback, one: "Walk") -> _Run:
    """Walk all hosts, in waves where they are changed."""
    from deployer import deploy, rollout  # late: starts fast

    if isinstance(options, Plan) or options.check:
        return _Run(hosts, walk(command, hosts, options, one))
    back = _taking_back(options) if isinstance(options, Apply) and options.revert_all else None
    steps = rollout.Steps(one, deploy.again, back)
    ended, retry = roll(command, hosts, options, steps, within=terms(options, len(hosts)))
    return _Run(hosts, ended.outcomes, waves=ended.waves, stopped=ended.stopped, retry=retry)


def _taking_back(options: Apply) -> "Follow":
    from deployer import deploy  # late: starts fast

    wanted = deploy.RollbackOptions(
        who=who(),
        conduct=replace(conduct(options), leave=False),  # what is taken back is not waited for
    )

    return deploy.TakingBack(wanted)


def with_retry(answer: Answer, run: _Run) -> Answer:
    """Return the same answer with the run's waves, why it stopped, and the command for who is left."""
    told = {"waves": list(run.waves), "stopped": run.stopped, "retry": run.retry}
    lines: list[RenderableType] = [Text(f"stopped: {visible(run.stopped)}")] if run.stopped else []
    if run.retry and len(run.outcomes) > 1:
        lines.append(Text(f"  next: {visible(run.retry)}"))
    return replace(answer, document={**answer.document, **told}, text=[*answer.text, *lines])


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
