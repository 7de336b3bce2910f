"""Numbers without their last digits, which differ between processors, where a choice hangs on them."""

from __future__ import annotations


def rounded(value: float) -> float:
    """`value` to seven digits: compared so, two numbers that differ by rounding errors only are a tie."""
    return float(f"{value:.6e}")
