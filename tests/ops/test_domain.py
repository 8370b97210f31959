"""Domain transfer: which reference is drawn, and what is refused before training begins."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from augpipe.errors import RecipeError
from augpipe.ops import FourierDomainAdaptation, Generator, HistogramMatching, make_op
from augpipe.pipeline import Pipeline
from cases import SHAPES

STARS = sorted(str(path) for path in Path(SHAPES, "star").iterdir())
FROM_REFERENCE = ["histogram_matching", "fourier_domain_adaptation"]
ROWS = np.arange(3000)


def drawn(reference, index=ROWS, **fields) -> list[str]:
    op = HistogramMatching(reference=reference, **fields)
    ((_, params),) = Pipeline([op]).plan((40, 60), index=index).record
    return params["reference"].tolist()


def test_each_picture_below_a_folder_is_as_likely():
    found, counts = np.unique(drawn(SHAPES, p=1), return_counts=True)
    pictures = {str(path) for path in Path(SHAPES).rglob("*.*") if path.suffix in (".jpg", ".png")}
    assert set(found) == pictures
    share = 1 / len(pictures)
    assert abs(counts - len(ROWS) * share).max() < 4 * np.sqrt(len(ROWS) * share * (1 - share))


def test_where_p_misses_no_reference_is_named():
    paths = drawn(SHAPES, p=0.3)
    assert abs(paths.count("") / len(ROWS) - 0.3 - 0.4) < 0.04


@pytest.mark.parametrize(
    ("op", "name"),
    [
        (HistogramMatching(reference=STARS, blend_ratio=(0.4, 0.8)), "blend_ratio"),
        (FourierDomainAdaptation(reference=STARS, beta_limit=(0.04, 0.08)), "beta"),
        (Generator(model="torch.nn:Identity", blend_ratio=(0.4, 0.8)), "blend_ratio"),
    ],
    ids=["histogram", "fourier", "generator"],
)
def test_strength_is_uniform_in_its_range_whichever_the_reference(op, name):
    u = np.random.default_rng(0).random((5, op.draws))
    values = op.sample(u)[name]
    low = 0.04 if name == "beta" else 0.4
    assert np.allclose(values, low + low * u[:, -1])


def test_folders_and_files_may_be_listed():
    assert set(drawn([f"{SHAPES}/star", f"{SHAPES}/circle/00.jpg"], p=1)) == {
        *STARS,
        f"{SHAPES}/circle/00.jpg",
    }
    assert set(drawn(Path(STARS[0]), p=1)) == {STARS[0]}


def test_the_last_number_below_one_draws_the_last_picture():
    plan = Pipeline([HistogramMatching(reference=STARS)]).plan((4, 4), percentile=100)
    assert plan.params(0)[0]["reference"] == STARS[-1]


def test_the_list_is_made_once(tmp_path):
    folder = shutil.copytree(f"{SHAPES}/star", tmp_path / "star")
    op = HistogramMatching(reference=str(folder), p=1)
    before = op.sample(np.linspace(0, 0.99, 20)[:, None].repeat(2, 1))["reference"]
    (folder / "00.jpg").unlink()
    after = op.sample(np.linspace(0, 0.99, 20)[:, None].repeat(2, 1))["reference"]
    assert np.array_equal(before, after)


def test_a_recipe_keeps_the_path_as_it_is_written(monkeypatch):
    monkeypatch.chdir(Path(SHAPES).parent)
    op = make_op({"histogram_matching": {"reference": "shapes/star", "blend_ratio": [1, 1]}})
    assert op.spec() == {
        "histogram_matching": {"reference": ["shapes/star"], "blend_ratio": [1.0, 1.0]}
    }
    assert make_op(op.spec()) == op
    assert op.sample(np.zeros((1, 2)))["reference"].tolist() == ["shapes/star/00.jpg"]


@pytest.mark.parametrize("name", FROM_REFERENCE)
def test_a_place_without_pictures_is_refused_at_once(name, tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    for place, message in (
        (tmp_path / "none", f"{name}.reference: {tmp_path / 'none'} does not exist"),
        (f"{SHAPES}/sta", f"{name}.reference: {SHAPES}/sta does not exist; did you mean"),
        (tmp_path, f"{name}.reference: {tmp_path} holds no picture (expected suffixes: .avif"),
        ([], f"{name}.reference: "),
        (5, f"{name}.reference: "),
    ):
        with pytest.raises(RecipeError) as caught:
            make_op({name: {"reference": place}})
        assert str(caught.value).startswith(message)


@pytest.mark.parametrize("limits", [[-0.1, 0.1], [0.2, 0.1], [0, 0.51]])
def test_beta_lies_between_zero_and_a_half(limits):
    with pytest.raises(RecipeError, match=r"^fourier_domain_adaptation\.beta_limit"):
        make_op({"fourier_domain_adaptation": {"reference": SHAPES, "beta_limit": limits}})


def test_the_window_is_a_share_of_the_shorter_side():
    op = FourierDomainAdaptation(reference=SHAPES, beta_limit=(0, 0.1), p=1)
    beta = np.array([0, 0.001, 0.05, 0.1])
    sizes = np.array([[80, 200], [80, 200], [300, 81], [300, 81]])
    kernel = op.lower({"beta": beta, "reference": np.array(STARS[:1] * 4)}, sizes)
    assert kernel.params["half"].tolist() == [-1, 0, 4, 8]
    assert kernel.params["reach"].tolist() == [8] * 4
    assert not kernel.moves


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model": "none.pt"}, "model: no file 'none.pt', nor written package.module:Name"),
        ({"model": "torch.nn.Identity"}, "model: no file 'torch.nn.Identity', nor written"),
        ({"model": "os;x:y"}, "model: no file 'os;x:y', nor written"),
        ({"model": "net.pt2"}, "model is a .pt2 file, whose reader unpickles; save TorchScript"),
        ({"model": "torch.nn:Identity", "weights": "none.pt"}, "weights: there is no file"),
        ({"model": STARS[0], "weights": STARS[0]}, "weights and kwargs belong to an importable"),
        ({"model": STARS[0], "kwargs": {"depth": 3}}, "weights and kwargs belong to an importable"),
        ({"model": "torch.nn:Identity", "scale": "byte"}, ".scale: should be 'unit' or 'signed'"),
        ({"model": "torch.nn:Identity", "kwargs": {"x": ...}}, ".kwargs"),
    ],
    ids=str,
)
def test_a_model_that_cannot_be_loaded_is_refused_at_once(fields, message):
    with pytest.raises(RecipeError) as caught:
        make_op({"generator": fields})
    assert message in str(caught.value)


def test_naming_a_model_imports_nothing_yet():
    op = Generator(model="not_installed.anywhere:Net")
    assert op.spec() == {"generator": {"model": "not_installed.anywhere:Net"}}
