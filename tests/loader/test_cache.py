"""A cache changes nothing but the time: in this process and in workers, in memory and on a disk."""

from __future__ import annotations

import os
import shutil
import time

import pytest

from augpipe import build_loader
from augpipe.data.decode import EncodedImage
from augpipe.errors import DataError
from augpipe.testing import samples_of

EPOCHS = 2
AN_HOUR = 3600


@pytest.fixture
def old_shapes(shapes, tmp_path):
    """The shapes, written long enough ago to be kept."""
    root = shutil.copytree(shapes, tmp_path / "shapes")
    for file in root.rglob("*.*"):
        os.utime(file, (time.time() - AN_HOUR,) * 2)
    return root


def epochs(data, pipeline, **options) -> list[list[str]]:
    loader = build_loader(data, pipeline, batch_size=8, **options)
    return [samples_of(loader) for _ in range(EPOCHS)]


@pytest.mark.parametrize("where", ["ram", "folder"])
@pytest.mark.parametrize(
    "options",
    [
        {"num_workers": 0},
        {"num_workers": 2},
        {"num_workers": 2, "multiprocessing_context": "forkserver"},
        {"num_workers": 2, "persistent_workers": False},
    ],
    ids=str,
)
def test_no_pixel_changes(old_shapes, pipeline, tmp_path, where, options):
    bare = epochs(old_shapes, pipeline, num_workers=0)
    cache = "ram" if where == "ram" else tmp_path / "cache"
    assert epochs(old_shapes, pipeline, cache=cache, **options) == bare


@pytest.mark.parametrize("num_workers", [0, 2])
def test_what_is_kept_is_not_decoded_again(old_shapes, pipeline, monkeypatch, num_workers):
    loader = build_loader(old_shapes, pipeline, batch_size=8, num_workers=num_workers, cache="ram")
    list(loader)
    assert "32 of 32 pictures in RAM" in loader.cache.describe()

    def decode(self, *args):
        raise AssertionError(f"{self.path} is decoded again")

    monkeypatch.setattr(EncodedImage, "decode", decode)
    assert loader.replay(0, 3).image.any()


def test_a_file_that_changes_is_decoded_again(old_shapes, pipeline):
    loader = build_loader(old_shapes, pipeline, num_workers=0, cache="ram")
    list(loader)
    file, other = sorted(old_shapes.rglob("*.jpg"))[:2]
    row = [loader.source.where(n) for n in range(len(loader.source))].index(str(file))
    before = loader.replay(0, row).image
    shutil.copy(other, file)
    assert (loader.replay(0, row).image != before).any()
    bare = build_loader(old_shapes, pipeline, num_workers=0)
    assert (loader.replay(0, row).image == bare.replay(0, row).image).all()


def test_what_has_no_files_has_no_cache():
    with pytest.raises(DataError, match="no cache for a MappedDataset"):
        build_loader([None], cache="ram")
