"""Stages as lines of a sheet."""

from __future__ import annotations

import numpy as np

from augpipe import Pipeline, build_loader
from augpipe.preview import stage_lines
from pictures import noise

IMAGES = np.stack([np.roll(noise()[:32, :40], 3 * n, axis=1) for n in range(8)]), np.arange(8) % 4


def lines(*ops, batch=None, **options):
    loader = build_loader(IMAGES, Pipeline(ops, batch=batch), num_workers=0)
    return stage_lines(loader, 2, 1, **options), loader


def test_steps_that_carry_out_the_same_op_are_one_and_what_cannot_be_seen_is_none():
    jitter = {"color_jitter": {"brightness": 0.4, "hue": 0.1}}
    ((line,), loader) = lines({"resize": {"size": [24, 24]}}, jitter, batch=["normalize"])
    assert [cell.title for cell in line.cells] == [
        "original",
        "1 · warp",
        "2–4 · recolor, hsv, recolor",
    ]
    assert [[drawn.op for drawn in cell.drawn] for cell in line.cells] == [
        [],
        ["resize"],
        ["color_jitter"],
    ]
    seen = loader.replay(1, 2).image
    mean, std = (np.array(values) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    assert np.abs(line.cells[-1].image - 255 * (seen * std + mean)).max() < 0.01


def test_fused_ops_are_named_together():
    ((line,), _) = lines({"rotate": {"degrees": 9}}, "horizontal_flip", {"resize": {"size": 20}})
    assert [drawn.op for drawn in line.cells[1].drawn] == ["rotate", "horizontal_flip", "resize"]


def test_pictures_that_are_mixed_have_lines_of_their_own():
    found, loader = lines("hsv", "mixup", "vertical_flip", batch=["cutmix"])
    assert [line.name for line in found] == [
        "sample", "mixup 1", "sample", "batch partner", "on its batch"
    ]  # fmt: skip
    mixed = found[2].cells[0]
    assert mixed.title == "1 · mix"
    assert sum(int(note.split()[-1].rstrip("%")) for note in mixed.notes) in (99, 100, 101)
    assert np.array_equal(found[-1].cells[-1].image, loader.replay(1, 2).image)
    assert [drawn.op for drawn in found[1].cells[-1].drawn] == ["hsv"]


def test_percentiles_have_stages_too():
    (weak, *_), _ = lines({"rotate": {"degrees": 30}}, percentile=0, group="weak")
    assert weak.group == "weak"
    assert weak.cells[-1].drawn[0].words == "angle -30°"
