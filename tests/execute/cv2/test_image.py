"""What the OpenCV executor refuses, and what it hands back."""

from __future__ import annotations

import numpy as np
import pytest

from augpipe.data.sample import Decoded, Picture, Targets
from augpipe.errors import PlanError
from augpipe.execute.cv2 import image as cv2_image
from augpipe.execute.torch import lower as torch_lower
from augpipe.pipeline import Pipeline
from augpipe.plan import Kernel, Plan
from cases import CASES, CPU_ONLY, TORCH_ONLY, single


def test_an_unknown_kernel_is_answered_with_the_nearest(photo):
    plan = Plan(np.array([photo.shape[:2]]), (Kernel("erasee", {}, ops=("mine#0",)),))
    with pytest.raises(PlanError) as caught:
        cv2_image.run(plan, 0, [Picture(Decoded(photo, np.eye(3)), Targets())])
    assert str(caught.value) == "mine#0: OpenCV has no kernel 'erasee'; did you mean 'erase'?"


def test_rows_of_one_plan_may_differ_in_size():
    plan = Pipeline([{"resize": {"size": 10}}]).plan([[40, 60], [30, 20]])
    shapes = [
        cv2_image.run(
            plan, row, [Picture(Decoded(np.zeros((h, w, 3), np.uint8), np.eye(3)), Targets())]
        )
        for row, (h, w) in enumerate(plan.size)
    ]
    assert [sample.image.shape for sample in shapes] == [(10, 15, 3), (15, 10, 3)]


def test_pixels_come_out_contiguous(noise):
    plan = Pipeline([{"horizontal_flip": {"p": 1}}]).plan(noise.shape[:2])
    image = cv2_image.run(plan, 0, [Picture(Decoded(noise, np.eye(3)), Targets())]).image
    assert image.flags.c_contiguous
    assert not np.shares_memory(image, noise)


def test_torch_lacks_only_the_kernels_of_ops_that_say_so():
    plans = [single(name, CASES[name].typical).plan((64, 64)) for name in CPU_ONLY]
    named = {step.name for plan in plans for step in plan.steps if isinstance(step, Kernel)}
    # Other libraries' transforms take pictures one at a time too, but are no ops of ours.
    assert set(cv2_image.KERNELS) - set(torch_lower.KERNELS) - {"foreign"} == named
    assert set(torch_lower.KERNELS) <= set(cv2_image.KERNELS)


@pytest.mark.parametrize("name", TORCH_ONLY)
def test_an_op_for_batches_alone_is_refused(name, photo):
    plan = single(name, {**CASES[name].typical, "p": 0}).plan(photo.shape[:2])
    with pytest.raises(PlanError, match=f"{name}#0: .* move the op to `batch`"):
        cv2_image.run(plan, 0, [Picture(Decoded(photo, np.eye(3)), Targets())])
