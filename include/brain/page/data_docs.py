"""The pages of the quality gate, read from the lake by their address below the folder of the Data Docs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from brain.core.errors import LakeError
from brain.core.moment import Moment
from brain.lake.snapshot import folder_name
from brain.quality.docs import FOLDER

if TYPE_CHECKING:
    from datetime import datetime

    from brain.lake.lake import Lake

# A moment's folder and a page in it, as they are written: no address leads out of the folder.
_ADDRESS = re.compile(r"(?:\d{8}T\d{6}Z/)?[^/\\\0]{1,255}\.html")


def read_page(lake: Lake, address: str) -> bytes | None:
    """A page, or None where there is none of that address.

    Raises:
        StorageUnavailable: The lake cannot be read just now.
    """
    if not _ADDRESS.fullmatch(address) or ".." in address.split("/"):
        return None
    try:
        return lake.storage.read(f"{FOLDER}/{address}")
    except (FileNotFoundError, LakeError):
        return None


def address_of(use_case: str, subject: str, at: datetime) -> str:
    """Of the page about a subject's result, as a browser asks for it."""
    name = f"{folder_name(use_case)}.{folder_name(subject)}.html"
    return f"{Moment(at).slug}/{quote(name)}"
