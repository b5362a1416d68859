"""What it means when no answer came."""

import ssl
from collections.abc import Iterator

import h11
from websockets.exceptions import InvalidHandshake, InvalidMessage

from deployer.probes.answer import Answer, failed

EXPECTED = (OSError, EOFError, TimeoutError, h11.ProtocolError, InvalidHandshake)
"""What the clients raise for reasons that lie outside; anything else is a bug of ours."""

_CLOSED = (
    EOFError,
    ConnectionError,
    ssl.SSLEOFError,
    InvalidMessage,
    h11.RemoteProtocolError,
)


def explain(error: BaseException, deadline: float) -> Answer:
    """Say in words why there was no answer; only the network's own faults are worth asking again."""
    for cause in _chain(error):
        match cause:
            case ssl.SSLCertVerificationError():
                return failed(f"the certificate is not trusted: {cause.verify_message}")
            case ssl.SSLError() if not isinstance(cause, _CLOSED):
                return failed(_tls_words(cause))
            case ConnectionRefusedError():
                return failed("nothing listens there: connection refused", again=True)
            case TimeoutError():
                return failed(f"no answer within {deadline:g} s", again=True)
    return _closed_or_garbled(error)


def _closed_or_garbled(error: BaseException) -> Answer:
    if any(isinstance(cause, _CLOSED) for cause in _chain(error)):
        return failed("the connection was closed without an answer", again=True)
    if isinstance(error, InvalidHandshake):
        return failed(f"not a WebSocket handshake: {error}")
    return failed(f"no connection: {error or type(error).__name__}", again=True)


def _tls_words(error: ssl.SSLError) -> str:
    reason = error.reason or str(error)
    if "UNRECOGNIZED_NAME" in reason:
        return "nginx has no TLS site of this name"
    return f"the TLS handshake failed: {reason.replace('_', ' ').lower()}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Libraries wrap what happened; walk to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
