import pickle

import numpy as np
import pyarrow as pa
import pytest

from augpipe.data.columns import digest, text_column

TEXTS = ["a", "", "bc", "ü/ß.jpg"]


@pytest.mark.parametrize(
    "texts",
    [
        TEXTS,
        iter(TEXTS),
        pa.array(TEXTS),
        pa.chunked_array([TEXTS[:1], TEXTS[1:]]),
        pa.array(TEXTS).dictionary_encode(),
        pa.array(["cut", *TEXTS, "off"]).slice(1, 4),
    ],
)
def test_text_columns_are_alike_whatever_they_come_from(texts):
    column = text_column(texts)
    assert column.to_pylist() == TEXTS
    assert column.type == pa.large_string()
    assert digest(column, None, ()) == digest(text_column(TEXTS), None, ())


def test_a_digest_tells_texts_labels_and_names_apart():
    labels = np.array([0, 1, 0, 1])
    digests = {
        digest(text_column(texts), numbers, names)
        for texts in (TEXTS, ["a", "b", "c", "ü/ß.jpg"], ["ab", "c", "", "ü/ß.jpg"])
        for numbers in (None, labels, 1 - labels)
        for names in ((), ("a", "b"), ("ab",))
    }
    assert len(digests) == 3 * 3 * 3


def test_no_object_for_each_row_is_pickled():
    many = text_column([f"class/{number:06d}.jpg" for number in range(10_000)])
    assert len(pickle.dumps(many)) < 10_000 * (16 + 8) + 1000  # characters and offsets
    assert pickle.dumps(many).count(b"class/") == 10_000
    assert digest(text_column([]), None, ()) == digest(text_column([]), None, ())
