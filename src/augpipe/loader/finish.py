"""What is done to a batch where the model is: the copy, and the ops that act on batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from augpipe.boxes import BoxFormat
from augpipe.data.sample import spatial_in
from augpipe.errors import RecipeError
from augpipe.execute import batch as executor
from augpipe.execute.torch.mix import mix_labels
from augpipe.loader.arena import Arena
from augpipe.loader.batch import Batch
from augpipe.loader.config import FloatType
from augpipe.loader.feed import LENT
from augpipe.loader.follow import follow
from augpipe.loader.mates import Mates
from augpipe.loader.slots import Slots
from augpipe.pipeline import Pipeline
from augpipe.plan import Plan
from augpipe.rows import moves_pixels


@dataclass(frozen=True)
class Form:
    """How pictures are handed over.

    Attributes:
        dtype: of normalised pixels; None for float32.
        memory_format: how they lie in memory; None for planes.
    """

    dtype: torch.dtype | None = None
    memory_format: torch.memory_format | None = None

    @classmethod
    def of(cls, pipeline: Pipeline, dtype: FloatType | None, channels_last: bool) -> Form:
        """That of a loader's settings.

        Raises:
            RecipeError: it would be nonsense for what the pipeline makes.
        """
        ops = (*pipeline.ops, *(pipeline.batch or ()))
        if dtype and not any(op.ends_in_float for op in ops):
            raise RecipeError(
                f"dtype {dtype} is for normalised pixels, and these are levels from 0 to 255; end "
                "the pipeline with normalize, or with to_float for 0 to 1, or leave dtype out"
            )
        if channels_last and any(op.views > 1 for op in ops):
            raise RecipeError(
                "channels_last has no meaning for batches of several views, which have five axes; "
                "leave it out, and let the model convert each view"
            )
        return cls(
            None if dtype is None else getattr(torch, dtype),
            torch.channels_last if channels_last else None,
        )


_AS_IT_IS = Form()


class Finish:
    """Finishes batches; calling it does so for one.

    Args:
        parts: pipelines that act on whole batches, one after the other; None is no part.
        form: how pictures are handed over.
        seed: 0 to 2**64 - 1.
        classes: how many there are, where labels are mixed.
        boxes: how they are written.
        device: where to; None leaves batches where they are.
        pin: whether they are copied to page-locked memory first.

    Attributes:
        parts: what is done to batches at all; after the last one they are converted.
    """

    def __init__(
        self,
        parts: Iterable[Pipeline | None],
        form: Form,
        *,
        seed: int,
        classes: int,
        boxes: BoxFormat,
        device: torch.device | None,
        pin: bool,
    ) -> None:
        self.parts = [part for part in parts if part] or ([] if form == Form() else [Pipeline()])
        self._form, self._seed, self._classes, self._boxes = form, seed, classes, boxes
        self._device, self._pin, self._slots = device, pin, Slots(Arena(), LENT)

    def __call__(
        self, batch: Batch, percentile: float | None = None, mates: Mates | None = None
    ) -> Batch:
        """Copy a batch, and let all parts act on it.

        Args:
            batch: on the CPU.
            percentile: instead of what is drawn, put every draw there.
            mates: the batch is these, and not whole.

        Raises:
            PlanError: they cannot act on these pictures together.
            TargetError: they have no rule for boxes, masks or keypoints that are present.
        """
        host = batch
        if self._pin and torch.cuda.is_available():
            batch = batch.pin_memory()
        batch = self._sent(batch)
        for part in self.parts:
            form = self._form if part is self.parts[-1] else _AS_IT_IS
            if batch.images.ndim == 5:
                batch = replace(batch, images=self._views(part, batch, percentile, mates, form))
            else:
                plan = self.plan(part, batch.images.shape[-2:], mates or batch, percentile)
                batch = self.apply(plan, batch, host, form)
        return batch

    def _sent(self, batch: Batch) -> Batch:
        return batch if self._device is None else batch.to(self._device, non_blocking=True)

    def plan(
        self,
        part: Pipeline,
        size: Sequence[int],
        of: Batch | Mates,
        percentile: float | None = None,
        view: int = 0,
    ) -> Plan:
        """What a part does to samples of a size.

        Args:
            part: one of the pipelines.
            size: height and width of all pictures.
            of: the batch, or those of it that are made.
            percentile: instead of what is drawn, put every draw there.
            view: which of several.
        """
        drawn_by = {"seed": self._seed, "percentile": percentile, **of.provenance}
        plan = part.plan((size[0], size[1]), view=view, **drawn_by)
        return of.share(plan) if isinstance(of, Mates) else plan

    def apply(self, plan: Plan, batch: Batch, host: Batch, form: Form = _AS_IT_IS) -> Batch:
        """The batch after a plan.

        Args:
            plan: for its rows.
            batch: where the model is.
            host: the same on the CPU, but for its pictures.
            form: how pictures are handed over.
        """
        if spatial_in(host) and any(map(moves_pixels, plan.steps)):
            moved = replace(host, **follow(plan, host, batch.masks, self._boxes))
            batch = replace(self._sent(moved), images=batch.images, labels=batch.labels)
        images, labels = self._run(plan, batch.images, form), batch.labels
        if labels is not None:
            labels = mix_labels(plan, labels, self._classes)
        return replace(batch, images=images, labels=labels)

    def _views(
        self,
        part: Pipeline,
        batch: Batch,
        percentile: float | None,
        mates: Mates | None,
        form: Form,
    ) -> Tensor:
        """(B, views, 3, H, W): each view by draws of its own."""
        done = []
        for view, images in enumerate(batch.images.unbind(1)):
            plan = self.plan(part, images.shape[-2:], mates or batch, percentile, view)
            done.append(self._run(plan, images, form))
        return torch.stack(done, dim=1)

    def _run(self, plan: Plan, images: Tensor, form: Form) -> Tensor:
        return executor.run(
            plan,
            images,
            dtype=form.dtype,
            memory_format=form.memory_format,
            empty=None if images.is_cuda else self._empty,
        )

    def _empty(self, shape: torch.Size) -> Tensor:
        """Memory that is used again, for batches that stay with this process."""
        return torch.from_numpy(self._slots.empty(shape, np.float32))
