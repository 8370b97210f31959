"""Domain transfer: pictures that look as if they came from somewhere else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, PrivateAttr, model_validator

from augpipe.errors import within
from augpipe.ops.base import Op, between, register
from augpipe.plan import Floats, Kernel, Params
from augpipe.references import find_references
from augpipe.schema import FractionRange, Probability, ordered

_IMPORTABLE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def _as_list(value: Any) -> Any:
    return [str(value)] if isinstance(value, str | Path) else value


_Listed = BeforeValidator(
    _as_list, json_schema_input_type=str | Annotated[list[str], Field(min_length=1)]
)
Places = Annotated[tuple[str, ...], Field(min_length=1), _Listed]
_Beta = Annotated[float, Field(ge=0, le=0.5)]
BetaRange = Annotated[tuple[_Beta, _Beta], AfterValidator(ordered)]


class FromReference(Op):
    """Abstract: takes something over from one of many reference pictures.

    Attributes:
        reference: folders, below which all pictures count, and pictures' files.
    """

    reference: Places

    _files: tuple[str, ...] = PrivateAttr()

    @model_validator(mode="after")
    def _find_files(self) -> Self:
        with within(f"{self.name()}.reference"):
            self._files = find_references(self.reference)
        return self

    def _draw_reference(self, u: Floats) -> NDArray[np.str_]:
        """(B,) paths from (B,) uniforms, each as likely as the others."""
        return np.array([self._files[int(part * len(self._files))] for part in u], dtype=np.str_)


@register
class HistogramMatching(FromReference):
    """Give each channel the histogram of a reference picture. albumentations' HistogramMatching.

    Each level becomes the level at the same quantile of the reference, linear between the levels
    that occur there, as scikit-image's `match_histograms` has it (Gonzalez & Woods, "Digital Image
    Processing", 3.3.2), and is then blended with the original.

    Deviations: rounded once, after blending; scikit-image cuts the fraction off, before.

    Attributes:
        reference: a folder, below which all pictures count, or a picture's file, or a list of
            these. Relative paths start at the working directory. The record names the picture.
        blend_ratio: range of the result's share; 0 is the original.
        p: probability of acting.
    """

    blend_ratio: FractionRange = (0.5, 1.0)
    p: Probability = 0.5
    draws = 2
    identity: ClassVar = {"reference": "", "blend_ratio": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """A reference, and the result's share."""
        blend = between(u[:, 1], self.blend_ratio)
        return {"reference": self._draw_reference(u[:, 0]), "blend_ratio": blend}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """The table depends on the picture's own histogram."""
        return Kernel("histogram_matching", params)


@register
class FourierDomainAdaptation(FromReference):
    """Take the low frequencies' amplitudes over from a reference picture, and keep the phases.

    Yang & Soatto, "FDA: Fourier Domain Adaptation for Semantic Segmentation" (CVPR 2020),
    equation 3, with the window of the paper's code: the frequencies (y, x) with |y|, |x| <= b and
    b = floor(beta min(height, width)), the mean brightness among them. The reference is resized to
    the picture's size. albumentations' FDA, whose window is a frequency narrower at one end.

    Attributes:
        reference: a folder, below which all pictures count, or a picture's file, or a list of
            these. Relative paths start at the working directory. The record names the picture.
        beta_limit: range of beta, 0 to 0.5; 0 itself is the original. From about 0.02 on, patches
            of the reference's colours show; the paper trains with 0.01 to 0.09.
        p: probability of acting.
    """

    beta_limit: BetaRange = (0.0, 0.1)
    p: Probability = 0.5
    draws = 2
    identity: ClassVar = {"reference": "", "beta": 0.0}

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """A reference, and beta."""
        beta = between(u[:, 1], self.beta_limit)
        return {"reference": self._draw_reference(u[:, 0]), "beta": beta}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """The window's half-size b, -1 for none, and the largest that there can be."""
        side, beta = size.min(axis=1), params["beta"]
        half = np.where(beta > 0, np.floor(beta * side), -1).astype(np.int64)
        reach = np.floor(self.beta_limit[1] * side).astype(np.int64)
        values = {"reference": params["reference"], "half": half, "reach": reach}
        return Kernel("fourier_domain_adaptation", values)


@register
class Generator(Op):
    """Send pictures through an image-to-image model, such as a GAN's generator, on the device.

    For the `batch` part of a pipeline alone. The model is given float32 pictures (B, 3, H, W) and
    must return as many of the same size and range; it runs in evaluation mode, without gradients
    or autocast, in float32, on the pictures where `p` hits. Boxes, masks and keypoints stay as
    they are: the model must leave every object in its place. It must draw no random numbers.

    It is your code: a recipe that names a model runs it, as an import does. Files are never
    unpickled: weights are read as plain tensors, and of `torch.export`'s .pt2 files, whose reader
    unpickles, none is taken.

    Attributes:
        model: a TorchScript file, or `package.module:Name`, the class of an importable
            `torch.nn.Module`. Relative paths start at the working directory.
        weights: a file with the state dictionary of an importable module.
        kwargs: what the class is called with.
        scale: what the model takes and returns: "unit" is 0 to 1, "signed" is -1 to 1.
        blend_ratio: range of the result's share; 0 is the original, and the model does not run.
        p: probability of acting.
    """

    model: str
    weights: str | None = None
    kwargs: dict[str, JsonValue] = {}
    scale: Literal["unit", "signed"] = "unit"
    blend_ratio: FractionRange = (1.0, 1.0)
    p: Probability = 1.0
    draws = 1
    identity: ClassVar = {"blend_ratio": 0.0}

    @model_validator(mode="after")
    def _can_be_loaded(self) -> Self:
        importable = self._importable
        if self.model.endswith(".pt2"):
            raise ValueError("model is a .pt2 file, whose reader unpickles; save TorchScript")
        if not importable and not Path(self.model).expanduser().is_file():
            raise ValueError(f"model: no file {self.model!r}, nor written package.module:Name")
        if not importable and (self.weights is not None or self.kwargs):
            raise ValueError("weights and kwargs belong to an importable module, not to a file")
        if self.weights is not None and not Path(self.weights).expanduser().is_file():
            raise ValueError(f"weights: there is no file {self.weights!r}")
        return self

    @property
    def _importable(self) -> bool:
        return _IMPORTABLE.fullmatch(self.model) is not None

    def sample(self, u: Floats) -> dict[str, NDArray[Any]]:
        """The result's share."""
        return {"blend_ratio": between(u[:, 0], self.blend_ratio)}

    def lower(self, params: Params, size: NDArray[np.int64]) -> Kernel:
        """In plain values, so that any process can load the model once."""
        spec = {
            "model": self.model,
            "importable": self._importable,
            "weights": self.weights or "",
            "kwargs": json.dumps(self.kwargs, sort_keys=True),
            "signed": self.scale == "signed",
        }
        same = {name: np.full(len(size), value) for name, value in spec.items()}
        return Kernel("generator", {**same, **params})
