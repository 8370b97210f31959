"""What keys draw stays what it was: a change is one that users have to be told of."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import numpy as np

from augpipe import Pipeline, build_loader

# A change of these changes users' data: say so in CHANGELOG.md under "Changes your data".
ORDER = "55a3ab016e02a22c"
PARAMETERS = "0fb3afa5e7e810fe"

OPS = [
    {"mosaic": {"size": 64}},
    {"random_resized_crop": {"size": 32}},
    "horizontal_flip",
    {"affine": {"degrees": 15, "translate": [0.1, 0.1], "scale": [0.8, 1.2], "shear": 5}},
    {"color_jitter": {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}},
    {"one_of": {"ops": ["gaussian_blur", "gaussian_noise", {"posterize": {"bits": 3}}]}},
    {"rand_augment": {}},
    {"mixup": {"alpha": 0.4}},
    {"random_erasing": {"p": 0.5}},
]


def rounded(value: Any) -> Any:
    """Without the last digits, in which processors differ."""
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, dict):
        return {name: rounded(own) for name, own in value.items()}
    return [rounded(own) for own in value] if isinstance(value, list | tuple) else value


def digest(value: Any) -> str:
    return sha256(json.dumps(rounded(value)).encode()).hexdigest()[:16]


def test_the_stream_is_that_of_the_first_release():
    images = np.zeros((40, 20, 24, 3), np.uint8)
    loader = build_loader(images, Pipeline(OPS), seed=11, num_workers=0, batch_size=8)
    assert digest([*loader.sampler]) == ORDER
    records = [
        loader.replay(epoch, row, repeat=repeat).record
        for epoch, row, repeat in [(0, 0, 0), (0, 39, 0), (3, 7, 0), (3, 7, 2), (2**31, 20, 1)]
    ]
    assert digest(records) == PARAMETERS
