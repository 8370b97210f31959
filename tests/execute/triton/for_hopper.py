"""Triton's kernels, compiled for an H200 where there is none: a file of tests for its own process.

The interpreter knows no types and no registers. What it accepts, a GPU may not.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from augpipe.execute.triton import batch as triton_batch
from augpipe.pipeline import Pipeline

HOPPER = GPUTarget("cuda", 90, 32)
TYPES = {
    torch.uint8: "*u8",
    torch.int32: "*i32",
    torch.int64: "*i64",
    torch.float32: "*fp32",
    torch.float16: "*fp16",
    torch.bfloat16: "*bf16",
}
OPTIONS = ("num_warps", "enable_fp_fusion")


class Compiler:
    """In a kernel's place: compiles what would be launched."""

    def __init__(self, kernel: Any, done: list[str]) -> None:
        self.kernel, self.done = kernel, done

    def __getitem__(self, grid: tuple[int, ...]) -> Any:
        return self.launch

    def launch(self, **given: Any) -> None:
        options = {name: given.pop(name) for name in OPTIONS}
        fixed = {param.name for param in self.kernel.params if param.is_constexpr}
        types = {
            name: "constexpr"
            if name in fixed
            else TYPES[value.dtype]
            if isinstance(value, torch.Tensor)
            else "i32"
            for name, value in given.items()
        }
        signature = {name: types[name] for name in self.kernel.arg_names}
        source = ASTSource(self.kernel, signature, {name: given[name] for name in fixed})
        compiled = triton.compile(source, target=HOPPER, options=options)
        self.done.append(compiled.asm["ptx"])


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was compiled, as assembly."""
    done: list[str] = []
    for name in ("fused", "summed", "blurred"):
        kernel = getattr(triton_batch, name)
        monkeypatch.setattr(triton_batch, name, Compiler(kernel, done))
    monkeypatch.setattr(torch.cuda, "device", lambda _: nullcontext())
    return done


@pytest.mark.parametrize(
    ("ops", "wish", "kernels"),
    [
        (["random_erasing", {"normalize": {}}], {"dtype": torch.float16}, 1),
        (
            [
                {"affine": {"degrees": 30, "border": "reflect"}},
                {"color_jitter": {"contrast": 0.4, "hue": 0.1}},
                {"random_erasing": {"value": "random"}},
                "mixup",
                {"normalize": {}},
            ],
            {"dtype": torch.bfloat16, "memory_format": torch.channels_last},
            3,
        ),
        (
            ["gaussian_noise", "salt_pepper", "posterize", "grid_mask", "cutmix", "gaussian_blur"],
            {},
            3,
        ),
    ],
    ids=["erased", "everything", "noise and blur"],
)
def test_kernels_compile(compiled, ops, wish, kernels):
    plan = Pipeline(batch=ops).batch.plan((64, 64), index=np.arange(8))
    triton_batch.run(plan, torch.zeros((8, 3, 64, 64), dtype=torch.uint8), **wish)
    assert len(compiled) == kernels
    # No number is kept in memory for want of registers, and no product is rounded with its sum.
    assert not any(word in text for text in compiled for word in (".local", "fma.rn.f32"))
