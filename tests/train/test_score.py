import pytest
import torch
from torch.nn import functional

from augpipe.errors import DataError
from augpipe.train.score import Scores, Tally, evaluate

CPU = torch.device("cpu")


def whole(loader):
    batches = list(loader)
    return torch.cat([b.images for b in batches]), torch.cat([b.labels for b in batches])


@pytest.mark.parametrize("batch_size", [1, 7, 40, 64])
def test_scores_are_means_over_samples_however_batched(net, loader, batch_size):
    images, labels = whole(loader())
    net.eval()
    with torch.no_grad():
        logits = net(images)
    (scores,) = evaluate({"net": net}, loader(batch_size=batch_size), CPU).values()
    assert scores.loss == pytest.approx(functional.cross_entropy(logits, labels).item(), rel=1e-5)
    assert scores.accuracy == (logits.argmax(1) == labels).double().mean().item()


def test_models_share_one_pass_over_the_data(net, loader):
    data = loader()
    scores = evaluate({"a": net, "b": net}, data, CPU)
    assert scores["a"] == scores["b"]
    assert data.epoch == 1


def test_every_module_returns_to_the_mode_it_was_in(net, loader):
    net.train()
    net[1].eval()  # a frozen norm
    evaluate({"net": net}, loader(), CPU)
    assert [module.training for module in net] == [True, False, True, True, True, True]


def test_evaluation_changes_nothing_and_leaves_the_model_trainable(net, loader):
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    evaluate({"net": net}, loader(), CPU)
    torch.testing.assert_close(net.state_dict(), before, rtol=0, atol=0)
    net(torch.randn(4, 3, 8, 8)).sum().backward()


def test_modes_return_even_when_the_data_fails(net, loader):
    def fail(epoch, index, batch):
        raise DataError("broken")

    with pytest.raises(DataError):
        evaluate({"net": net.train()}, loader(on_batch=fail), CPU)
    assert all(module.training for module in net.modules())


def test_no_data_is_an_error(net, loader):
    with pytest.raises(DataError, match="nothing to evaluate on"):
        evaluate({"net": net}, loader(samples=0), CPU)


def test_logits_of_several_views_are_averaged(net, loader):
    class Views:
        def __init__(self):
            self.batches = [
                batch._replace(images=torch.stack([batch.images, batch.images.flip(3)], 1))
                for batch in loader(batch_size=8)
            ]

        def __len__(self):
            return len(self.batches)

        def __iter__(self):
            return iter(self.batches)

    images, labels = whole(loader())
    net.eval()
    with torch.no_grad():
        logits = (net(images) + net(images.flip(3))) / 2
    (scores,) = evaluate({"net": net}, Views(), CPU).values()
    assert scores.loss == pytest.approx(functional.cross_entropy(logits, labels).item(), rel=1e-5)


def test_soft_labels_are_hit_at_their_largest_entry():
    tally = Tally(CPU)
    logits = torch.tensor([[3.0, 1.0], [0.0, 1.0]])
    tally.add(torch.tensor(2.0), logits, torch.tensor([[0.7, 0.3], [0.6, 0.4]]))
    assert tally.scores() == Scores(2.0, 0.5)


def test_batches_left_out_do_not_count():
    tally, logits = Tally(CPU), torch.eye(2)
    tally.add(torch.tensor(1.0), logits, torch.tensor([0, 1]), counted=torch.tensor(True))
    tally.add(torch.tensor(torch.nan), logits, torch.tensor([1, 0]), counted=torch.tensor(False))
    assert tally.scores() == Scores(1.0, 1.0)


def test_nothing_counted_is_nan():
    assert repr(Tally(CPU).scores()) == "Scores(loss=nan, accuracy=nan, top_k=None, confusion=None)"
