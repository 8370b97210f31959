"""Pictures of what goes on inside a model: feature maps, activations and gradients."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from augpipe.train.atomic import replacing
from augpipe.train.attack import Loss
from augpipe.train.hooks import Observed, find_layers, observe, statistics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_ROWS, _COLUMNS = 3, 8
_FORWARD, _BACKWARD = "#0072B2", "#D55E00"  # of Okabe and Ito's palette, as in `curves`


def inspect(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    loss: Loss,
    patterns: Sequence[str],
    folder: Path,
) -> list[Path]:
    """Draw a figure for each layer, and one of all layers' gradients; the model stays as it was.

    Args:
        model: of images to logits.
        images: (B, 3, H, W) float32 on the model's device; the first one's feature maps are shown.
        labels: whatever `loss` takes.
        loss: whose gradients are shown.
        patterns: which layers, see `hooks.find_layers`.
        folder: where `LAYER.png` and `gradients.png` are written; made if need be.

    Raises:
        RecipeError: a pattern names no layer.
    """
    observed = observe(model, images, labels, loss, find_layers(model, patterns))
    folder.mkdir(parents=True, exist_ok=True)
    figures = {name: _layer_figure(name, images[0], observed) for name in observed.outputs}
    figures["gradients"] = _norms_figure(observed.norms)
    for name, figure in figures.items():
        with replacing(folder / f"{name}.png") as file:
            figure.savefig(file, format="png")
    return [folder / f"{name}.png" for name in figures]


def _layer_figure(name: str, image: Tensor, observed: Observed) -> Figure:
    """One layer: the first sample's maps above, the whole batch's numbers below."""
    output, gradient = observed.outputs[name], observed.gradients[name]
    numbers = statistics(output)
    with_maps = output.ndim == 4
    figure = _figure(12, 8 if with_maps else 4)
    figure.suptitle(
        f"{name}   {tuple(output.shape)}   mean {numbers.mean:.3g}   std {numbers.std:.3g}   "
        f"zeros {numbers.zeros:.1%}   dead channels {numbers.dead:.1%}",
        fontweight="bold",
    )
    heights = [5, 3] if with_maps else [3]
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)
    if with_maps:
        _draw_maps(parts[0, 0], image, output[0])
    values, channels, slopes = parts[-1, 0].subplots(1, 3)
    _draw_histogram(values, "activations", output, _FORWARD)
    _draw_channels(channels, output)
    _draw_histogram(slopes, "gradients of the loss", gradient, _BACKWARD)
    return figure


def _draw_maps(figure: SubFigure, image: Tensor, maps: Tensor) -> None:
    """The picture, and the maps that vary most over it, each in its own range of grey."""
    strongest = maps.flatten(1).std(1, correction=0).argsort(descending=True)
    shown = [int(channel) for channel in strongest[: _ROWS * _COLUMNS - 1]]
    panels = list(figure.subplots(_ROWS, _COLUMNS).flat)
    for panel in panels:
        panel.set_axis_off()
    panels[0].imshow(_stretched(image.permute(1, 2, 0)))
    panels[0].set_title("picture", fontsize=8)
    for panel, channel in zip(panels[1:], shown, strict=False):
        panel.imshow(_stretched(maps[channel]), cmap="gray", interpolation="nearest")
        panel.set_title(f"channel {channel}", fontsize=8)


def _draw_histogram(axes: Axes, title: str, values: Tensor, color: str) -> None:
    axes.hist(_array(values).ravel(), bins=60, color=color)
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.7)  # so that a single value has a bar
    axes.set_ylabel("values")
    axes.ticklabel_format(axis="x", scilimits=(-3, 4))
    _finish(axes, title)


def _draw_channels(axes: Axes, output: Tensor) -> None:
    """Mean and deviation of every channel over batch and places."""
    values = _array(output.transpose(0, 1).flatten(1))
    mean, std = values.mean(1), values.std(1)
    channels = np.arange(len(mean))
    axes.fill_between(channels, mean - std, mean + std, color=_FORWARD, alpha=0.25, step="mid")
    axes.step(channels, mean, where="mid", color=_FORWARD)
    axes.set_xlabel("channel")
    axes.locator_params(axis="x", integer=True)
    _finish(axes, "mean ± std of each channel")


def _norms_figure(norms: dict[str, float]) -> Figure:
    """A bar for each layer, the first layer on top; zeros have none."""
    figure = _figure(9, 1.2 + 0.22 * len(norms))
    axes = figure.subplots()
    axes.barh(range(len(norms)), list(norms.values()), color=_BACKWARD)
    axes.set_yticks(range(len(norms)), [name or "(model)" for name in norms], fontsize=8)
    axes.invert_yaxis()
    axes.margins(y=0.01)
    if any(norms.values()):
        axes.set_xscale("log")
    _finish(axes, "L2 norm of the gradients of each layer's parameters")
    return figure


def _figure(width: float, height: float) -> Figure:
    # Imported here because matplotlib takes longer to import than all of augpipe.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=120, layout="constrained")


def _finish(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontweight="bold", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)


def _stretched(values: Tensor) -> NDArray[np.float32]:
    """Stretched to [0, 1]; what is the same everywhere becomes 0."""
    array = _array(values - values.min())
    return array / np.float32(array.max() or 1)


def _array(values: Tensor) -> NDArray[np.float32]:
    return np.asarray(values.detach().float().cpu().numpy(), np.float32)
