"""The commands about how hosts stand: certs, status."""

import typer

from deployer.cli.answer import Answer
from deployer.cli.command import takes
from deployer.cli.loading import select
from deployer.cli.options import Certs
from deployer.cli.walks import answer_of, walk, with_exit_code
from deployer.report import certificates

SOMETHING_ENDS = 3


def register(app: typer.Typer) -> None:
    """Give `app` the commands of this module."""
    takes(app, "certs", Certs)(certs)


def certs(options: Certs) -> Answer:
    """Show the certificate of every site: names, issuer, days left, and whether file and wire agree."""
    from deployer import deploy  # late: starts fast

    outcomes = walk("certs", select(options), options, deploy.certificates)
    answer = answer_of("certs", outcomes, certificates.certified)
    alarm = options.max_days is not None and certificates.alarming(outcomes, max_days=options.max_days)
    return with_exit_code(answer, SOMETHING_ENDS) if alarm and answer.exit_code == 0 else answer
