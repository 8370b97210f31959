from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

NOTHING = ["light", "--set", "pipeline.val=[]", "--set", "pipeline.normalize=null"]
IMAGENET = Path(__file__).parents[2] / "pipelines" / "imagenet.yaml"

EXPECTED = """\
train: 375x500 → 224x224: 3 ops in 2 steps, 1 resampling
   step     ops                      what it does                                           on
0  decode   a JPEG                   at full size, 46% of it                                libjpeg
1  warp     random_resized_crop#0 +  -> 224x224, bilinear                                   cv2
            horizontal_flip#0
                                     cut: one moves pixels, the other changes their colour
2  recolor  color_jitter#0           one colour matrix, mean measured once                  cv2
            then, on each batch:
3  kernel   random_erasing#0         erase                                                  torch
                                     cut: erase is a pass of its own
4  kernel   normalize#0              normalize                                              torch
   a batch: 256 × 3 × 224 × 224 uint8, 38.5 MB, then 256 × 3 × 224 × 224 float32, 154 MB

val: 375x500 → 224x224: 2 ops in 1 step, 1 resampling
   step    ops                   what it does             on
0  decode  a JPEG                at full size, 60% of it  libjpeg
1  warp    resize#0 +            -> 224x224, bilinear     cv2
           center_crop#0
           then, on each batch:
2  kernel  normalize#0           normalize                torch
   a batch: 256 × 3 × 224 × 224 uint8, 38.5 MB, then 256 × 3 × 224 × 224 float32, 154 MB
"""


def plain(text: str) -> str:
    """Without the blanks that fill columns up."""
    return "\n".join(line.rstrip() for line in text.splitlines()).rstrip("\n") + "\n"


@pytest.fixture(autouse=True)
def _regions_are_decoded(monkeypatch):
    """As where the extension was built, so that the text is the same everywhere."""
    monkeypatch.setattr("augpipe.explain.account.region_decoder", lambda: "libjpeg-turbo")


def test_crop_resize_and_flip_are_one_warp_and_each_seam_has_its_reason(augpipe):
    ended = augpipe("explain", IMAGENET, "--no-time")
    assert ended.code == 0
    assert plain(ended.out) == EXPECTED.rstrip("\n") + "\n", (
        "if the new text is better, pin it here"
    )


def test_a_large_picture_is_decoded_small(augpipe):
    text = augpipe("explain", "imagenet", "--no-time", "--size", "1200x1600").out
    assert re.search(r"decode .* at full size \(\d+%\) or 1/2 \(\d+%\) or", text)
    assert "at 1/8" in augpipe("explain", "digits", "--no-time").out


def test_a_setting_changes_the_plan(augpipe):
    setting = "pipeline.train=[{resize: {size: [64, 48]}}]"
    ended = augpipe("explain", "imagenet", "--no-time", "--set", setting)
    assert "375x500 → 64x48: 1 op" in ended.out


def test_a_part_that_does_nothing_says_so(augpipe):
    assert "val: pictures are left as they are" in augpipe("explain", "--no-time", *NOTHING).out


def test_times_are_those_of_here_and_now(augpipe):
    ended = augpipe("explain", "digits_robust", "--size", "40x60")
    assert re.search(r"1 +warp .* cv2 +[\d,.]+$", ended.out, re.MULTILINE)
    assert re.search(r"µs: for one picture, measured just now over 32 draws", ended.out)


def test_as_json_it_is_all_there(augpipe):
    ended = augpipe("explain", "detection", "--size", "40x60", "--json")
    told = json.loads(ended.out)
    assert ended.err == ""
    assert told["measured"]["draws"] == 32
    (mixup,) = told["parts"]["train"]["worker"]["steps"]
    assert (mixup["kind"], mixup["ops"], mixup["runs_on"]) == ("mix", ["mixup#0"], "cv2")
    assert mixup["microseconds"] > 0
    mosaic = mixup["groups"][0]["outline"]["steps"][0]
    assert mosaic["ops"] == ["mosaic#0", "affine#0"]
    assert told["parts"]["val"]["handed"] == {
        "shape": [64, 3, 640, 640],
        "dtype": "uint8",
        "bytes": 78643200,
    }
    plain = json.loads(augpipe("explain", *NOTHING, "--no-time", "--json").out)
    assert plain["measured"] is None
    assert plain["parts"]["val"] is None


@pytest.mark.parametrize(
    "recipe", ["heavy", "detection", "segmentation", "imagenet", "digits_robust"]
)
def test_every_line_fits_the_terminal(augpipe, recipe):
    lines = augpipe("explain", recipe, "--no-time").out.splitlines()
    assert max(map(len, lines)) <= 100


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
