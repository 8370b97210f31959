import numpy as np
import pytest
import torch
from torch.nn import functional

from augpipe.errors import DataError, RecipeError
from augpipe.train.loss import Loss, find_class_weights


def batch(size, soft):
    generator = torch.Generator().manual_seed(size)
    logits = torch.randn(size, 4, generator=generator)
    labels = torch.randint(0, 4, (size,), generator=generator)
    return logits, torch.softmax(logits.flip(0), 1) if soft else labels


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weights", [None, torch.tensor([0.5, 1.0, 2.0, 4.0])])
def test_the_sum_over_the_size_is_torchs_mean(soft, smoothing, weights):
    logits, labels = batch(9, soft)
    loss = Loss(smoothing, weights)
    mean = functional.cross_entropy(logits, labels, weight=weights, label_smoothing=smoothing)
    torch.testing.assert_close(loss(logits, labels) / loss.size(labels), mean)


def test_sums_and_sizes_of_batches_add_up_to_those_of_all():
    loss = Loss(0.1, torch.tensor([0.5, 1.0, 2.0, 4.0]))
    logits, labels = batch(12, soft=False)
    parts = [(loss(a, b), loss.size(b)) for a, b in zip(logits.split(5), labels.split(5))]  # noqa: B905
    torch.testing.assert_close(sum(total for total, _ in parts), loss(logits, labels))
    torch.testing.assert_close(sum(size for _, size in parts), loss.size(labels))


def test_label_smoothing_is_the_papers():
    logits, labels = batch(7, soft=False)
    smooth = functional.one_hot(labels, 4) * 0.9 + 0.1 / 4
    by_hand = -(smooth * logits.log_softmax(1)).sum()
    torch.testing.assert_close(Loss(0.1)(logits, labels), by_hand)


def test_balanced_weights_let_every_class_count_the_same():
    labels = np.array([0, 0, 0, 0, 0, 1, 1, 2])
    weights = find_class_weights("balanced", labels, 3, 3)
    counted = [weights[labels[labels == c]].sum().item() for c in range(3)]
    assert counted == pytest.approx([8 / 3] * 3)


def test_weights_are_as_given_and_spare_outputs_weigh_one():
    assert find_class_weights((1.0, 2.0), None, 2, 4).tolist() == [1.0, 2.0, 1.0, 1.0]
    assert find_class_weights(None, None, 2, 4) is None


def test_what_cannot_be_weighed_is_refused():
    with pytest.raises(RecipeError, match="has 2 numbers, but the data has 3 classes"):
        find_class_weights((1.0, 2.0), None, 3, 3)
    with pytest.raises(DataError, match="class 1 has no row"):
        find_class_weights("balanced", np.array([0, 2]), 3, 3)
    with pytest.raises(DataError, match="need the labels of all rows"):
        find_class_weights("balanced", None, 3, 3)
