"""A run's metrics as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from augpipe.train.atomic import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's palette, which colour-blind readers can tell apart.
_COLORS = {
    "train": "#999999",
    "val": "#0072B2",
    "ema": "#D55E00",
    "swa": "#CC79A7",
    "attacked": "#000000",
    "lr": "#009E73",
}
_SCORED = ("train", "val", "ema", "swa", "attacked")

Rows = Sequence[dict[str, str]]


def draw(rows: Rows, path: Path) -> None:
    """Draw loss, accuracy and learning rate over epochs.

    Args:
        rows: at least one row of a run's metrics, as `RunDir.rows` returns them.
        path: the PNG file to replace.
    """
    # Imported here because matplotlib takes longer to import than all of augpipe.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.8), dpi=120, layout="constrained")
    loss, accuracy, lr = figure.subplots(1, 3)
    _panel(loss, "loss", rows, [f"{name}_loss" for name in _SCORED])
    _panel(accuracy, "accuracy in %", rows, [f"{name}_accuracy" for name in _SCORED], 100)
    _panel(lr, "learning rate", rows, ["lr"])
    if any(float(row["train_loss"]) > 0 for row in rows):
        loss.set_yscale("log")
    loss.yaxis.set_major_formatter("{x:g}")
    with replacing(path) as file:
        figure.savefig(file, format="png")


def _panel(axes: Axes, title: str, rows: Rows, columns: list[str], scale: float = 1) -> None:
    """One line for each column that the run has, named by what stands before its underscore."""
    epochs = [int(row["epoch"]) for row in rows]
    for column in columns:
        if column in rows[0]:
            name = column.split("_")[0]
            values = [scale * float(row[column]) for row in rows]
            axes.plot(epochs, values, color=_COLORS[name], label=name, marker="o", markersize=3)
    axes.set_title(title, loc="left", fontweight="bold")
    axes.set_xlabel("epoch")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.locator_params(axis="x", integer=True)
    if len(columns) > 1:
        axes.legend(frameon=False)
