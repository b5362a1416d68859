"""What a deploy has made worse."""

from collections.abc import Sequence

from deployer.outcome import ProbeResult, Verdict


def regressions(before: Sequence[ProbeResult], after: Sequence[ProbeResult]) -> tuple[ProbeResult, ...]:
    """Return the failures of `after` that are new, in its order.

    A failure is new unless the same question failed before, too: what was asked for the first time has
    to work. What was broken before and is still broken is reported elsewhere, and no regression.
    """
    failing = {result.key for result in before if result.verdict is Verdict.FAILED}
    return tuple(result for result in after if result.verdict is Verdict.FAILED and result.key not in failing)
