"""The commands about how hosts stand: certs, status."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.cli.answer import Answer
from deployer.cli.loading import certificates_to_trust, check_certificates, select, unseal_authorities
from deployer.cli.options import Certs, Walking
from deployer.cli.origin import who
from deployer.cli.walks import answer_of, walk, with_exit_code
from deployer.errors import UsageError
from deployer.outcome import Outcome
from deployer.report import certificates
from deployer.report.standing import standing

if TYPE_CHECKING:
    from deployer.model.host import Host

SOMETHING_ENDS = 3


def certs(options: Certs) -> Answer:
    """Show the certificate of every site: names, issuer, days left, and whether file and wire agree."""
    if options.renew or options.rotate_ca:
        answer, outcomes = _renewed(options)
    else:
        from deployer import deploy  # late: starts fast

        outcomes = walk("certs", select(options), options, deploy.certificates)
        answer = answer_of("certs", outcomes, certificates.certified)
    alarm = options.max_days is not None and certificates.alarming(outcomes, max_days=options.max_days)
    return with_exit_code(answer, SOMETHING_ENDS) if alarm and answer.exit_code == 0 else answer


def status(options: Walking) -> Answer:
    """Show how hosts stand: release, drift, certificates, workers and their connections."""
    from deployer import deploy  # late: starts fast

    return answer_of("status", walk("status", select(options), options, deploy.status), standing)


def _renewed(options: Certs) -> tuple[Answer, Sequence[Outcome]]:
    from deployer import deploy  # late: starts fast

    hosts = select(options)
    unseal_authorities(hosts)
    warnings = check_certificates(hosts)
    rotated = _rotated(hosts) if options.rotate_ca else ()
    wanted = deploy.RenewOptions(force=options.renew, who=who())
    outcomes = walk("certs", hosts, options, lambda host, watch: deploy.renew(host, wanted, watch))
    answer = answer_of("certs", outcomes, certificates.renewed, warnings)
    notices = [
        f"visitors have to trust {path}; until the CA before ends, that one will do" for path in rotated
    ]
    told = {**answer.document, "trust": list(certificates_to_trust(hosts))}
    return replace(answer, document=told, text=[*answer.text, *notices]), outcomes


def _rotated(hosts: "Sequence[Host]") -> tuple[Path, ...]:
    from deployer import certs  # late: starts fast

    if not any(site.tls and site.tls.local_ca for host in hosts for site in host.sites):
        raise UsageError("no site of these hosts has a certificate of a local CA")
    return certs.rotate_all(hosts, datetime.now(UTC))
