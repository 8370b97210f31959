"""Mixing: pixels, labels, boxes, masks, and who is mixed with whom."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from augpipe import Pipeline
from augpipe.errors import DataError, RecipeError, TargetError
from augpipe.plan import Mix
from executors import distance
from pictures import COLORS, noise, photo, plain, shares

SIZE = (48, 64)
SEEDS = range(8)


def one_hot(label: int, classes: int = len(COLORS)) -> np.ndarray:
    return np.eye(classes, dtype=np.float32)[label]


COLORED = [{"image": plain(color, SIZE), "label": one_hot(n)} for n, color in enumerate(COLORS)]


def mixed(ops, own=None, partners=COLORED, **key):
    own = COLORED[0] if own is None else own
    return Pipeline(ops)(
        own["image"], partners=partners, **key, **{k: v for k, v in own.items() if k != "image"}
    )


def params(sample, name: str) -> dict:
    return next(entry for entry in sample.record if entry["op"] == f"{name}#0")


@pytest.mark.parametrize("seed", SEEDS)
def test_mixup_is_the_mean_of_pixels_and_labels(seed):
    own = {"image": photo(), "label": one_hot(0)}
    other = {"image": noise(), "label": one_hot(1)}
    sample = mixed(["mixup"], own, [other], seed=seed)
    lam = params(sample, "mixup")["lam"]
    assert distance(sample.image, lam * photo() + (1 - lam) * noise()).max() <= 0.5 + 1e-4
    assert np.allclose(sample.label, lam * one_hot(0) + (1 - lam) * one_hot(1))


@pytest.mark.parametrize("alpha", [0.2, 1.0, 8.0])
@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_lambda_is_beta_distributed_for_each_sample(name, alpha):
    plan = Pipeline([{name: {"alpha": alpha}}]).plan(SIZE, index=np.arange(3000))
    lam = dict(plan.record)[f"{name}#0"]["lam"]
    assert stats.kstest(lam, stats.beta(alpha, alpha).cdf).pvalue > 0.01


@pytest.mark.parametrize("name", ["mixup", "cutmix", "mosaic", "copy_paste"])
def test_every_row_is_as_likely_a_partner(name):
    fields = {"size": 32} if name == "mosaic" else {}
    rows = Pipeline([{name: fields}]).rows(10, index=np.arange(4000))
    partners = rows[:, 1:][rows[:, 1:] >= 0]
    assert stats.chisquare(np.bincount(partners, minlength=10)).pvalue > 0.01


@pytest.mark.parametrize("seed", SEEDS)
def test_the_label_of_cutmix_is_the_exact_share_of_pixels(seed):
    sample = mixed(["cutmix"], seed=seed)
    assert np.allclose(shares(sample.image), sample.label, atol=1e-7)
    assert sample.label.sum() == pytest.approx(1)


def test_without_correction_the_label_of_cutmix_is_lambda():
    sample = mixed([{"cutmix": {"correct_lam": False}}], seed=3)
    lam = params(sample, "cutmix")["lam"]
    own = shares(sample.image)[0]
    assert sample.label[0] == pytest.approx(lam)
    assert own > lam  # this one was cut off at the edge


def test_the_rectangle_of_cutmix_is_that_of_the_paper():
    plan = Pipeline(["cutmix"]).plan(SIZE, index=np.arange(500))
    drawn, mix = dict(plan.record)["cutmix#0"], plan.steps[0]
    half = np.sqrt(1 - drawn["lam"])[:, None] * np.array(SIZE[::-1]) / 2
    centre = drawn["centre"] * np.array(SIZE[::-1])
    x0, y0, x1, y1 = mix.params["rectangle"].T
    assert np.allclose(x0, np.clip(centre - half, 0, None)[:, 0], atol=0.5)
    assert np.allclose(y1, np.clip(centre + half, None, SIZE[0])[:, 1], atol=0.5)
    assert ((x1 <= SIZE[1]) & (y0 >= 0)).all()
    assert stats.kstest(drawn["centre"][:, 0], "uniform").pvalue > 0.01


AFTER_MOSAIC = {
    "nothing": [],
    "flip": [{"horizontal_flip": {"p": 1}}],
    "affine": [{"affine": {"degrees": 40, "scale": [0.4, 1.6], "shear": 10, "fill": 114}}],
    "perspective": [{"perspective": {"p": 1, "fill": 114}}],
    "affine and crop": [
        {"affine": {"degrees": 9, "fill": 114}},
        {"center_crop": {"size": [20, 30]}},
    ],
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("after", AFTER_MOSAIC)
def test_the_label_of_mosaic_is_the_exact_share_of_pixels(after, seed):
    """Pictures that fill their quadrants, in steps of nearest neighbour, so that colours stay."""
    sample = mixed([{"mosaic": {"size": SIZE}}, *AFTER_MOSAIC[after]], seed=seed)
    assert sample.label.sum() == pytest.approx(1, abs=1e-6)
    filled = (sample.image == 114).all(axis=2).mean()
    assert (shares(sample.image) <= sample.label + 1e-6).all()
    if after in ("nothing", "flip"):
        # A canvas of twice the size is covered wherever the window looks, but for its far corners.
        assert np.abs(shares(sample.image) - sample.label).sum() == pytest.approx(filled, abs=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_mosaic_equals_four_pictures_pasted_on_a_canvas(seed):
    """The oracle builds what never exists: the doubled canvas, and the window at its middle."""
    pictures = [photo()[: 2 * s, : 3 * s] for s in (7, 12, 20, 24)]
    op = {"mosaic": {"size": SIZE, "center_range": [0.3, 0.7]}}
    sample = mixed([op], {"image": pictures[0]}, [{"image": p} for p in pictures], seed=seed)
    rows = Pipeline([op]).rows(4, seed=seed)[0]
    height, width = SIZE
    x, y = (np.array(params(sample, "mosaic")["center"]) * 2 * np.array([width, height])).round()
    x, y = int(round(x - width / 2) + width // 2), int(round(y - height / 2) + height // 2)
    canvas = np.full((2 * height, 2 * width, 3), 114, np.uint8)
    for place, picture in enumerate([pictures[0], *(pictures[row] for row in rows[1:])]):
        scale = min(height / picture.shape[0], width / picture.shape[1])
        size = [round(picture.shape[0] * scale), round(picture.shape[1] * scale)]
        tile = Pipeline([{"resize": {"size": size}}])(picture).image
        left, top = (x - size[1] if place % 2 == 0 else x), (y - size[0] if place < 2 else y)
        ys, xs = slice(max(top, 0), top + size[0]), slice(max(left, 0), left + size[1])
        region = canvas[ys, xs]
        region[:] = tile[max(-top, 0) :, max(-left, 0) :][: region.shape[0], : region.shape[1]]
    window = canvas[height // 2 : height // 2 + height, width // 2 : width // 2 + width]
    assert distance(sample.image, window).max() <= 1


@pytest.mark.parametrize("seed", SEEDS)
def test_a_flipped_mosaic_is_the_mosaic_flipped(seed):
    mosaic, flip = {"mosaic": {"size": [60, 80]}}, {"horizontal_flip": {"p": 1}}
    plain, flipped = (
        mixed(ops, OBJECTS[0], OBJECTS, seed=seed) for ops in ([mosaic], [mosaic, flip])
    )
    assert np.array_equal(flipped.image, plain.image[:, ::-1])
    assert np.array_equal(flipped.masks, plain.masks[..., ::-1])
    assert np.allclose(
        flipped.boxes, plain.boxes[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [80, 0, 80, 0]
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_a_warp_after_a_mosaic_shows_what_one_of_its_picture_shows(seed):
    """Zoomed in, nothing beyond the window is seen, so there the two are the same."""
    mosaic, zoom = {"mosaic": {"size": [60, 80]}}, {"affine": {"scale": [1.5, 1.5], "fill": 114}}
    ours = mixed([mosaic, zoom], OBJECTS[0], OBJECTS, seed=seed)
    theirs = mixed([mosaic, "barrier", zoom], OBJECTS[0], OBJECTS, seed=seed)
    # They differ only where interpolation mixes the pixels of two quadrants, or of object and not.
    assert (distance(ours.image, theirs.image).max(axis=2) > 2).mean() < 0.1
    assert np.allclose(ours.boxes, theirs.boxes)


def test_whose_a_pixel_of_a_mosaic_is_its_centre_decides():
    small = [12, 16]
    for seed in SEEDS:
        sample = mixed([{"mosaic": {"size": SIZE}}, {"resize": {"size": small}}], seed=seed)
        center = np.array(params(sample, "mosaic")["center"])
        corner = ((center * 2 - 0.5) * [SIZE[1], SIZE[0]]).round()
        x, y = (np.arange(n) * 4 + 2 for n in (small[1], small[0]))
        rows = Pipeline([{"mosaic": {"size": SIZE}}]).rows(len(COLORED), seed=seed)[0]
        expected = np.zeros(len(COLORS))
        for place, row in enumerate([0, *rows[1:]]):
            across, down = (x >= corner[0]) == place % 2, (y >= corner[1]) == place // 2
            expected[row] += across.mean() * down.mean()
        assert np.allclose(sample.label, expected, atol=1e-6)


def test_a_mosaic_and_the_warps_after_it_sample_each_picture_once():
    ops = [{"resize": {"size": 90}}, {"mosaic": {"size": 64}}, *AFTER_MOSAIC["affine and crop"]]
    plan = Pipeline(ops).plan((120, 160))
    (mix,) = plan.steps
    assert [len(part.steps) for part in mix.parts] == [1, 1, 1, 1]
    assert plan.out_size.tolist() == [[20, 30]]
    other_fill = Pipeline([*ops[:2], {"affine": {"degrees": 9}}]).plan((120, 160))
    assert len(other_fill.steps) == 2


def painted(size, boxes, color) -> dict:
    image = plain([20, 20, 20], size)
    masks = np.zeros((len(boxes), *size), np.uint8)
    for number, (x0, y0, x1, y1) in enumerate(boxes):
        image[y0:y1, x0:x1] = color
        masks[number, y0:y1, x0:x1] = 1
    labels = np.full(len(boxes), COLORS.index(color))
    return {"image": image, "boxes": np.array(boxes), "labels": labels, "masks": masks}


OBJECTS = [
    painted((60, 80), [(10 + 4 * n, 12, 40 + 4 * n, 44)], color) for n, color in enumerate(COLORS)
]


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.parametrize(
    "ops",
    [
        [{"mosaic": {"size": [60, 80]}}],
        [{"mosaic": {"size": [60, 80]}}, {"affine": {"scale": [0.5, 1.5], "fill": 114}}],
        [{"horizontal_flip": {}}, {"mosaic": {"size": [60, 80]}}, {"horizontal_flip": {}}],
        [{"affine": {"translate": [0.5, 0.5]}}, {"mosaic": {"size": [60, 80]}}],
        ["cutmix"],
        ["copy_paste"],
        [{"affine": {"translate": [0.2, 0.2]}}, "copy_paste", {"resize": {"size": [90, 110]}}],
    ],
    ids=[
        "mosaic",
        "mosaic, affine",
        "flip, mosaic, flip",
        "affine, mosaic",
        "cutmix",
        "copy_paste",
        "chain",
    ],
)
def test_boxes_are_where_objects_are_painted(ops, seed):
    own, others = OBJECTS[seed % 3], OBJECTS[3:]
    sample = mixed(ops, own, others, seed=seed)
    assert len(sample.boxes) == len(sample.targets.box_labels) == len(sample.masks)
    seen = np.zeros(sample.image.shape[:2], int)
    for box, label, mask in zip(sample.boxes, sample.targets.box_labels, sample.masks, strict=True):
        ys, xs = np.nonzero(mask)
        seen += mask
        around = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]) if len(xs) else box
        # Half a pixel for nearest neighbour, more where a cut leaves a corner of a picture over.
        beyond = (around - box) * [-1, -1, 1, 1]
        assert beyond.max() <= 1.3
        assert beyond.min() >= -1.3 or "cutmix" in ops
        inner = sample.image[mask > 0].astype(int)
        if len(inner) > 50:
            assert distance(np.median(inner, axis=0), COLORS[label]).max() <= 2
    assert seen.max(initial=0) <= 1


def test_boxes_of_cutmix_shrink_and_vanish():
    own = painted((60, 80), [(0, 0, 30, 60), (20, 20, 60, 40), (60, 0, 80, 8)], COLORS[0])
    other = painted((60, 80), [(30, 10, 50, 50)], COLORS[1])
    for seed in range(60):
        sample = mixed(["cutmix"], own, [other], seed=seed)
        x0, y0, x1, y1 = (
            Pipeline(["cutmix"]).plan((60, 80), seed=seed).steps[0].params["rectangle"][0]
        )
        for box, label in zip(sample.boxes, sample.targets.box_labels, strict=True):
            if label == 1:
                assert box.tolist() == [max(30, x0), max(10, y0), min(50, x1), min(50, y1)]
        whole_covered = x0 <= 20 and x1 >= 60 and y0 <= 20 and y1 >= 40
        assert whole_covered == ([20, 20, 60, 40] not in _before(own, sample, (x0, y0, x1, y1)))


def _before(own, sample, rectangle):
    """Which of the sample's own boxes are left, as they were."""
    kept = [
        box
        for box, label in zip(sample.boxes, sample.targets.box_labels, strict=True)
        if label == 0
    ]
    return [
        before
        for before in own["boxes"].tolist()
        if any(
            b[0] >= before[0] and b[1] >= before[1] and b[2] <= before[2] and b[3] <= before[3]
            for b in kept
        )
    ]


def test_pasted_objects_cover_what_is_below():
    own = painted((60, 80), [(10, 10, 50, 50), (22, 22, 28, 28)], COLORS[0])
    own["masks"][0, 22:28, 22:28] = 0
    other = painted((60, 80), [(20, 5, 60, 55)], COLORS[1])
    sample = mixed([{"copy_paste": {"paste": 1}}], own, [other])
    assert sample.boxes.tolist() == [[10, 10, 20, 50], [20, 5, 60, 55]]
    assert sample.targets.box_labels.tolist() == [0, 1]
    assert sample.masks.sum(axis=(1, 2)).tolist() == [400, 2000]
    rare = Pipeline([{"copy_paste": {"paste": 1}}], boxes={"min_visibility": 0.3})
    done = rare(own["image"], partners=[other], **{k: own[k] for k in ("boxes", "labels", "masks")})
    assert done.targets.box_labels.tolist() == [1]


def test_copy_paste_wants_instance_masks():
    with pytest.raises(
        TargetError, match="copy_paste#0: pastes objects along their instance masks"
    ):
        mixed([{"copy_paste": {"paste": 1}}])


def test_detection_mixup_keeps_the_boxes_of_both():
    own, other = OBJECTS[0], OBJECTS[4]
    sample = mixed(["mixup"], own, [other])
    assert sample.boxes.tolist() == [*own["boxes"].tolist(), *other["boxes"].tolist()]
    assert sample.targets.box_labels.tolist() == [0, 4]


@pytest.mark.parametrize("name", ["mixup", "cutmix", "mosaic"])
def test_a_class_as_int_has_no_average(name):
    with pytest.raises(TargetError, match=f"{name}#0: averages labels"):
        Pipeline([{name: {"size": 32} if name == "mosaic" else {}}])(
            photo(), label=3, partners=[{"image": photo(), "label": 1}], seed=1
        )


def test_pictures_of_two_sizes_are_refused():
    with pytest.raises(RecipeError, match="mixup#0: mixes pictures of one size"):
        mixed(["mixup"], {"image": photo()}, [{"image": photo()[:20]}])


def test_partners_must_be_given_and_be_alike():
    with pytest.raises(DataError, match="mixes samples; give partners="):
        Pipeline(["mixup"])(photo())
    with pytest.raises(DataError, match="mixup#0: some pictures have boxes and others none"):
        mixed(
            ["mixup"], {"image": photo(), "boxes": np.array([[1.0, 1, 9, 9]])}, [{"image": photo()}]
        )


def test_a_partner_goes_through_the_ops_before_with_draws_of_its_own():
    ops = [{"rotate90": {"turns": [0, 1, 2, 3], "p": 1}}, {"cutmix": {"alpha": 50}}]
    turns = []
    for seed in range(12):
        own = {"image": photo()[:48, :48]}
        record = {e["op"]: e for e in mixed(ops, own, [own], seed=seed).record}
        turns.append((record["rotate90#0"]["turns"], record["cutmix#0/1/rotate90#0"]["turns"]))
    assert any(own != partner for own, partner in turns)
    alone = [
        Pipeline(ops[:1])(photo()[:48, :48], seed=seed).record[0]["turns"] for seed in range(12)
    ]
    assert [own for own, _ in turns] == alone


def test_mixes_nest():
    ops = [{"mosaic": {"size": SIZE}}, {"mixup": {"alpha": 8}}]
    sample = mixed(ops, seed=5)
    assert Pipeline(ops).pictures == 8
    assert len(sample.label.nonzero()[0]) > 2
    assert sample.label.sum() == pytest.approx(1, abs=1e-6)


# On whole batches.


def shared(name: str, mode: str, index: list[int]) -> tuple[np.ndarray, Mix]:
    """What each row drew, and the step."""
    plan = Pipeline(batch=[{name: {"mode": mode}}]).batch.plan(SIZE, index=index)
    return dict(plan.record)[f"{name}#0"]["lam"], plan.steps[0]


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_in_each_mode_the_draws_are_those_of_one_key(name):
    index = [7, 3, 9, 4, 8]
    for mode, whose in {
        "elem": [0, 1, 2, 3, 4],
        "pair": [0, 1, 2, 1, 0],
        "batch": [0, 0, 0, 0, 0],
    }.items():
        drawn, mix = shared(name, mode, index)
        assert drawn.tolist() == [shared(name, mode, [key])[0][0] for key in index]
        what = "lam" if name == "mixup" else "rectangle"
        alone = [shared(name, "elem", [index[row]])[1].params[what][0].tolist() for row in whose]
        assert mix.params[what].tolist() == alone


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
@pytest.mark.parametrize("rows", [1, 2, 5, 6])
def test_every_row_is_the_partner_of_one_and_never_needed_by_itself(name, rows):
    for mode in ("elem", "pair", "batch"):
        _, mix = shared(name, mode, list(range(rows)))
        partner = mix.params["partner"]
        assert sorted(partner) == list(range(rows))
        assert mix.needed.tolist() == [[True, other != row] for row, other in enumerate(partner)]
        if mode == "pair":
            assert (partner[partner] == np.arange(rows)).all()
