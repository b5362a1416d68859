"""One command on a fleet, in waves: stops when too many hosts fail, takes back what it did if asked to.

How the hosts of a wave are walked is the engine's: `fleet.run` here, `workers` elsewhere.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from deployer import fleet, waves
from deployer.fleet import Walk
from deployer.following import Follow, Following
from deployer.model.host import Host
from deployer.outcome import INTERRUPTED_EXIT_CODE, Outcome, Phase, State, Verdict
from deployer.stopping import Stop

Judge = Callable[[Outcome, Outcome], Outcome]
End = Callable[[Outcome, BaseException | None], None]


class Listener(fleet.Listener, Protocol):
    """Who wants to know of the hosts, and of the run as a whole."""

    def said(self, note: str) -> None:
        """Hear what the run does next, such as `wave 2 of 3: 25 hosts`."""
        ...


class Engine(Protocol):
    """Walks hosts: tells `listener` as they go, starts none once `stop.why` is set, returns all outcomes."""

    async def __call__(
        self, hosts: Sequence[Host], walk: Walk, *, listener: fleet.Listener, stop: Stop
    ) -> tuple[Outcome, ...]:
        """Walk `hosts`."""
        ...


@dataclass(frozen=True)
class Steps:
    """What is done on hosts.

    Attributes:
        walk: On each, once.
        again: Before each further wave, on those that were changed: asks visitors' questions again.
        back: Where the run stops: takes a host back to `outcome.replaced`. None: nothing is taken back.
    """

    walk: Walk
    again: Follow
    back: Follow | None = None


@dataclass(frozen=True)
class Terms:
    """How far a run may go.

    Attributes:
        serial: Sizes of the waves; none for one wave of all.
        max_fail: How many failed hosts are borne; None for all of them.
    """

    serial: Sequence[waves.Share] = ()
    max_fail: int | None = None


@dataclass(frozen=True)
class Rollout:
    """How a run ended.

    Attributes:
        outcomes: One per host, in the order of the hosts.
        waves: How many hosts each wave had, as planned.
        stopped: Why it did not go on to its end; empty where it did.
    """

    outcomes: tuple[Outcome, ...]
    waves: tuple[int, ...]
    stopped: str


async def run(
    hosts: Sequence[Host], steps: Steps, terms: Terms, *, engine: Engine, listener: Listener
) -> Rollout:
    """Walk `hosts` wave by wave.

    Once more hosts have failed than `terms` bears, no further host starts, in this wave or another one,
    and with `steps.back` every host that was changed is taken back. An interrupt takes nothing back.
    """
    planned = waves.cut(hosts, terms.serial)
    stop = Stop(listener.stopping)
    under_way = _UnderWay(steps, terms, engine, listener, stop)
    with stop.listening():
        for number, wave in enumerate(planned, start=1):
            await under_way.wave(wave, f"wave {number} of {len(planned)}" if len(planned) > 1 else "")
        stopped = stop.why
        if stopped and not stop.interrupts:
            stop.lift()
            await under_way.take_back(hosts, stopped)
    outcomes = tuple(under_way.outcomes[host.name] for host in hosts)
    return Rollout(outcomes, tuple(map(len, planned)), stopped)


@dataclass
class _UnderWay:
    """A run between two waves: what became of the hosts so far."""

    steps: Steps
    terms: Terms
    engine: Engine
    listener: Listener
    stop: Stop
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    bad: set[str] = field(default_factory=set)
    done: list[Host] = field(default_factory=list)

    async def wave(self, hosts: Sequence[Host], name: str) -> None:
        """Look at the hosts before once more, then walk these, or say that they were not reached."""
        if self.done and not self.stop.why:
            await self._look_again()
        if not self.stop.why:
            if name:
                self.listener.said(f"{name}: {_count(len(hosts))}")
            await self._walk(hosts, self.steps.walk, end=self._count)
        else:
            for host in hosts:
                self._end(fleet.not_started(host, self.stop), None)
        self.done += hosts

    async def _look_again(self) -> None:
        """Ask again what visitors of the hosts before were answered: a site may break after its walk."""
        again = [host for host in self.done if _worked(self.outcomes[host.name])]
        if again:
            self.listener.said(f"probing {_count(len(again))} again")
            await self._follow(again, self.steps.again, seen_again, end=self._count)

    async def take_back(self, hosts: Sequence[Host], why: str) -> None:
        """Take back every host that this run put another release on."""
        changed = [host for host in hosts if self.outcomes[host.name].replaced]
        if changed and self.steps.back:
            self.listener.said(f"taking back {_count(len(changed))}: {why}")

            def judge(before: Outcome, back: Outcome) -> Outcome:
                return taken_back(before, back, why)

            await self._follow(changed, self.steps.back, judge, end=self._end)

    async def _follow(self, hosts: Sequence[Host], follow: Follow, judge: Judge, *, end: End) -> None:
        before = {host.name: self.outcomes[host.name] for host in hosts}

        def judged(outcome: Outcome, error: BaseException | None) -> None:
            end(judge(before[outcome.host], outcome), error)

        await self._walk(hosts, Following(follow, before), end=judged)

    async def _walk(self, hosts: Sequence[Host], walk: Walk, *, end: End) -> None:
        await self.engine(hosts, walk, listener=_Ear(self.listener, end), stop=self.stop)

    def _end(self, outcome: Outcome, error: BaseException | None) -> None:
        self.outcomes[outcome.host] = outcome
        self.listener.ended(outcome, error)

    def _count(self, outcome: Outcome, error: BaseException | None) -> None:
        """Take an outcome, and stop where it is one failed host too many."""
        self._end(outcome, error)
        if outcome.state.exit_code in (0, INTERRUPTED_EXIT_CODE):
            return
        self.bad.add(outcome.host)
        limit = self.terms.max_fail
        if limit is not None and len(self.bad) > limit:
            self.stop.ask(f"{len(self.bad)} hosts failed" if limit else f"{outcome.host} failed")


@dataclass(frozen=True)
class _Ear:
    """Hears an engine: what it says of a host's end is not yet how the host ends."""

    listener: fleet.Listener
    end: End

    def entered(self, host: str, phase: Phase, note: str) -> None:
        self.listener.entered(host, phase, note)

    def ended(self, outcome: Outcome, error: BaseException | None) -> None:
        self.end(outcome, error)

    def stopping(self, *, cancelled: bool) -> None:
        self.listener.stopping(cancelled=cancelled)


def _worked(outcome: Outcome) -> bool:
    passed = any(probe.verdict == Verdict.PASSED for probe in outcome.probes)
    return outcome.state.switched and (passed or outcome.state == State.UNCONFIRMED)


def seen_again(before: Outcome, again: Outcome) -> Outcome:
    """Judge a host by what its visitors get now; who cannot be asked, or has gone back, has failed, too."""
    if again.state.exit_code == INTERRUPTED_EXIT_CODE:
        return before
    if again.state.exit_code:
        message = f"it was changed, and could not be probed again before the next wave: {again.message}"
        return replace(before, state=again.state, phase=again.phase, message=message,
                       said=again.said, next_step=again.next_step)  # fmt: skip
    if before.replaced and again.linked == before.replaced:
        message = f"it has gone back to {again.linked}: not confirmed in time, or rolled back by hand"
        return replace(before, state=State.REVERTED, message=message, serving=again.linked, replaced="",
                       changes=(), probes=again.probes)  # fmt: skip
    broken = [f"probe {probe.url}: {probe.said}" for probe in again.probes if probe.verdict == Verdict.FAILED]
    if not broken:
        return before
    now = {probe.key: probe for probe in again.probes}
    told = [f"what worked after the switch no longer works: {'; '.join(broken)}", before.message]
    return replace(
        before,
        state=State.BROKEN,
        phase=Phase.PROBE,
        message="; ".join(filter(None, told)),
        probes=tuple(now.get(probe.key, probe) for probe in before.probes),
    )


def taken_back(before: Outcome, back: Outcome, why: str) -> Outcome:
    """Say of a host that was changed what became of it when the run stopped because of `why`."""
    if back.state.exit_code:
        message = f"not taken back to {before.replaced}: {back.message}"
        return replace(back, message=message, serving=back.serving or before.serving,
                       replaced=before.replaced, seconds=before.seconds + back.seconds)  # fmt: skip
    return replace(
        before,
        state=State.TAKEN_BACK,
        phase=back.phase,
        message=f"taken back: {why}" if before.state.exit_code == 0 else f"{before.message}; taken back",
        serving=back.serving,
        replaced="",
        changes=(),
        probes=back.probes,
        warnings=(*before.warnings, *back.warnings),
        seconds=before.seconds + back.seconds,
    )


def _count(hosts: int) -> str:
    return "1 host" if hosts == 1 else f"{hosts} hosts"
