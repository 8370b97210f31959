import numpy as np
import pyarrow as pa
import pytest

from augpipe.data.labels import encode_labels
from augpipe.errors import DataError

TEXT = pa.large_string()


def encode(values, kind=None, **options):
    column = pa.array(values, kind)
    labels, names = encode_labels(column, np.arange(2, len(values) + 2), **options)
    assert labels.dtype == np.int64
    return labels.tolist(), names


@pytest.mark.parametrize(
    ("values", "kind", "labels", "names"),
    [
        (["cat", "ant", "cat"], TEXT, [1, 0, 1], ("ant", "cat")),
        (["2", "0", "2"], TEXT, [2, 0, 2], ("0", "1", "2")),
        (["1.0", "0.0"], TEXT, [1, 0], ("0", "1")),
        (["1", "two"], TEXT, [0, 1], ("1", "two")),
        ([2, 0], pa.uint8(), [2, 0], ("0", "1", "2")),
        ([1.0, 0.0], pa.float32(), [1, 0], ("0", "1")),
        ([True, False], pa.bool_(), [1, 0], ("0", "1")),
    ],
)
def test_whole_numbers_are_indices_and_all_else_is_a_name(values, kind, labels, names):
    assert encode(values, kind) == (labels, names)


def test_given_classes_set_the_order():
    assert encode(["cat", "ant"], TEXT, classes=["cat", "bee", "ant"]) == (
        [0, 2],
        ("cat", "bee", "ant"),
    )
    assert encode([1, 0], classes=["no", "yes"]) == ([1, 0], ("no", "yes"))


def test_a_transform_is_called_once_for_each_distinct_label():
    seen = []

    def first_letter(label):
        seen.append(label)
        return label[0]

    values = ["cat", "ant", "cow", "cat", "ant"] * 10
    assert encode(values, TEXT, transform=first_letter) == ([1, 0, 1, 1, 0] * 10, ("a", "c"))
    assert seen == ["cat", "ant", "cow"]


def test_a_transform_chooses_between_indices_and_names():
    assert encode(["10", "9"], TEXT, transform=str) == ([0, 1], ("10", "9"))
    assert encode(["a1", "a0"], TEXT, transform=lambda label: int(label[1])) == ([1, 0], ("0", "1"))


@pytest.mark.parametrize(
    ("values", "kind", "options", "message"),
    [
        (["a", "", "b"], TEXT, {}, "row 3 has no label"),
        (["a", None], TEXT, {}, "row 3 has no label"),
        ([1, None], pa.int64(), {}, "row 3 has no label"),
        (["0", "-1"], TEXT, {}, "row 3 has the unknown label -1; class indices here are 0 to 0"),
        (["0.5", "1"], TEXT, {}, "row 2 has the label 0.5, which is not a whole number"),
        ([1.0, float("nan")], None, {}, "row 3 has the label nan"),
        ([0, 5], None, {"classes": ["a", "b"]}, "row 3 has the unknown label 5; .* are 0 to 1"),
        (["dg"], TEXT, {"classes": ["cat", "dog"]}, "row 2 .* 'dg'; did you mean 'dog'"),
        ([2**40], None, {}, "label_transform=str makes names"),
        ([2**64 - 1], pa.uint64(), {}, "neither names nor classes"),
        ([b"a"], None, {}, "labels of type binary are neither"),
        (["a"], TEXT, {"classes": []}, r"classes are \[\]"),
        (["a"], TEXT, {"classes": "ab"}, "classes are 'ab'"),
        (["a"], TEXT, {"classes": ["a", 1]}, r"classes\[1\] is 1, a int"),
        (["a"], TEXT, {"classes": ["a", "a"]}, "'a' twice"),
        (["a"], TEXT, {"transform": lambda _: None}, r"label_transform\('a'\) is None"),
        (["a", "b"], TEXT, {"transform": {"a": 1, "b": "x"}.get}, r"label_transform\('b'\) is 'x'"),
    ],
)
def test_what_cannot_be_a_label_is_named_with_its_row(values, kind, options, message):
    with pytest.raises(DataError, match=message):
        encode(values, kind, **options)
