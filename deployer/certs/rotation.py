"""Another local CA in place of one that visitors trust, without a day on which they trust nothing.

The old CA vouches for the new one: its signature over the new CA's key (`ca-cross.pem`) goes along with each
leaf. Who trusts the new CA needs no more than the leaf; who trusts the old one alone gets to it over that
signature (RFC 5280; RFC 4210, 4.4 calls it "NewWithOld"). So visitors can learn of the new CA
at any time until the old one ends.
"""

from datetime import datetime
from pathlib import Path

from cryptography import x509

from deployer.certs import ca_folder
from deployer.certs.issue import Authority, cross_sign, successor
from deployer.certs.pem import chain_pem
from deployer.certs.source import refusal


def rotate(folder: Path, now: datetime) -> x509.Certificate:
    """Make a new CA in `folder` that the one before vouches for; return its certificate.

    Raises:
        CertificateError: There is none to take over from, its key is not at hand, the last rotation is not
            over yet, or the folder cannot be written.
    """
    with ca_folder.locked(folder):
        old = ca_folder.load(folder)
        if old is None:
            raise refusal(f"there is no CA in {folder} yet: the first apply makes it", path="directory")
        _require_end_of_last(folder, old, now=now)
        new = successor(old, now)
        # What is written before the key changes nothing: a cross certificate counts with its own key only.
        ca_folder.write(folder / ca_folder.PREVIOUS, chain_pem((old.certificate,)))
        if old.certificate.not_valid_after_utc > now:
            ca_folder.write(folder / ca_folder.CROSS, chain_pem((cross_sign(new, old, now),)))
        ca_folder.write(folder / ca_folder.NEXT, chain_pem((new.certificate,)))
        ca_folder.write_key(folder, new)
        (folder / ca_folder.NEXT).replace(folder / ca_folder.CERTIFICATE)
        return new.certificate


def _require_end_of_last(folder: Path, old: Authority, *, now: datetime) -> None:
    """Only one CA can vouch for the next: who trusts the one before the last would be cut off."""
    if old.cross and old.cross.not_valid_after_utc > now:
        raise refusal(
            f"the CA in {folder} took over on {old.certificate.not_valid_before_utc.date()}, and visitors may"
            " trust only the one before still",
            path="directory",
            suggestion=f"when all of them trust {ca_folder.CERTIFICATE}, take {ca_folder.PREVIOUS} and"
            f" {ca_folder.CROSS} away",
        )
