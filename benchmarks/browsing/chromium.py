"""A headless Chromium of this machine, driven by Playwright; which of the two is missing is said."""

from __future__ import annotations

import importlib.util
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = ("chromium", "chromium-browser", "google-chrome")


def missing() -> str:
    """Why there is no browser here; empty where there is one."""
    if importlib.util.find_spec("playwright") is None:
        return "Playwright is not installed: `make setup`"
    return "" if _program() else "no Chromium on PATH: `apt-get install chromium`"


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser of Playwright's."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        # The sandbox needs rights that root in a container does not have; the pages are our own.
        browser = driver.chromium.launch(executable_path=_program(), args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def _program() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)
