import pytest
import torch

from augpipe.errors import RecipeError
from augpipe.loader.device import describe, find_device


def test_the_cpu_is_always_there():
    assert find_device("cpu") == torch.device("cpu")
    assert describe(find_device("cpu")) == "cpu"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gpu", "there is no device 'gpu'; known: cpu, cuda"),
        ("", "there is no device ''"),
        ("meta", "no batch can go to device 'meta'"),
        ("cuda:99", "'cuda:99' is not there; .* use cpu"),
    ],
)
def test_devices_that_no_batch_can_go_to_are_refused(name, message):
    with pytest.raises(RecipeError, match=message):
        find_device(name)
