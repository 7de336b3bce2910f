"""A database that does not let us in: what its driver says, in our words and without secrets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from brain.core.errors import CredentialsRejected, ServerNotTrusted, ServerUnreachable

if TYPE_CHECKING:
    from sqlalchemy import URL

_LOGIN = re.compile(
    r"authentication failed|no password supplied|role .* does not exist|no pg_hba.conf entry"
    r"|Access denied|login failed",
    re.IGNORECASE,
)
_CUT = re.compile(r"closed unexpectedly|SYSCALL error|EOF|connection reset|timed out", re.IGNORECASE)
_TLS = re.compile(r"certificate|\bSSL\b|\bTLS\b", re.IGNORECASE)


def server_of(url: URL) -> str:
    """Host, port and database of a URL, as far as it names them."""
    host = f"{url.host}{f':{url.port}' if url.port else ''}" if url.host else ""
    return "/".join(filter(None, [host, url.database])) or url.drivername


def said_by(error: Exception) -> str:
    """What the driver said, without what SQLAlchemy adds."""
    return str(getattr(error, "orig", None) or error).strip()


def reason_of(error: Exception, url: URL) -> str:
    """The first line of what the driver said, never with the URL's password."""
    lines = said_by(error).splitlines()
    reason = lines[0] if lines else type(error).__name__
    return reason.replace(str(url.password), "***") if url.password else reason


def refusal(error: Exception, url: URL, setting: str) -> CredentialsRejected | ServerNotTrusted | ServerUnreachable:
    """The error for a connection that could not be made or was cut.

    Args:
        setting: Where the URL comes from, for the remedy.
    """
    reason = reason_of(error, url)
    if _LOGIN.search(said_by(error)):
        return CredentialsRejected(
            server_of(url),
            found=f"a login refused for user {url.username!r} ({reason})",
            expected="a user and password that the server accepts",
            remedy=f"Correct them in {setting}.",
        )
    if concerns_tls(reason):
        return not_trusted(server_of(url), reason, setting)
    return ServerUnreachable(
        server_of(url),
        found=reason,
        expected=f"a database that answers user {url.username!r}",
        remedy=f"Start the server (`brain up` for the embedded one) or correct {setting}; a retry may help.",
    )


def concerns_tls(told: str) -> bool:
    """Whether a driver speaks of a certificate or of encryption, and not of a connection that was cut."""
    return bool(_TLS.search(told)) and not _CUT.search(told)


def not_trusted(server: str, found: str, setting: str) -> ServerNotTrusted:
    """The error for a server that is not, or cannot show to be, the one that is meant."""
    return ServerNotTrusted(
        server,
        found=found,
        expected="an encrypted connection to a server whose certificate the given authority has signed for this name",
        remedy=f"Correct the authority, the host or the mode in {setting}, or the server's certificate;"
        " docs/deployment.md says how.",
    )
