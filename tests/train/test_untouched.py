import pytest
import torch

from augpipe.train.untouched import buffers_restored


def test_buffers_are_put_back_in_place_also_after_an_exception(net):
    buffers = dict(net.named_buffers())
    before = {name: buffer.clone() for name, buffer in buffers.items()}
    with buffers_restored(net):
        net(torch.randn(4, 3, 8, 8) + 3)
        assert net[1].num_batches_tracked == 1
    with pytest.raises(ValueError, match="no"), buffers_restored(net):
        net(torch.full((4, 3, 8, 8), float("nan")))
        raise ValueError("no")
    for name, buffer in net.named_buffers():
        assert buffer is buffers[name]
        assert torch.equal(buffer, before[name])
