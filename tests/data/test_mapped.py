import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Subset
from torchvision import tv_tensors
from torchvision.datasets import ImageFolder

from augpipe.data.mapped import MappedDataset
from augpipe.errors import DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 5, 3)).astype(np.uint8)
GREY = np.ascontiguousarray(PIXELS[..., :1])


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.fromarray(PIXELS), PIXELS),
        (Image.fromarray(GREY[..., 0]), GREY),
        (Image.fromarray(GREY[..., 0]).convert("P"), GREY),
        (PIXELS, PIXELS),
        (GREY, GREY),
        (GREY[..., 0], GREY),
        (torch.from_numpy(PIXELS).permute(2, 0, 1), PIXELS),
        (torch.from_numpy(GREY).permute(2, 0, 1), GREY),
        (tv_tensors.Image(torch.from_numpy(PIXELS).permute(2, 0, 1)), PIXELS),
    ],
)
@pytest.mark.parametrize("item", ["alone", "pair", "dictionary"])
def test_pictures_of_any_kind_in_items_of_any_form(image, expected, item):
    items = {"alone": image, "pair": (image, 3), "dictionary": {"image": image, "label": 3}}
    row = MappedDataset([items[item]]).row(0)
    assert row.source.size == (4, 5)
    np.testing.assert_array_equal(
        row.source.decode().image, np.broadcast_to(expected, PIXELS.shape)
    )
    assert row.targets.label == (None if item == "alone" else 3)


def test_transparent_pixels_show_the_background():
    clear = Image.new("RGBA", (3, 2), (0, 0, 0, 0))
    assert (MappedDataset([clear], background=(1, 2, 3))[0].image == (1, 2, 3)).all()


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (torch.zeros(3, 4, 5), r"a Tensor of torch.float32, shape \(3, 4, 5\); .* make floats"),
        (np.zeros((4, 5, 3)), r"a ndarray of float64, shape \(4, 5, 3\)"),
        (np.zeros((4, 5, 7), np.uint8), r"shape \(4, 5, 7\)"),
        (torch.zeros(4, 5, dtype=torch.uint8), r"shape \(4, 5\)"),
        ("a.png", "its image is a str"),
        (Image.new("F", (3, 2)), "'F' pixels, whose range is not known"),
        ((PIXELS, 1, 2), "is a tuple of 3"),
        ({"picture": PIXELS}, "no 'image' among its keys picture"),
    ],
)
def test_other_items_are_refused_with_their_row(item, message):
    with pytest.raises(DataError, match=f"^item 1 of list: .*{message}"):
        MappedDataset([PIXELS, item]).row(1)


def test_an_exception_of_the_dataset_is_told_with_its_row():
    class Broken:
        def __len__(self):
            return 9

        def __getitem__(self, index):
            raise KeyError("no such thing")

    with pytest.raises(DataError, match=r"^item 7 of Broken: KeyError: 'no such thing'") as caught:
        MappedDataset(Broken()).row(7)
    assert isinstance(caught.value.__cause__.__cause__, KeyError)


def test_classes_are_the_datasets():
    class Named(list):
        classes = ("a", "b")

    assert MappedDataset(Named([PIXELS])).classes == ("a", "b")
    assert MappedDataset([PIXELS]).classes == ()


def test_the_fingerprint_tells_type_length_and_classes_apart():
    class Other(list):
        pass

    prints = {MappedDataset(items).fingerprint for items in ([1], [1, 2], Other([1]))}
    assert len(prints) == 3


class Known:
    """A dataset that has its targets in a list, as torchvision's do."""

    def __init__(self, **attributes):
        self.__dict__.update(attributes)

    def __len__(self):
        return 3

    def __getitem__(self, index):
        raise AssertionError("an item was opened")


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"targets": [2, 0, 1]}, [2, 0, 1]),
        ({"targets": torch.tensor([2, 0, 1], dtype=torch.int32)}, [2, 0, 1]),
        ({"labels": np.array([2, 0, 1], np.uint8)}, [2, 0, 1]),
        ({}, None),
        ({"targets": None}, None),
        ({"targets": [1, 2]}, None),
        ({"targets": [0.5, 1.0, 2.0]}, None),
        ({"targets": [[1], [2, 3], []]}, None),
        ({"targets": ["a", "b", "c"]}, None),
        ({"labels": lambda: None}, None),
        ({"targets": [2, 0, 1], "target_transform": abs}, None),
        ({"targets": [2, 0, 1], "target_transform": None}, [2, 0, 1]),
    ],
)
def test_labels_are_those_that_the_dataset_lists(attributes, expected):
    labels = MappedDataset(Known(**attributes)).labels
    assert (None if labels is None else labels.tolist()) == expected
    assert labels is None or labels.dtype == np.int64


def test_a_subset_has_the_labels_of_its_items(class_folders):
    whole = ImageFolder(str(class_folders))
    assert MappedDataset(whole).labels.tolist() == whole.targets
    subset = Subset(Subset(whole, [3, 0, 2]), [2, 1])
    assert MappedDataset(subset).labels.tolist() == [subset[0][1], subset[1][1]] == [1, 0]
    assert MappedDataset(Subset(Known(), [1])).labels is None


class LikeHuggingFace:
    """Rows as dictionaries, what they hold as `features`, columns by name."""

    class ClassLabel:
        names = ("cat", "dog")

    def __init__(self, images, labels):
        self.features = {"image": object(), "label": self.ClassLabel()}
        self._columns = {"image": images, "label": labels}

    def __len__(self):
        return len(self._columns["label"])

    def __getitem__(self, what):
        if isinstance(what, str):
            return iter(self._columns[what])
        return {name: values[what] for name, values in self._columns.items()}


def test_hugging_faces_features_name_the_classes():
    dataset = MappedDataset(LikeHuggingFace([PIXELS] * 3, [1, 0, 1]))
    assert dataset.classes == ("cat", "dog")
    assert dataset.labels.tolist() == [1, 0, 1]
    assert dataset[2].label == 1


def test_files_are_decoded_as_little_as_will_be_seen(tmp_path):
    path = tmp_path / "a.jpg"
    Image.fromarray(np.kron(PIXELS, np.ones((16, 16, 1), np.uint8))).save(path, quality=95)
    held = {"bytes": path.read_bytes(), "path": None}
    named = {"bytes": None, "path": str(path)}
    dataset = MappedDataset(LikeHuggingFace([held, named], [0, 1]))
    for row in map(dataset.row, range(2)):
        assert row.source.size == (64, 80)
        assert row.source.decode(scale=8).image.shape == (8, 10, 3)
        np.testing.assert_allclose(row.source.decode().image[8::16, 8::16], PIXELS, atol=30)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ({"bytes": None, "path": None}, "its image has neither bytes nor a path"),
        ({"pixels": 3}, "its image has neither bytes nor a path"),
        ({"bytes": b"none"}, "its image: "),
        ({"path": "nowhere.jpg"}, "no such file: nowhere.jpg"),
    ],
)
def test_files_that_are_none_are_refused_with_their_row(image, message):
    with pytest.raises(DataError, match=f"^item 0 of list: {message}"):
        MappedDataset([{"image": image, "label": 0}]).row(0)
