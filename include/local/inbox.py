"""A real SMTP server that keeps what it is handed, and the Airflow Connection that leads to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import unescape
from typing import Any

from aiosmtpd.controller import Controller

from local import ports

PLAIN = {"disable_ssl": True, "disable_tls": True}
ADDRESSES = {"from_email": "brain@example.com", "to": "team@example.com, boss@example.com"}


@dataclass
class Inbox:
    """What was mailed.

    Args:
        mails: Recipients and message of each mail.
    """

    port: int
    mails: list[tuple[list[str], EmailMessage]] = field(default_factory=list)

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self,
        server: Any,  # noqa: ARG002
        session: Any,  # noqa: ARG002
        envelope: Any,
    ) -> str:
        mail = message_from_bytes(envelope.content, policy=policy.default)
        self.mails.append((envelope.rcpt_tos, mail))
        return "250 OK"

    @property
    def connection(self) -> dict[str, Any]:
        """As Airflow's environment takes it."""
        return {"conn_type": "smtp", "host": "127.0.0.1", "port": self.port, "extra": {**PLAIN, **ADDRESSES}}


def html_of(mail: EmailMessage) -> str:
    """The body of a mail."""
    body = mail.get_body(("html",))
    assert body is not None
    return str(body.get_content())


def text_of(mail: EmailMessage) -> str:
    """The body of a mail without its markup, a paragraph a line."""
    return unescape(re.sub(r"<[^>]*>", "", re.sub(r"</(?:h\d|p)>", "\n", html_of(mail)))).strip()


def pictures_of(mail: EmailMessage) -> dict[str, bytes]:
    """The pictures that are attached to a mail, by the names of their files."""
    attached: list[Any] = list(mail.iter_attachments())
    return {str(one.get_filename()): one.get_content() for one in attached if str(one.get_filename()).endswith(".png")}


@contextmanager
def running_inbox() -> Iterator[Inbox]:
    """A server on a free port."""
    box = Inbox(ports.choose(2525))
    server = Controller(box, hostname="127.0.0.1", port=box.port)
    server.start()
    try:
        yield box
    finally:
        server.stop()
