"""Pascal VOC: a folder of pictures and, for each, an XML file of its objects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import NamedTuple, NoReturn
from xml.etree import ElementTree as ET

import numpy as np

from augpipe.boxes import OnInvalid
from augpipe.data.detection import DetectionDataset
from augpipe.data.header import IMAGE_SUFFIXES, MAX_PIXELS
from augpipe.data.objects import Objects
from augpipe.data.paths import existing_folder, read_file, read_text
from augpipe.data.pixels import WHITE, Color
from augpipe.errors import DataError, suggest, within

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


class VocDataset(DetectionDataset):
    """The XML files of a Pascal VOC folder and the pictures of the same names.

    An annotated box names its first and last pixel, counted from 1, so (xmin - 1, ymin - 1, xmax,
    ymax) are its continuous edges. One whose xmin is its xmax counts as having no area: a click
    that became a box looks the same as a thing one pixel wide, and is more frequent.

    Args:
        root: the folder, such as `VOC2007`.
        split: only the rows that `ImageSets/Main/<split>.txt` lists, in its order; by default all
            XML files, sorted. Classes are those of the whole folder, so all splits agree on them.
        images: the folder of the pictures, in `root`.
        annotations: the folder of the XML files, in `root`.
        classes: the names of all classes, in order; by default those that occur, sorted.
        offset: what to subtract from xmin and ymin; 0 for tools such as LabelImg, which write
            continuous edges.
        difficult: keep objects marked `difficult`.
        on_invalid: see `objects.valid_objects`.
        background: RGB behind transparent pixels.

    Raises:
        DataError: a folder, split, picture or class is missing, or an XML file is wrong.

    Source: Everingham et al. 2010, https://doi.org/10.1007/s11263-009-0275-4, and the VOC2012
        development kit.
    """

    def __init__(
        self,
        root: str | Path,
        *,
        split: str | None = None,
        images: str = "JPEGImages",
        annotations: str = "Annotations",
        classes: Sequence[str] | None = None,
        offset: float = 1,
        difficult: bool = True,
        on_invalid: OnInvalid = "raise",
        background: Color = WHITE,
    ) -> None:
        place = existing_folder(root)
        with within(str(place)):
            pictures = _pictures(existing_folder(place / images))
            folder = existing_folder(place / annotations)
            every = sorted(file.stem for file in folder.glob("*.xml"))
            stems = every if split is None else _split(place, split, every)
            pages = {
                stem: _read_page(folder / f"{stem}.xml", difficult)
                for stem in (every if classes is None else stems)
            }
            if classes is None:
                classes = sorted({name for page in pages.values() for name in page.names})
            rows = [pages[stem] for stem in stems]
            sizes = np.array([page.size for page in rows], np.int64).reshape(-1, 2)
            objects = _objects(rows, stems, list(classes), offset)
            paths = [f"{images}/{_picture(pictures, stem)}" for stem in stems]
        super().__init__(place, place, paths, sizes, objects, classes, on_invalid, background)


class _Page(NamedTuple):
    """An XML file: (width, height) of its picture; names and corners of its objects."""

    size: tuple[int, int]
    names: list[str]
    corners: list[list[float]]


class _Builder(ET.TreeBuilder):
    """Refuses a document type before any entity that it defines is expanded."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> NoReturn:
        raise DataError(f"has a document type {name!r}, which VOC files have not; remove it")


def _read_page(file: Path, difficult: bool) -> _Page:
    data = read_file(file)
    with within(str(file)):
        try:
            root = ET.fromstring(data, ET.XMLParser(target=_Builder()))  # noqa: S314 (`_Builder`)
        except (ET.ParseError, ValueError, LookupError) as error:
            raise DataError(f"is not XML: {error}") from error
        width, height = (int(_number(root, f"size/{side}")) for side in ("width", "height"))
        found = [
            one for one in root.findall("object") if difficult or one.findtext("difficult") != "1"
        ]
        return _Page(
            (width, height),
            [_text(one, "name") for one in found],
            [[_number(one, f"bndbox/{corner}") for corner in _CORNERS] for one in found],
        )


def _text(element: ET.Element, path: str) -> str:
    text = (element.findtext(path) or "").strip()
    if not text:
        raise DataError(f"a <{element.tag}> has no {path}")
    return text


def _number(element: ET.Element, path: str) -> float:
    text = _text(element, path)
    try:
        number = float(text)
    except ValueError as error:
        raise DataError(f"{path} is {text!r:.40}, not a number") from error
    if not abs(number) <= MAX_PIXELS:
        raise DataError(f"{path} is {number}")
    return number


def _objects(
    rows: Sequence[_Page], stems: Sequence[str], classes: list[str], offset: float
) -> Objects:
    for page, stem in zip(rows, stems, strict=True):
        for name in page.names:
            if name not in classes:
                raise DataError(
                    f"{stem}.xml has the unknown class {name!r}; {suggest(name, classes)}"
                )
    corners = [corner for page in rows for corner in page.corners]
    boxes = np.array(corners, np.float64).reshape(-1, 4)
    flat = boxes[:, 2:] <= boxes[:, :2]
    boxes[:, :2] -= offset
    boxes[:, 2:][flat] = boxes[:, :2][flat]
    return Objects(
        rows=np.repeat(np.arange(len(rows)), [len(page.names) for page in rows]),
        boxes=boxes,
        labels=np.array([classes.index(name) for page in rows for name in page.names], np.int64),
    )


def _pictures(folder: Path) -> dict[str, str]:
    """The file name of each picture by its stem."""
    found: dict[str, str] = {}
    for name in sorted(entry.name for entry in folder.iterdir()):
        if PurePath(name).suffix.lower() in IMAGE_SUFFIXES:
            stem = PurePath(name).stem
            if stem in found:
                raise DataError(f"{found[stem]} and {name} are pictures for one XML file")
            found[stem] = name
    return found


def _picture(pictures: dict[str, str], stem: str) -> str:
    if stem not in pictures:
        raise DataError(f"there is no picture for {stem}.xml")
    return pictures[stem]


def _split(root: Path, split: str, stems: Sequence[str]) -> list[str]:
    """The stems that a split lists."""
    folder = existing_folder(root / "ImageSets" / "Main")
    splits = [file.stem for file in folder.glob("*.txt")]
    if split not in splits:
        raise DataError(f"ImageSets/Main has no split {split!r}; {suggest(split, splits)}")
    file, known = folder / f"{split}.txt", set(stems)
    listed = [line.strip() for line in read_text(file).splitlines() if line.strip()]
    for name in listed:
        if name not in known:
            raise DataError(f"{file}: {name!r} has no XML file of its name")
    return listed
