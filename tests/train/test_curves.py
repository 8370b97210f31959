import cv2
import pytest

from augpipe.train import curves


def rows(epochs, *names, value="0.5"):
    return [
        {"epoch": str(epoch + 1), "lr": "0.1"}
        | {f"{name}_{what}": value for name in names for what in ("loss", "accuracy")}
        for epoch in range(epochs)
    ]


def count_pixels(path, color):
    """How many pixels have about the colour that a series is drawn in."""
    image = cv2.imread(str(path))
    wanted = [int(color[i : i + 2], 16) for i in (5, 3, 1)]
    return int((abs(image.astype(int) - wanted).max(axis=2) < 12).sum())


@pytest.mark.parametrize("names", [("train", "val"), ("train", "val", "ema")])
def test_every_series_of_the_run_is_drawn_and_no_other(tmp_path, names):
    path = tmp_path / "curves.png"
    values = iter(("0.2", "0.5", "0.9"))
    series = [rows(5, name, value=next(values)) for name in names]
    curves.draw(
        [{k: v for row in epoch for k, v in row.items()} for epoch in zip(*series, strict=True)],
        path,
    )
    for name in ("train", "val", "ema"):
        drawn = count_pixels(path, curves._COLORS[name]) > 300
        assert drawn == (name in names), name
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("value", ["0.5", "0.0", "nan", "inf"])
@pytest.mark.parametrize("epochs", [1, 3])
def test_odd_values_are_no_obstacle(tmp_path, value, epochs):
    curves.draw(rows(epochs, "train", "val", value=value), tmp_path / "curves.png")
    assert cv2.imread(str(tmp_path / "curves.png")) is not None
