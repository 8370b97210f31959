import copy
import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from augpipe import CocoDataset, build_loader
from augpipe.errors import DataError, DecodeError
from encoded import encode

SCENES = Path(__file__).parents[2] / "samples" / "scenes.json"

DOCUMENT = {
    "images": [
        {"id": 30, "file_name": "b.png", "width": 10, "height": 8},
        {"id": 10, "file_name": "a.png", "width": 10, "height": 8},
        {"id": 20, "file_name": "deep/c.png", "width": 10, "height": 8},
    ],
    "annotations": [
        {
            "image_id": 10,
            "category_id": 7,
            "bbox": [1, 2, 3.5, 4],
            "segmentation": [[1, 2, 4.5, 2, 4.5, 6, 1, 6], [8, 6, 10, 6, 10, 8, 8, 8]],
            "keypoints": [3, 4, 2, 0, 0, 0, 5, 6, 1],
        },
        {
            "image_id": 30,
            "category_id": 2,
            "bbox": [0, 0, 10, 8],
            "segmentation": {"size": [8, 10], "counts": [0, 80]},
        },
        {
            "image_id": 10,
            "category_id": 2,
            "bbox": [5, 5, 1, 1],
            "segmentation": {"size": [8, 10], "counts": "]11R1"},
        },
        {
            "image_id": 10,
            "category_id": 2,
            "bbox": [0, 0, 9, 7],
            "segmentation": [[0, 0, 9, 0, 9, 7]],
            "iscrowd": 1,
        },
    ],
    "categories": [
        {"id": 7, "name": "person", "keypoints": ["nose", "left_ear", "right_ear"]},
        {"id": 2, "name": "cat"},
    ],
}


@pytest.fixture
def document():
    return copy.deepcopy(DOCUMENT)


@pytest.fixture
def write(tmp_path, document):
    """Writes the document and its pictures, and opens it."""
    for image in document["images"]:
        file = tmp_path / "images" / image["file_name"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encode(np.full((8, 10, 3), image["id"], np.uint8), "PNG"))

    def open_it(**options):
        (tmp_path / "some.json").write_text(json.dumps(document))
        return CocoDataset(tmp_path / "some.json", **options)

    return open_it


def test_rows_are_images_in_order_with_their_objects(write):
    dataset = write()
    assert len(dataset) == 3
    assert dataset.classes == ("cat", "person")
    assert [int(dataset[row].image[0, 0, 0]) for row in range(3)] == [30, 10, 20]
    targets = dataset.row(1).targets
    assert targets.boxes.tolist() == [[1, 2, 4.5, 6], [5, 5, 6, 6]]
    assert targets.box_labels.tolist() == [1, 0]
    assert targets.boxes.dtype == np.float64
    assert targets.box_labels.dtype == np.int64


def test_masks_are_drawn_from_each_form(write):
    masks = write().row(1).targets.masks
    assert masks.shape == (2, 8, 10)
    assert masks.dtype == np.uint8
    expected = np.zeros((8, 10), np.uint8)
    expected[2:6, 1:4] = expected[6:, 8:] = 1
    assert np.array_equal(masks[0], expected)
    assert np.argwhere(masks[1]).tolist() == [[5, 5]]
    assert write().row(0).targets.masks.all()
    assert write(masks=False).row(1).targets.masks is None


def test_keypoints_move_to_the_centres_of_their_pixels(write):
    targets = write().row(1).targets
    assert targets.keypoints[0].tolist() == [[3.5, 4.5, 2], [0, 0, 0], [5.5, 6.5, 1]]
    assert not targets.keypoints[1].any()
    assert targets.mirrored_keypoints.tolist() == [0, 2, 1]
    assert write(keypoint_offset=0).row(1).targets.keypoints[0, 0].tolist() == [3, 4, 2]
    assert write(keypoints=False).row(1).targets.keypoints is None


def test_flip_pairs_come_before_names(write, document):
    document["categories"][0]["flip_pairs"] = [[0, 2]]
    assert write().row(1).targets.mirrored_keypoints.tolist() == [2, 1, 0]
    for wrong in ([[0, 3]], [[0, -1]], [[0, 1], [1, 2]], [[0]], "ab", [["a", "b"]]):
        document["categories"][0]["flip_pairs"] = wrong
        with pytest.raises(DataError, match=r"flip_pairs are .* counted from 0 to 2"):
            write()


def test_a_picture_without_objects_has_empty_arrays(write):
    targets = write().row(2).targets
    assert targets.boxes.shape == (0, 4)
    assert targets.box_labels.shape == (0,)
    assert targets.masks.shape == (0, 8, 10)
    assert targets.keypoints.shape == (0, 3, 3)


def test_crowds_are_left_out_unless_asked_for(write):
    assert len(write().row(1).targets.boxes) == 2
    targets = write(crowd=True).row(1).targets
    assert targets.boxes.tolist()[2] == [0, 0, 9, 7]
    assert len(targets.masks) == len(targets.keypoints) == 3


def test_masks_are_there_for_all_objects_or_none(write, document):
    document["annotations"][2]["segmentation"] = []
    with pytest.raises(DataError, match=r"annotations\[2\] has no masks, though .* masks=False"):
        write()
    for entry in document["annotations"]:
        del entry["segmentation"]
    assert write().row(1).targets.masks is None
    with pytest.raises(DataError, match=r"annotations\[0\] has no masks, nor has any"):
        write(masks=True)


@pytest.mark.parametrize(
    ("box", "fault", "clipped"),
    [
        ([3, 3, 0, 4], "has no area", []),
        ([3, 3, 4, -1], "has no area", []),
        ([8, 3, 4, 2], "leaves the picture, 10 wide, 8 high", [[8, 3, 10, 5]]),
        ([-1, -1, 4, 2], "leaves the picture", [[0, 0, 3, 1]]),
        ([11, 1, 4, 2], "leaves the picture", []),
    ],
)
def test_invalid_boxes_are_found_and_dropped_or_clipped_on_request(
    write, document, box, fault, clipped
):
    document["annotations"][2]["bbox"] = box
    with pytest.raises(DataError, match=rf"row 1 of .*\(a\.png\): box 1 .* {fault}.*\(1 such"):
        write()
    dropped = write(on_invalid="drop").row(1).targets
    assert dropped.boxes.tolist() == [[1, 2, 4.5, 6]]
    assert len(dropped.box_labels) == len(dropped.masks) == len(dropped.keypoints) == 1
    assert write(on_invalid="clip").row(1).targets.boxes.tolist()[1:] == clipped
    with pytest.raises(DataError, match="on_invalid is 'drops'; did you mean 'drop'"):
        write(on_invalid="drops")


def test_what_rounding_makes_is_cut_off(write, document):
    document["annotations"][2]["bbox"] = [5, 5, 5.01, 3.01]
    assert write().row(1).targets.boxes[1].tolist() == [5, 5, 10, 8]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("categories"), "has no 'categories'"),
        (lambda d: d.update(images=3), "'images' is not a list of objects"),
        (lambda d: d["images"][1].pop("file_name"), r"images\[1\] has the file_name None"),
        (lambda d: d["images"][1].update(file_name="a\0.png"), r"images\[1\] has the file_name"),
        (lambda d: d["categories"][1].update(name="\ud800"), r"categories\[\d\] has the name"),
        (lambda d: d["images"][1].update(id=30), r"images\[1\] has the id 30, as images\[0\]"),
        (lambda d: d["images"][1].update(width="10"), r"width '10'; expected a whole number"),
        (lambda d: d["annotations"][1].pop("bbox"), r"annotations\[1\] has the bbox"),
        (lambda d: d["annotations"][1].update(bbox=[1, 2, 3, "4"]), "expected 4 numbers"),
        (lambda d: d["annotations"][1].update(image_id=31), r"image_id 31, of no images; did you"),
        (lambda d: d["annotations"][1].update(category_id=3), "category_id 3, of no categories"),
        (lambda d: d["annotations"][0].update(keypoints=[1, 2]), r"\[0\].* expected 9 numbers"),
        (lambda d: d["annotations"][0].update(segmentation=[[1, 2]]), r"\[0\]: a polygon is"),
        (lambda d: d["annotations"][0].update(segmentation="x"), r"\[0\]: .* is a str"),
        (lambda d: d["annotations"][1]["segmentation"].update(size=[8, 11]), r"for \[8, 11\], not"),
        (lambda d: d["annotations"][1]["segmentation"].update(counts=[1]), "add up to 1 of 80"),
        (lambda d: d["images"][0].update(file_name="../b.png"), r"\.\./b\.png .* root"),
        (lambda d: d["images"][0].update(file_name="/etc/b.png"), r"/etc/b\.png .* root"),
        (
            lambda d: d["categories"][1].update(keypoints=["tail"]),
            "'cat' and 'person' have different keypoints",
        ),
    ],
)
def test_wrong_entries_are_errors_that_name_them(write, document, change, message):
    change(document)
    with pytest.raises(DataError, match=message):
        write()


@pytest.mark.parametrize("text", ["", "[", "[]", "[" * 100_000, '{"images": NaN}', "\xff\xfe"])
def test_what_is_not_cocos_json_is_refused(tmp_path, text):
    file = tmp_path / "broken.json"
    file.write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match=r"broken\.json"):
        CocoDataset(file)


def test_a_path_may_not_leave_the_root_even_by_a_link(write, document, tmp_path):
    (tmp_path / "images" / "b.png").unlink()
    (tmp_path / "elsewhere.png").write_bytes(encode(np.zeros((8, 10, 3), np.uint8), "PNG"))
    (tmp_path / "images" / "b.png").symlink_to(tmp_path / "elsewhere.png")
    with pytest.raises(DataError, match=r"row 0 of .* a symbolic link leads out"):
        write().row(0)
    document["images"][0]["file_name"] = "../b.png"
    with pytest.raises(DataError, match="lies outside the image root"):
        write(root=tmp_path / "images")


def test_a_picture_of_another_size_is_refused(write, tmp_path):
    dataset = write()
    (tmp_path / "images" / "a.png").write_bytes(encode(np.zeros((10, 8, 3), np.uint8), "PNG"))
    with pytest.raises(DataError, match=r"row 1 .*is 10 high and 8 wide .* for 8 and 10"):
        dataset.row(1)
    (tmp_path / "images" / "a.png").write_bytes(b"none")
    with pytest.raises(DecodeError, match="row 1 of"):
        dataset.row(1)


def test_pictures_are_found_beside_the_file_or_by_root(write, tmp_path):
    assert write().root == tmp_path / "images"
    (tmp_path / "images").rename(tmp_path / "some")
    assert write().root == tmp_path / "some"
    (tmp_path / "some").rename(tmp_path / "else")
    with pytest.raises(DataError, match=r"first picture b\.png is not in .*; give the root"):
        write()
    assert write(root=tmp_path / "else").row(0).source.size == (8, 10)


def test_the_fingerprint_follows_rows_and_objects_not_the_place(write, document):
    first = write().fingerprint
    assert write().fingerprint == first
    assert write(masks=False).fingerprint != first
    document["annotations"][0]["bbox"][0] = 1.25
    assert write().fingerprint != first


def test_it_travels_to_workers(write):
    dataset = write()
    again = pickle.loads(pickle.dumps(dataset))  # noqa: S301 (our own, a line above)
    assert np.array_equal(again.row(1).targets.masks, dataset.row(1).targets.masks)


def test_masks_of_the_samples_lie_in_their_boxes():
    dataset = CocoDataset(SCENES)
    for row in range(len(dataset)):
        targets = dataset.row(row).targets
        for box, mask in zip(targets.boxes, targets.masks, strict=True):
            ys, xs = np.nonzero(mask)
            around = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
            assert np.abs(box - around).max() <= 1


def test_a_flip_keeps_left_hands_left():
    pipeline = [{"resize": {"size": [192, 256]}}, {"horizontal_flip": {"p": 1}}]
    loader = build_loader(CocoDataset(SCENES), pipeline, num_workers=0)
    before, after = loader.source[3], loader.replay(0, 3)
    hands = before.keypoints[:, [0, 2, 1, 4, 3]]
    seen = hands[..., 2] > 0
    assert seen.sum() > 5
    assert np.allclose(after.keypoints[seen][:, 0], 256 - hands[seen][:, 0])
    assert np.allclose(after.keypoints[seen][:, 1:], hands[seen][:, 1:])
    assert np.array_equal(after.masks, before.masks[:, :, ::-1])
    assert np.allclose(after.boxes[:, [2, 0]], 256 - before.boxes[:, [0, 2]])
