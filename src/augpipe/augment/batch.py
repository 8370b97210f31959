"""Augmentation as a module: put it into any model or training loop, on any device.

    augment = AugmentBatch(["horizontal_flip", {"affine": {"degrees": 10}}, "normalize"])
    images, labels = augment(images, labels, epoch=epoch, index=index)

The parameters of a sample are drawn from the keys that a loader's workers draw from, under the same
slots: the same seed, epoch and index give the same picture, within what executors may differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np
import torch
from torch import Tensor, distributed, nn

from augpipe.augment import graph
from augpipe.augment.graph import Key, numbered
from augpipe.augment.input import check_images, check_labels, check_levels, given_key
from augpipe.augment.objects import Objects, read_objects, write_objects
from augpipe.data.sample import Targets
from augpipe.errors import PlanError, RecipeError
from augpipe.execute import batch
from augpipe.execute.torch.mix import mix_labels
from augpipe.execute.torch.output import Output, format_of
from augpipe.execute.torch.targets import move
from augpipe.ops.base import Op, OpLike
from augpipe.pipeline import Pipeline
from augpipe.plan import Plan
from augpipe.recipe import load_pipeline

Given = TypeVar("Given", Tensor, Objects, None)

_ONLY_IMAGES: Any = object()

# How many keys must agree on the size of what comes out before a compiler is told of it.
_ASKED = 16


@dataclass(frozen=True)
class _Part:
    """What acts in one mode, and what has to be known of it where a compiler looks on.

    Attributes:
        pipeline: ops on whole batches.
        mixes_labels: whether any of them does.
        on_levels: the slot of the first one that acts on uint8 alone; None if there is none.
    """

    pipeline: Pipeline
    mixes_labels: bool
    on_levels: str | None


class AugmentBatch(nn.Module):
    """Augments batches of pictures, and their targets with them.

    In training mode all ops act. In eval mode those act that do the same to every picture:
    `resize`, `center_crop`, `normalize`, an op of `p: 1` that draws nothing else. (A recipe's
    validation part is a pipeline of its own: `AugmentBatch("light#val")`.)

    No gradient flows into the images. A batch is one picture after the other as far as pixels go,
    except where `mixup` and `cutmix` take another row of the batch as partner: there, and only
    there, a picture depends on which others share its batch.

    Inside of `torch.compile` it breaks no graph; planning runs on the host in between. A new index
    recompiles nothing, nor does a new epoch that is given as a tensor. (An epoch as int does so at
    its first changes, as any int does, until the compiler takes it for a variable.) Dictionaries of
    targets are left to uncompiled code.

    Args:
        pipeline: what `build_loader` takes: a recipe's name or file, a `Pipeline`, a list of ops.
            All of its ops act on the batch, those for each picture and those for batches.
        seed: 0 to 2**64 - 1.
        classes: how many there are; wanted where ops mix labels that are classes.
        dtype: of the images that come out: uint8, float16, bfloat16 or float32. None: uint8, or
            float32 after `normalize`. What is not normalised has levels of 0 to 255 in any type.
        memory_format: of the images that come out, such as `torch.channels_last`; None leaves it.
        compile: whether torch compiles what is done to the pixels, once for each size of pictures;
            it then takes the place of Triton's kernels on CUDA.

    Raises:
        RecipeError: the pipeline is wrong, or makes several views of each picture.
    """

    def __init__(
        self,
        pipeline: str | Path | Pipeline | Iterable[OpLike] | None = None,
        *,
        seed: int = 0,
        classes: int | None = None,
        dtype: torch.dtype | None = None,
        memory_format: torch.memory_format | None = None,
        compile: bool = False,
    ) -> None:
        super().__init__()
        given = load_pipeline(pipeline)
        self.pipeline, self.seed, self.classes = given, seed, classes
        self.dtype, self.memory_format, self.compiled = dtype, memory_format, compile
        self._in_training = _on_batches(given, lambda op: True)
        self._in_eval = _on_batches(given, _is_always_the_same)
        # No buffer: those move to the device, where looking at one means to wait.
        self._seen = torch.zeros((), dtype=torch.int64, device="cpu")
        self._number = numbered(self)

    @overload
    def forward(
        self,
        images: Tensor,
        *,
        epoch: int | Tensor | None = None,
        index: Tensor | Sequence[int] | None = None,
        repeat: Tensor | Sequence[int] | None = None,
    ) -> Tensor: ...

    @overload
    def forward(
        self,
        images: Tensor,
        targets: Given,
        *,
        epoch: int | Tensor | None = None,
        index: Tensor | Sequence[int] | None = None,
        repeat: Tensor | Sequence[int] | None = None,
    ) -> tuple[Tensor, Given]: ...

    def forward(
        self,
        images: Tensor,
        targets: Any = _ONLY_IMAGES,
        *,
        epoch: int | Tensor | None = None,
        index: Tensor | Sequence[int] | None = None,
        repeat: Tensor | Sequence[int] | None = None,
    ) -> Any:
        """Augment a batch.

        Without epoch and index, the samples that the module has seen in training are counted
        instead, over all ranks; `state_dict` holds their number, so that a run that is resumed goes
        on. What a sample looks like then depends on when it comes: give both where you can.

        Args:
            images: (B, 3, H, W) uint8; or float32 already normalised, for ops that may act on such.
            targets: None; labels, (B,) integers or (B, C) floats; or for each picture a dictionary
                of `boxes`, `labels`, `masks`, `keypoints` (`augpipe.data.targets.read_targets`).
                On any device; labels that are classes are not checked on a GPU.
            epoch: 0 to 2**32 - 1; an int, or a tensor on the CPU.
            index: (B,) integers on the CPU: which row of its dataset each picture is.
            repeat: (B,) integers on the CPU: how often the epoch showed the row before, where some
                are shown again; `Batch.repeat`.

        Returns:
            The images; or, where targets are given, images and targets. Labels come out as
            (B, C) float32 if the pipeline mixes them; of dictionaries, what `read_targets` knows.

        Raises:
            PlanError: the images are no such batch, or come out in several sizes.
            TargetError: a target is of another kind, or the pipeline has no rule for it.
            RecipeError: epoch without index, or index without epoch.
        """
        check_images(images)
        part = self._part()
        check_levels(images, part.on_levels)
        key = given_key(len(images), epoch, index, repeat) or self._count(len(images))
        if targets is _ONLY_IMAGES or targets is None:
            done, _ = self._on_labels(images, None, key)
            return done if targets is _ONLY_IMAGES else (done, None)
        if isinstance(targets, Tensor):
            check_labels(targets, len(images), self.classes, part.mixes_labels)
            return self._on_labels(images, targets, key)
        return self._on_objects(images, targets, key)

    def _count(self, rows: int) -> Key:
        """Keys for samples without any: how many the module saw before, and 0 as epoch."""
        start, everyone = self._seen, rows
        if distributed.is_available() and distributed.is_initialized():
            start = start + rows * distributed.get_rank()
            everyone = rows * distributed.get_world_size()
        index = start + torch.arange(rows, device="cpu")
        if self.training:
            self._seen += everyone
        return Key(torch.zeros_like(self._seen), index, torch.zeros_like(index))

    def _on_labels(
        self, images: Tensor, labels: Tensor | None, key: Key
    ) -> tuple[Tensor, Tensor | None]:
        """Images and labels; in a graph that is being compiled, as one op."""
        mixed = None
        if labels is not None and self._part().mixes_labels:
            mixed = labels.detach().to(torch.float32 if labels.is_floating_point() else torch.int64)
        if torch.compiler.is_compiling():
            parts = key.epoch, key.index, key.repeat
            act = graph.augment
            done, after = act(images.detach(), mixed, *parts, self._number, self.training)
        else:
            done, after = self.augment(images, mixed, key, self.training)
        return done, labels if mixed is None else after

    def augment(
        self, images: Tensor, labels: Tensor | None, key: Key, training: bool
    ) -> tuple[Tensor, Tensor]:
        """Images, and labels that are mixed; of none, none."""
        if not len(images):
            return self.outline(images, labels, training)
        plan = self._plan(images, key, training)
        done = self._run(plan, images)
        if labels is None:
            return done, done.new_empty(0, dtype=torch.float32)
        return done, mix_labels(plan, labels, self.classes or 0)

    def outline(
        self, images: Tensor, labels: Tensor | None, training: bool
    ) -> tuple[Tensor, Tensor]:
        """Tensors of the shapes and types of what comes out, of any content.

        Raises:
            PlanError: the size is drawn, so that nobody can tell.
        """
        # No `len`: it would tie a compiler to one length of the batch.
        part = self._part(training).pipeline
        plan = part.plan((int(images.shape[2]), int(images.shape[3])), index=np.arange(_ASKED))
        if np.ptp(plan.out_size, axis=0).any():
            raise PlanError("pictures of one batch must come out in one size; end with a resize")
        height, width = plan.out_size[0].tolist()
        floats = any(op.ends_in_float for op in part)
        done = torch.empty(
            (images.shape[0], 3, height, width),
            dtype=Output(self.dtype).dtype_of(torch.float32 if floats else images.dtype),
            device=images.device,
            memory_format=self.memory_format or format_of(images),
        )
        if labels is None:
            return done, images.new_empty(0, dtype=torch.float32)
        count = labels.shape[1] if labels.ndim == 2 else self.classes or 0
        return done, labels.new_empty((labels.shape[0], count), dtype=torch.float32)

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def _on_objects(self, images: Tensor, targets: Objects, key: Key) -> tuple[Tensor, Objects]:
        """Images, and what is in them: how many objects are left is not known beforehand."""
        boxes = self.pipeline.boxes
        known = read_objects(targets, images, boxes)
        if not len(images):
            return self.outline(images, None, self.training)[0], []
        plan = self._plan(images, key, self.training, known.targets)
        done = self._run(plan, images)
        moved = move(plan, known.targets, known.masks)
        return done, write_objects(targets, *moved, done, boxes)

    def _run(self, plan: Plan, images: Tensor) -> Tensor:
        return batch.run(
            plan,
            images.detach(),
            dtype=self.dtype,
            memory_format=self.memory_format,
            compiled=self.compiled,
        )

    def _part(self, training: bool | None = None) -> _Part:
        training = self.training if training is None else training
        return self._in_training if training else self._in_eval

    def _plan(
        self, images: Tensor, key: Key, training: bool, targets: Sequence[Targets] | None = None
    ) -> Plan:
        return self._part(training).pipeline.plan(
            [tuple(images.shape[2:])] * len(images),
            seed=self.seed,
            epoch=key.epoch.numpy(),
            index=key.index.numpy(),
            repeat=key.repeat.numpy(),
            targets=None if targets is None else [[own] for own in targets],
        )

    def get_extra_state(self) -> dict[str, int]:
        """How many samples were seen: a part of `state_dict`."""
        return {"seen": int(self._seen)}

    def set_extra_state(self, state: dict[str, int]) -> None:
        """Go on from there: a part of `load_state_dict`."""
        self._seen.fill_(state["seen"])

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._number = numbered(self)  # a copy is another module

    def extra_repr(self) -> str:
        """The pipeline, for `print(model)`."""
        return f"{self.pipeline!r}, seed={self.seed}"


def _on_batches(pipeline: Pipeline, acts: Callable[[Op], bool]) -> _Part:
    """All ops for which that holds as ops on whole batches, under the slots they have."""
    parts = [pipeline, *([pipeline.batch] if pipeline.batch else [])]
    slotted = [pair for part in parts for pair in zip(part.ops, part.slots, strict=True)]
    for op, slot in slotted:
        if op.views > 1:
            raise RecipeError(f"{slot}: a batch has one picture for each sample; leave it out")
    chosen = [(op, slot) for op, slot in slotted if acts(op)]
    whole = Pipeline(batch=[op for op, _ in chosen]).batch or Pipeline()
    whole.slots, whole.boxes = tuple(slot for _, slot in chosen), pipeline.boxes
    on_levels = next((slot for op, slot in chosen if not op.after_normalize), None)
    return _Part(whole, whole.mixes_labels, on_levels)


def _is_always_the_same(op: Op) -> bool:
    return op.draws == 0 and getattr(op, "p", 1) == 1
