import numpy as np
import pytest
import torch
from PIL import Image

from augpipe.preview.contact import SIDE
from augpipe.train.pictures import draw_batch

HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def test_pictures_show_the_colours_that_the_model_was_given(tmp_path):
    images = torch.tensor([1.0, -1.0, -1.0]).view(1, 3, 1, 1).expand(2, 3, 8, 8)  # red
    draw_batch(images, torch.tensor([0, 1]), ["a", "b"], tmp_path / "a.png", HALF)
    with Image.open(tmp_path / "a.png") as drawn:
        pixels = np.asarray(drawn.convert("RGB")).reshape(-1, 3)
    assert (pixels == (255, 0, 0)).all(1).mean() > 0.1


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (torch.zeros(40, 3, 4, 4), torch.zeros(40, dtype=torch.int64)),
        (torch.zeros(3, 2, 3, 4, 4), torch.tensor([0, 1, 0])),
        (torch.zeros(2, 3, 4, 4), torch.tensor([[0.3, 0.7], [1.0, 0.0]])),
    ],
    ids=["more than are drawn", "views", "mixed labels"],
)
def test_batches_of_any_kind_are_drawn(tmp_path, images, labels):
    draw_batch(images, labels, ["a", "b"], tmp_path / "a.png", HALF)
    with Image.open(tmp_path / "a.png") as drawn:
        grey = (np.asarray(drawn) == 128).all(2).sum()
    assert grey == min(len(images), 32) * SIDE**2
