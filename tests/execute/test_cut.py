"""A picture is cut to what its plan looks at; nothing changes but the time it takes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from augpipe.data import decode as decoding
from augpipe.data.decode import open_image
from augpipe.data.orientation import orientation_matrix, turned_size
from augpipe.data.pixels import PixelSource
from augpipe.data.sample import Decoded, Picture, Targets
from augpipe.errors import PlanError
from augpipe.execute import warp
from augpipe.execute.cut import cut_to_region
from augpipe.execute.cv2 import image as cv2_image
from augpipe.execute.cv2 import warp as cv2_warp
from augpipe.pipeline import Pipeline
from augpipe.plan import Border, Plan, Warp
from executors import distance

BORDERS = [None, Border("constant", (9, 80, 200)), Border("replicate"), Border("reflect")]
UPRIGHT = np.eye(3)


def random_plan(rng, border, size=None):
    """One warp of one picture: turned, stretched, sheared, in perspective, shrunk, or a crop."""
    size = size or tuple(rng.integers(20, 200, 2).tolist())
    out = tuple(rng.integers(4, 60, 2).tolist())
    angle = rng.choice([0, np.pi / 2, rng.uniform(-4, 4)])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.eye(3)
    matrix[:2, :2] = turn @ np.diag(np.exp(rng.uniform(-1.5, 2.6, 2)) * rng.choice([1, -1], 2))
    centre = rng.uniform(-0.2, 1.2, 2) * size[::-1]
    matrix[:2, 2] = centre - matrix[:2, :2] @ np.array(out[::-1]) / 2
    if rng.random() < 0.3:
        matrix[2, :2] = rng.normal(0, 0.3, 2) / max(out)
    if rng.random() < 0.3:
        matrix[:2] = np.sign(matrix[:2]) * np.ceil(abs(matrix[:2]).round(6))
    if rng.random() < 0.2:
        top, left = rng.integers(0, size[0] - 9), rng.integers(0, size[1] - 9)
        height, width = rng.integers(2, size[0] - top), rng.integers(2, size[1] - left)
        matrix = np.array([[width / out[1], 0, left], [0, height / out[0], top], [0, 0, 1]])
    return Plan(np.array([size]), (Warp(matrix[None], np.array([out]), "bilinear", border),))


def stored(rng, size, orientation=1):
    """A picture that is of this size when it stands upright, and how it is stored."""
    height, width = turned_size(orientation, tuple(map(int, size)))
    pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Decoded(pixels, orientation_matrix(orientation, (height, width)))


def ran(plan, decoded):
    return cv2_image.run(plan, 0, [Picture(decoded, Targets())]).image


def warped_whole(plan, decoded):
    """What came out before there were regions."""
    step = plan.steps[0]
    out = tuple(step.size[0].tolist())
    matrix = decoded.matrix @ step.matrix[0]
    return cv2_warp.sample(decoded.image, matrix, out, step.interpolation, step.border)


@pytest.mark.parametrize("border", BORDERS, ids=str)
@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
def test_a_region_is_warped_as_the_whole_picture_is(border, orientation):
    rng = np.random.default_rng(orientation)
    cut = 0
    for _ in range(80):
        plan = random_plan(rng, border)
        decoded = stored(rng, plan.size[0], orientation)
        cut += plan.sight.regions[0] is not None
        assert distance(ran(plan, decoded), warped_whole(plan, decoded)).max() <= 1
    assert cut > 40


DECISIONS = {
    "as_crop": (warp, bool),
    "as_inset": (warp, lambda inset: inset),
    "leaves": (warp, bool),
    "meets_horizon": (warp, bool),
    "stays_within": (cv2_warp, bool),
}


def watched(monkeypatch):
    """What is decided about warps from now on."""
    made = []

    def watch(name, decide, told):
        def watching(*given):
            result = decide(*given)
            made.append((name, told(result)))
            return result

        return watching

    for name, (module, told) in DECISIONS.items():
        monkeypatch.setattr(module, name, watch(name, getattr(module, name), told))
    return made


@pytest.mark.parametrize("border", BORDERS, ids=str)
def test_decisions_are_those_about_the_whole_picture(border, monkeypatch):
    rng = np.random.default_rng(7)
    made = watched(monkeypatch)
    all_made = set()
    for _ in range(300):
        plan = random_plan(rng, border)
        decoded = stored(rng, plan.size[0])
        ran(plan, decoded)
        of_region = made.copy()
        made.clear()
        warped_whole(plan, decoded)
        assert of_region == made
        all_made |= {(name, bool(told)) for name, told in made}
        made.clear()
    expected = {"as_crop", "stays_within"}
    expected |= {"leaves"} if border else set()
    expected |= {"as_inset"} if border and border.mode == "constant" else set()
    assert {(name, told) for name in expected for told in (True, False)} <= all_made


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("scale", [1, 2, 4, 8])
def test_any_part_that_covers_the_region_gives_the_same_bits(orientation, scale):
    """Whatever was decoded, the same pixels are cut out of it, and once is enough."""
    rng = np.random.default_rng(orientation * scale)
    cut = 0
    for _ in range(150):
        plan = random_plan(rng, None, (401, 463))
        if scale > plan.decode_scale[0]:
            continue
        full = stored(rng, plan.size[0], orientation)
        whole = Decoded(
            full.image[::scale, ::scale], np.diag([1 / scale, 1 / scale, 1]) @ full.matrix
        )
        image, matrix = once = cut_to_region(whole, plan, 0)
        height, width = whole.image.shape[:2]
        left, top = (whole.matrix - matrix)[:2, 2].astype(int)
        cut += image.shape != whole.image.shape
        assert np.array_equal(
            image, whole.image[top : top + len(image), left:][:, : image.shape[1]]
        )
        for _ in range(3):
            t, x = rng.integers(0, top + 1), rng.integers(0, left + 1)
            b = rng.integers(top + image.shape[0], height + 1)
            r = rng.integers(left + image.shape[1], width + 1)
            back = np.array([[1, 0, -x], [0, 1, -t], [0, 0, 1]])
            part = Decoded(whole.image[t:b, x:r], back @ whole.matrix)
            again = cut_to_region(part, plan, 0)
            assert np.array_equal(again.image, image)
            assert again.matrix.tobytes() == matrix.tobytes()
        assert cut_to_region(once, plan, 0) is once
    assert cut


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("scale", [1, 2, 4, 8])
def test_what_decoders_owe_is_enough(orientation, scale):
    """The least that a `Source` may return holds what is cut out."""
    rng = np.random.default_rng(orientation * scale)
    for _ in range(60):
        plan = random_plan(rng, None)
        if scale > plan.decode_scale[0] or (region := plan.sight.regions[0]) is None:
            continue
        full = stored(rng, plan.size[0], orientation)
        matrix = np.diag([1 / scale, 1 / scale, 1]) @ full.matrix
        small = full.image[::scale, ::scale]
        corners = warp.project(
            matrix, np.array([[region.left, region.top, 1], [region.right, region.bottom, 1]])
        )
        left, top = np.floor(corners.min(axis=0)).astype(int)
        right, bottom = np.ceil(corners.max(axis=0)).astype(int)
        matrix[:2, 2] -= left, top
        cut_to_region(Decoded(small[top:bottom, left:right], matrix), plan, 0)


def test_a_decoder_that_left_some_out_is_found_out(noise):
    plan = Pipeline([{"center_crop": {"size": 20}}, {"resize": {"size": 13}}]).plan(noise.shape[:2])
    top, left, bottom, right = plan.sight.regions[0]
    for rows, columns in [((top + 1, bottom), (left, right)), ((top, bottom), (left, right - 1))]:
        back = np.array([[1, 0, -columns[0]], [0, 1, -rows[0]], [0, 0, 1.0]])
        with pytest.raises(PlanError, match="without all of Region"):
            cut_to_region(Decoded(noise[slice(*rows), slice(*columns)], back), plan, 0)


CHAINS = {
    "crop": [{"random_resized_crop": {"size": 40}}, "horizontal_flip"],
    "turn": [
        {"affine": {"degrees": 90, "scale": [0.3, 4], "border": "reflect"}},
        {"center_crop": {"size": 30}},
    ],
    "shrink": [{"resize": {"size": [31, 14]}}, {"random_crop": {"size": [20, 10]}}],
    "perspective": [{"perspective": {"p": 1}}, {"random_resized_crop": {"size": 24}}],
    "mixed": [
        {"random_resized_crop": {"size": 32}},
        {"mosaic": {"size": 40, "p": 1}},
        {"affine": {"degrees": 9}},
    ],
}


@pytest.mark.parametrize("ops", CHAINS.values(), ids=CHAINS)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", [1, 2, 6, 8])
def test_files_and_arrays_come_out_alike_with_or_without_regions(
    ops, kind, orientation, photograph
):
    """A file decoded in parts, or whole, or its pixels as an array: the same bits."""
    source = photograph(kind, orientation)
    pipeline = Pipeline(ops)
    plan = pipeline.plan([[source.size] * pipeline.pictures] * 12, index=np.arange(12))
    for row in range(12):
        scales = [int(leaf.decode_scale[row]) for leaf in plan.leaves]
        regions = [leaf.sight.regions[row] for leaf in plan.leaves]
        made = [
            cv2_image.run(
                plan, row, [Picture(source.decode(*asked), Targets()) for asked in each]
            ).image
            for each in (zip(scales, regions, strict=True), ((scale,) for scale in scales))
        ]
        assert np.array_equal(*made)
        if set(scales) == {1} and orientation == 1:
            pixels = PixelSource(source.decode().image)
            pictures = [Picture(pixels.decode(1, region), Targets()) for region in regions]
            assert np.array_equal(cv2_image.run(plan, row, pictures).image, made[0])
            if pipeline.pictures == 1:
                assert np.array_equal(pipeline(pixels.pixels, index=row).image, made[0])


@pytest.fixture
def photograph(photo):
    def make(kind, orientation):
        exif = Image.Exif()
        exif[0x0112] = orientation
        file = io.BytesIO()
        Image.fromarray(np.tile(photo, (3, 2, 1))).save(file, kind, exif=exif, quality=95)
        return open_image(file.getvalue(), "a/file")

    return make


@pytest.mark.parametrize("orientation", [1, 4, 6])
def test_targets_follow_the_upright_picture_whatever_was_decoded(orientation, photograph):
    """They know nothing of scales and regions, nor of how a file is turned."""
    source = photograph("JPEG", orientation)
    targets = Targets(
        boxes=np.array([[20.0, 30, 90, 100]]),
        box_labels=np.array([0]),
        keypoints=np.array([[[50.0, 60]]]),
        masks=np.ones((1, *source.size), np.uint8),
    )
    ops = [{"center_crop": {"size": 150}}, {"resize": {"size": 40}}, {"affine": {"degrees": 10}}]
    plan = Pipeline(ops).plan(source.size)
    scale, region = int(plan.decode_scale[0]), plan.sight.regions[0]
    assert scale > 1
    assert region is not None
    upright = Decoded(np.zeros((*source.size, 3), np.uint8), UPRIGHT)
    expected = cv2_image.run(plan, 0, [Picture(upright, targets)]).targets
    assert len(expected.boxes) == 1
    for asked in [(1,), (scale,), (1, region), (scale, region)]:
        found = cv2_image.run(plan, 0, [Picture(source.decode(*asked), targets)]).targets
        for name in ("boxes", "keypoints", "masks"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_a_turned_file_that_is_not_warped_is_turned(photograph):
    source = photograph("JPEG", 6)
    plan = Pipeline([{"brightness": {"factor": 0.5}}]).plan(source.size)
    given = [Picture(source.decode(), Targets(boxes=np.array([[1.0, 2, 30, 40]])))]
    done = cv2_image.run(plan, 0, given)
    again = cv2_image.run(
        plan,
        0,
        [Picture(Decoded(decoding.upright(source.decode(), source.size), UPRIGHT), Targets())],
    )
    assert np.array_equal(done.image, again.image)
    assert done.boxes.tolist() == [[1, 2, 30, 40]]
