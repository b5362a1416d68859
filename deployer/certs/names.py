"""Which names a certificate vouches for (RFC 6125, RFC 9525)."""

import ipaddress
from collections.abc import Sequence

from cryptography import x509


def certified_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the DNS names and IP addresses of the subject alternative name, in lower case.

    The common name does not count: no browser looks at it any more.
    """
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    names = (name.lower() for name in found.get_values_for_type(x509.DNSName))
    return (*names, *map(str, found.get_values_for_type(x509.IPAddress)))


def uncovered(certificate: x509.Certificate, wanted: Sequence[str]) -> tuple[str, ...]:
    """Return those of `wanted` that `certificate` does not vouch for."""
    certified = certified_names(certificate)
    return tuple(name for name in wanted if not any(_covers(pattern, name.lower()) for pattern in certified))


def _covers(pattern: str, name: str) -> bool:
    """`*` stands for exactly one whole label, the leftmost."""
    if pattern == name:
        return True
    first, _, rest = pattern.partition(".")
    return first == "*" and "." in rest and not name.startswith("*.") and name.partition(".")[2] == rest


def alternative_name(server_names: Sequence[str]) -> x509.SubjectAlternativeName:
    """Build the extension that vouches for `server_names`, in their order."""
    return x509.SubjectAlternativeName([_general_name(name.lower()) for name in server_names])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def title(certificate: x509.Certificate) -> str:
    """Name a certificate for people: its first name, else its subject."""
    names = certified_names(certificate)
    return names[0] if names else common_name(certificate.subject)


def common_name(name: x509.Name) -> str:
    """Return the last common name in `name`, else all of it."""
    found = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(found[-1].value) if found else name.rfc4514_string()
