"""A site: names, certificate, locations."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from deployer.model.location import Location
from deployer.model.tls import HstsSetting, Policy
from deployer.model.values import (
    DirectoryUrl,
    Email,
    Frozen,
    HeaderName,
    HeaderValue,
    Name,
    OneOrMore,
    Port,
    ServerName,
    Size,
)
from deployer.secret import Secret

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
LETS_ENCRYPT_STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"

_SOURCES = ("files", "local_ca", "self_signed", "acme")


class CertificatePair(Frozen):
    """A certificate chain and its key.

    Each value is the path of a PEM file on the controller, relative to the inventory, or the PEM text itself.
    """

    certificate: Annotated[str, Field(description="The chain in PEM, leaf first: a path or the text.")]
    key: Annotated[Secret, Field(description="The private key in PEM: a path or the text.")]


class CertificateFiles(CertificatePair):
    """A certificate that the operator has, and perhaps a second one with an RSA key for old clients."""

    rsa: Annotated[
        CertificatePair | None,
        Field(description="A certificate with an RSA key, beside one with an EC key, for old clients."),
    ] = None


class LocalCa(Frozen):
    """A certificate from a CA that the controller keeps, made on first use."""

    directory: Annotated[
        str | None, Field(description="Where the CA is kept; default: ~/.local/share/deployer/ca.")
    ] = None


class SelfSigned(Frozen):
    """A certificate that nobody vouches for."""


class Acme(Frozen):
    """A certificate by ACME (RFC 8555), issued to the host itself and renewed there by certbot's timer."""

    email: Annotated[Email, Field(description="The CA writes to this address.")]
    directory: Annotated[
        DirectoryUrl, Field(description="The CA's ACME directory; default: Let's Encrypt.")
    ] = LETS_ENCRYPT
    staging: Annotated[
        bool, Field(description="Let's Encrypt's staging CA: for trials, no browser trusts it.")
    ] = False
    ca_bundle: Annotated[
        str | None,
        Field(description="What the host trusts at the directory, for a private CA: a PEM file or the text."),
    ] = None
    trust: Annotated[
        str | None,
        Field(
            description="The root that visitors trust: a PEM file or the text. Default: the system's roots."
        ),
    ] = None
    key_type: Literal["ecdsa", "rsa"] = "ecdsa"

    @model_validator(mode="after")
    def _staging_is_a_directory(self) -> Self:
        if self.staging and self.directory != LETS_ENCRYPT:
            raise ValueError("staging is Let's Encrypt's staging directory; leave it out beside directory")
        return self

    @property
    def url(self) -> str:
        """The directory that is asked."""
        return LETS_ENCRYPT_STAGING if self.staging else self.directory


def _nothing_is_empty(value: object) -> object:
    """`local_ca:` with nothing behind it means `local_ca: {}`."""
    return {} if value is None else value


class Tls(Frozen):
    """Where a site's certificate comes from: exactly one source. What else holds for its TLS."""

    files: CertificateFiles | None = None
    local_ca: Annotated[LocalCa | None, BeforeValidator(_nothing_is_empty)] = None
    self_signed: Annotated[SelfSigned | None, BeforeValidator(_nothing_is_empty)] = None
    acme: Acme | None = None
    policy: Policy = "intermediate"
    hsts: HstsSetting = None
    client_ca: Annotated[
        str | None,
        Field(
            description="CAs in PEM, a path or the text: only visitors with a certificate of theirs come in."
        ),
    ] = None

    @property
    def hsts_header(self) -> str:
        """The value of Strict-Transport-Security, empty where the header is not sent."""
        return self.hsts.header if self.hsts else ""

    @model_validator(mode="after")
    def _exactly_one_source(self) -> Self:
        sources = [name for name in _SOURCES if getattr(self, name) is not None]
        if len(sources) != 1:
            found = " and ".join(sources) or "none"
            raise ValueError(f"tls has exactly one of {', '.join(_SOURCES)}; this one has {found}")
        return self


class Site(Frozen):
    """One site: one set of names, one certificate, some locations."""

    name: Annotated[Name, Field(description="Names the site's files and certificate on the host.")]
    server_names: Annotated[tuple[ServerName, ...], OneOrMore, Field(min_length=1)]
    tls: Annotated[Tls | None, Field(description="Absent: plain HTTP.")] = None
    http_port: Port = 80
    https_port: Port = 443
    redirect_http: Annotated[bool, Field(description="With TLS, send visitors of plain HTTP to HTTPS.")] = (
        True
    )
    http2: bool = True
    http3: Annotated[
        bool, Field(description="With TLS, HTTP/3 too; needs an nginx with it, and UDP let in.")
    ] = False
    max_body_size: Size = "1m"
    headers: Annotated[
        dict[HeaderName, HeaderValue],
        Field(
            description="Response headers of every location; an empty value takes one of the defaults away."
        ),
    ] = Field(default_factory=dict)
    raw: Annotated[str, Field(description="nginx directives, put into the server block as they are.")] = ""
    locations: Annotated[tuple[Location, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if self.http3 and self.tls is None:
            raise ValueError("http3 needs tls: there is no HTTP/3 without")
        if self.tls and self.tls.client_ca and not self.redirect_http:
            raise ValueError(
                "client_ca needs redirect_http: over plain HTTP nobody is asked for a certificate"
            )
        if self.tls and self.tls.hsts_header and "strict-transport-security" in map(str.lower, self.headers):
            raise ValueError("Strict-Transport-Security is in headers and in tls.hsts; one of them is enough")
        return self

    @model_validator(mode="after")
    def _no_path_twice(self) -> Self:
        seen: dict[tuple[str, bool, bool], int] = {}
        for index, location in enumerate(self.locations):
            key = (
                location.path.rstrip("/") if not location.regex else location.path,
                location.exact,
                location.regex,
            )
            if key in seen:
                raise ValueError(
                    f"path {location.path} of locations[{index}] is already taken by locations[{seen[key]}]"
                )
            seen[key] = index
        return self
