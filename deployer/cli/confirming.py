"""The command that keeps a release which was left unconfirmed."""

from deployer.cli.answer import Answer
from deployer.cli.loading import select
from deployer.cli.options import Walking
from deployer.cli.origin import who
from deployer.cli.walks import answer_of, walk
from deployer.report import text


def confirm(options: Walking) -> Answer:
    """Keep the releases that `apply --no-confirm` left unconfirmed."""
    from deployer import deploy  # late: starts fast

    wanted = deploy.ConfirmOptions(who=who())
    outcomes = walk(
        "confirm", select(options), options, lambda host, watch: deploy.confirm(host, wanted, watch)
    )
    return answer_of("confirm", outcomes, lambda done: text.applied(done, diff=False, verbose=False))
