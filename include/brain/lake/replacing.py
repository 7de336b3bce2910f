"""Replacing a file of a remote store only as it was seen: by a conditional write, where the store has it.

S3 and what speaks its protocol take a condition with a put (``If-Match`` with the version that was seen,
``If-None-Match`` for a file that was not there) and refuse it with 412, or with 409 where two puts meet. A store that
does not know conditions refuses with 501; one that ignores them is as safe as its lease.
"""

from __future__ import annotations

from typing import Any

Version = str | None  # None: there was no such file, or the store does not say

_REFUSED = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")
_UNKNOWN = ("NotImplemented", "501")


class Replaced(Exception):
    """The file is another one than was seen."""


class Unconditional:
    """Any store: the lease alone keeps writers apart."""

    conditional = False

    def __init__(self, fs: Any) -> None:
        self._fs = fs

    def version(self, path: str) -> Version:  # noqa: ARG002
        """What `put` has to be given to replace the file as it is now."""
        return None

    def put(self, path: str, content: bytes, version: Version) -> Version:  # noqa: ARG002
        """Replace the file.

        Returns:
            Its new version.

        Raises:
            Replaced: It is no longer the given version, and was left as it is.
        """
        self._fs.pipe_file(path, content)
        return None


class OnS3(Unconditional):
    """S3's protocol, where the version is the ETag of the object."""

    conditional = True

    def version(self, path: str) -> Version:
        try:
            return str(self._fs.info(path, refresh=True).get("ETag"))
        except FileNotFoundError:
            return None

    def put(self, path: str, content: bytes, version: Version) -> Version:
        if not self.conditional:
            return super().put(path, content, version)
        condition = {"mode": "create"} if version is None else {"IfMatch": version}
        try:
            answer = self._fs.pipe_file(path, content, **condition)
        except FileExistsError:
            raise Replaced from None
        except OSError as error:
            code = code_of(error)
            if code in _REFUSED:
                raise Replaced from None
            if code not in _UNKNOWN:
                raise
            self.conditional = False
            return super().put(path, content, version)
        return str(answer["ETag"])


def replacing_on(fs: Any) -> Unconditional:
    """How a file of this file system is replaced."""
    names = (fs.protocol,) if isinstance(fs.protocol, str) else fs.protocol
    return OnS3(fs) if "s3" in names else Unconditional(fs)


def code_of(error: OSError) -> str:
    """The code of the refusal in S3's answer; empty for an error of another kind."""
    answer: dict[str, Any] = getattr(error.__cause__, "response", None) or {}
    return str(answer.get("Error", {}).get("Code", ""))
