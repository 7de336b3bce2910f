"""The reliability of the ledger's hindcast rows, as the view of that name shows it.

``python -m benchmarks.grid.ledger_picture`` draws docs/ledger-reliability.svg from the present warehouse.
"""

from __future__ import annotations

from pathlib import Path

from brain.core.settings import Settings
from brain.warehouse.read import ask, reader_url

PLOT = Path(__file__).parents[2] / "docs" / "ledger-reliability.svg"
POOLS = "SELECT low, high, said, came_true, forecasts FROM reliability WHERE hindcast AND horizon IS NULL ORDER BY low"


def draw(plot: Path) -> None:
    """Plot the pools: a step as wide as what was said in it, as high as the share that came true."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    mpl.rcParams["svg.hashsalt"] = "ledger"
    figure, axes = pyplot.subplots(figsize=(6, 4.5))
    axes.plot([0.2, 1], [0.2, 1], color="0.7", linewidth=1, label="what is said comes true")
    for low, high, said, came_true, forecasts in ask(reader_url(Settings.load()), POOLS).rows:
        axes.plot([low, high], [came_true, came_true], color="tab:blue")
        axes.scatter([said], [came_true], s=4 + forecasts / 2, color="tab:blue", alpha=0.6)
    axes.set(xlabel="probability said", ylabel="share that came true", title="Hindcast of the demo, pooled")
    axes.legend()
    figure.tight_layout()
    figure.savefig(plot, metadata={"Date": None})


if __name__ == "__main__":
    draw(PLOT)
