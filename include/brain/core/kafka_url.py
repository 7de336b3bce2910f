"""Where a broker is and who asks it: one URL, so that the password can stand in one file.

``kafka://user:password@host:9092,other:9092/?mechanism=PLAIN`` in the clear, ``kafka+tls://…?ca=/run/secrets/ca.pem``
encrypted. Without a user nobody logs in.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMES = {"kafka": "PLAINTEXT", "kafka+tls": "SSL"}
MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")
FILES = {"ca": "ssl.ca.location", "certificate": "ssl.certificate.location", "key": "ssl.key.location"}
_SERVER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]+):[0-9]{1,5}")


def servers_of(url: str) -> str:
    """Hosts and ports of a URL, for people and for the client; never the password."""
    return urlsplit(url).netloc.rpartition("@")[2]


def client_settings(url: str) -> dict[str, str]:
    """The settings of librdkafka that a URL stands for.

    Raises:
        ValueError: It is no such URL; the message holds no part of it that may be secret.
    """
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise ValueError("not a URL such as kafka+tls://user:password@host:9093") from None
    login, _, servers = parts.netloc.rpartition("@")
    if parts.scheme not in SCHEMES or not servers or not all(map(_SERVER.fullmatch, servers.split(","))):
        raise ValueError(
            "not a URL such as kafka://host:9092,other:9092 or kafka+tls://user:password@host:9093; in a password,"
            " @ is written %40, / is written %2F and : is written %3A"
        )
    if parts.path not in ("", "/") or parts.fragment:
        raise ValueError("a path: topics are named in the catalogue")
    return {"bootstrap.servers": servers, **_secured(SCHEMES[parts.scheme], login, options)}


def _secured(protocol: str, login: str, options: Mapping[str, str]) -> dict[str, str]:
    known = {"mechanism", *FILES}
    if unknown := sorted(options.keys() - known):
        raise ValueError(f"the unknown options {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    files = {FILES[name]: value for name, value in options.items() if name in FILES}
    if files and protocol != "SSL":
        raise ValueError("a certificate without encryption; with it the URL begins with kafka+tls://")
    user, _, password = login.partition(":")
    if not user:
        if "mechanism" in options:
            raise ValueError("a mechanism to log in with, and no user")
        return {"security.protocol": protocol, **files}
    mechanism = options.get("mechanism", MECHANISMS[0])
    if mechanism not in MECHANISMS:
        raise ValueError(f"the unknown mechanism {mechanism!r}; there are {', '.join(MECHANISMS)}")
    login_settings = {"sasl.mechanism": mechanism, "sasl.username": unquote(user), "sasl.password": unquote(password)}
    return {"security.protocol": f"SASL_{protocol}", **login_settings, **files}
