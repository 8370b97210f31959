"""The page stands alone, shows what was found, and trusts no name."""

from __future__ import annotations

import base64
import io
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from augpipe.check import check_datasets, write_page
from augpipe.check.opening import open_tolerantly
from augpipe.errors import RecipeError
from faulty import coco, sound_folder


def page_of(data, place) -> str:
    write_page(check_datasets(data), {"train": open_tolerantly(data, "train").dataset}, place)
    return place.read_text(encoding="utf-8")


def pictures(page) -> list[np.ndarray]:
    found = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) for data in found]


class Balance(HTMLParser):
    """Every element is closed, in order, and nothing is asked of another address."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        assert not re.search(r"https?:|//", dict(attrs).get("src", "").partition(",")[0])
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_it_shows_the_pictures_that_were_found(tmp_path):
    folder = sound_folder(tmp_path / "photos")
    shutil.copy(folder / "a" / "0.jpg", folder / "b" / "again.jpg")
    (folder / "a" / "2.jpg").write_bytes(b"")
    page = page_of(folder, tmp_path / "new" / "page.html")
    assert len(pictures(page)) == 4  # of a conflict and of a duplicate, and none of what is empty
    assert all(image.shape == (132, 176, 3) for image in pictures(page))
    assert "2 errors, 1 warnings" in page
    Balance().feed(page)


def test_a_box_without_area_is_ringed(tmp_path):
    place = coco(tmp_path, [[(40, 30, 0, 0)]])
    image = pictures(page_of(place, tmp_path / "page.html"))[0].astype(int)
    reds = np.argwhere((image[..., 0] > image[..., 1] + 80) & (image[..., 0] > image[..., 2] + 80))
    near = np.hypot(*(reds - (66, 88)).T) < 14
    assert near.sum() > 20


def test_names_are_text(tmp_path):
    folder = sound_folder(tmp_path / "photos")
    (folder / "a").rename(folder / "<b>&")
    shutil.copy(folder / "b" / "1.jpg", folder / "<b>&" / "<script>.jpg")
    page = page_of(folder, tmp_path / "page.html")
    assert "<script>.jpg" not in page
    assert "&lt;script&gt;.jpg" in page
    Balance().feed(page)


def test_a_page_that_cannot_be_written_is_an_error(tmp_path):
    folder = sound_folder(tmp_path / "photos")
    with pytest.raises(RecipeError, match="cannot write a page"):
        page_of(folder, folder / "a" / "0.jpg" / "page.html")
