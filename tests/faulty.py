"""Small datasets with something wrong in them."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

from encoded import encode, smooth


def picture(place: Path, seed: int, *, size=(60, 80), kind="JPEG", **options) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(encode(smooth(*size, seed=seed), kind, **options))
    return place


def sound_folder(root: Path, first: int = 0) -> Path:
    """Two classes of three different pictures each."""
    for number in range(6):
        picture(root / "ab"[number % 2] / f"{number}.jpg", first + number)
    return root


def shrunk(place: Path, other: Path) -> None:
    """Another quality and size of a picture, in another file."""
    with Image.open(place) as image:
        other.write_bytes(encode(image.resize((64, 48)), "JPEG", quality=50))


def coco(root: Path, boxes) -> Path:
    """A picture of 80 x 60 for each list of boxes x, y, width, height, and one of none."""
    images, annotations = [], []
    for number, some in enumerate([*boxes, []]):
        picture(root / f"{number}.jpg", number)
        images.append({"id": number, "file_name": f"{number}.jpg", "width": 80, "height": 60})
        for box in some:
            entry = {"id": len(annotations) + 1, "image_id": number, "category_id": 1}
            annotations.append({**entry, "bbox": box, "area": 1, "iscrowd": 0})
    place = root / "objects.json"
    categories = [{"id": 1, "name": "cell"}]
    place.write_text(
        json.dumps({"images": images, "annotations": annotations, "categories": categories})
    )
    return place


def voc(root: Path, corners, *, size=(60, 80)) -> Path:
    """One picture for each list of xmin, ymin, xmax, ymax."""
    (root / "Annotations").mkdir(parents=True)
    for number, some in enumerate(corners):
        picture(root / "JPEGImages" / f"{number}.jpg", number)
        objects = "".join(
            "<object><name>cell</name><bndbox>"
            + "".join(f"<{k}>{v}</{k}>" for k, v in zip(NAMES, box, strict=True))
            + "</bndbox></object>"
            for box in some
        )
        height, width = size
        page = f"<size><width>{width}</width><height>{height}</height></size>{objects}"
        (root / "Annotations" / f"{number}.xml").write_text(f"<annotation>{page}</annotation>")
    return root


NAMES = ("xmin", "ymin", "xmax", "ymax")


def yolo(root: Path, lines) -> Path:
    """One picture for each text of labels."""
    (root / "labels").mkdir(parents=True)
    for number, text in enumerate(lines):
        picture(root / "images" / f"{number}.jpg", number)
        (root / "labels" / f"{number}.txt").write_text(text)
    return root
