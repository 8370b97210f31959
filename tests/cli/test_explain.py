from __future__ import annotations

from pathlib import Path

import pytest

IMAGENET = Path(__file__).parents[2] / "pipelines" / "imagenet.yaml"

EXPECTED = """\
train: 375x500 -> 224x224: 3 ops, 2 steps, 1 resampling
  1  warp    random_resized_crop#0 + horizontal_flip#0  [-> 224x224, bilinear]
      not one step: one moves pixels, the other changes their colour
  2  recolor color_jitter#0  [one colour matrix, mean measured once]
then, on each batch:
224x224 -> 224x224: 2 ops, 2 steps, 0 resamplings
  1  kernel  random_erasing#0  [erase]
      not one step: erase is a pass of its own
  2  kernel  normalize#0  [normalize]

val: 375x500 -> 224x224: 2 ops, 1 step, 1 resampling
  1  warp    resize#0 + center_crop#0  [-> 224x224, bilinear]
then, on each batch:
224x224 -> 224x224: 1 op, 1 step, 0 resamplings
  1  kernel  normalize#0  [normalize]

"""


def test_crop_resize_and_flip_are_one_warp_and_each_seam_has_its_reason(augpipe):
    ended = augpipe("explain", IMAGENET)
    assert ended.code == 0
    assert ended.out == EXPECTED, "if the new text is better, pin it here"


def test_a_large_picture_is_decoded_small(augpipe):
    assert "decode at 1/4" in augpipe("explain", "imagenet", "--size", "1200x1600").out


def test_a_setting_changes_the_plan(augpipe):
    setting = "pipeline.train=[{resize: {size: [64, 48]}}]"
    assert "375x500 -> 64x48: 1 op" in augpipe("explain", "imagenet", "--set", setting).out


@pytest.mark.parametrize("size", ["224", "0x5", "axb", "3x4x5"])
def test_a_wrong_size_says_how_it_is_written(augpipe, size):
    ended = augpipe("explain", "light", "--size", size)
    assert ended.code == 2
    assert f"--size {size}: expected HEIGHTxWIDTH" in ended.err


def test_a_setting_that_is_not_yaml_says_so(augpipe):
    ended = augpipe("explain", "light", "--set", "loader.seed=[")
    assert ended.code == 2
    assert "--set loader.seed=[: not YAML" in ended.err


def test_a_wrong_setting_says_how_it_is_written(augpipe):
    ended = augpipe("explain", "light", "--set", "loader.seed")
    assert ended.code == 2
    assert "--set loader.seed: expected a.b=value" in ended.err
