import math

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from augpipe.train.confusion import Confusion, all_names, per_class
from augpipe.train.score import Tally


@pytest.fixture
def answered():
    """Classes and answers of 60 samples, of 4 outputs."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 3, (2, 60), generator=generator)


def counted(answered, outputs=4):
    confusion = Confusion(torch.device("cpu"))
    for classes, answers in zip(*(row.split(25) for row in answered), strict=True):
        confusion.add(classes, answers, outputs)
    return confusion.matrix()


def test_the_matrix_is_scikit_learns(answered):
    expected = confusion_matrix(*answered.numpy(), labels=range(4))
    assert np.array_equal(counted(answered).numpy(), expected)


def test_the_table_is_scikit_learns(answered):
    rows = per_class(counted(answered), ["a", "b", "c"])
    expected = precision_recall_fscore_support(*answered.numpy(), labels=range(3))
    for number, name in enumerate("abc"):
        row = rows[number]
        assert row["class"] == name
        numbers = [row[key] for key in ("precision", "recall", "f1", "samples")]
        assert numbers == pytest.approx([column[number] for column in expected])
    assert math.isnan(rows[3]["precision"])
    assert rows[3]["class"] == "output 3"


def test_outputs_beyond_the_classes_are_numbered():
    assert all_names(["a"], 3) == ["a", "output 1", "output 2"]


@pytest.mark.parametrize("k", [1, 2, 9])
def test_top_k_is_brute_force(k):
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(50, 5, generator=generator)
    labels = torch.randint(0, 5, (50,), generator=generator)
    tally = Tally(torch.device("cpu"), top_k=k)
    for part, some in zip(logits.split(20), labels.split(20), strict=True):
        tally.add(torch.tensor(0.0), part, some)
    ranked = logits.argsort(1, descending=True).tolist()
    hits = [label in row[:k] for row, label in zip(ranked, labels.tolist(), strict=True)]
    assert tally.scores().top_k == sum(hits) / 50


def test_a_tally_goes_on_from_its_saved_sums():
    one, other = Tally(torch.device("cpu")), Tally(torch.device("cpu"))
    one.add(torch.tensor(1 / 3), torch.eye(3), torch.tensor([0, 1, 1]))
    other.load_state_dict(one.state_dict())
    assert other.scores() == one.scores()
