"""What to say when the `demo` extra is not installed."""

from __future__ import annotations

from brain.core.errors import ExtraNotInstalled


def extra_missing(package: str) -> ExtraNotInstalled:
    """The error to raise when `package`, a part of the `demo` extra, cannot be imported."""
    return ExtraNotInstalled(
        "demo data",
        found=f"no package {package!r}",
        expected="the `demo` extra",
        remedy="Run `uv pip install -e '.[demo]'` in the checkout (`pip install -e '.[demo]'` works too).",
    )
