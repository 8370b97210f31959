"""Draw the small synthetic data of this folder: `python samples/draw.py`.

Everything comes from one seed, so that the same versions of the libraries draw the same files.
What there is and what it is for, README.md says.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from motifs import GROUNDS, KEYPOINTS, SHAPES, build_robot, draw_robot, draw_shape, shape_field
from render import Field, Grid, Picture, Points, coverage, to_uint8

HERE = Path(__file__).parent
SIZES = [
    (120, 160),
    (160, 120),
    (128, 128),
    (108, 160),
    (144, 112),
    (96, 144),
    (120, 160),
    (150, 150),
]
ODD_NAMES = {("circle", 5): "round, and red.jpg", ("star", 6): "two words.jpg"}
JPEG = {"quality": 90, "optimize": True}
SCENES = 12
SCENE_SIZE = (192, 256)
EXIF_ORIENTATION = 0x0112


def main() -> None:
    """Draw everything."""
    rng = np.random.default_rng(0)
    draw_shapes(rng, HERE)
    draw_scenes(rng, HERE)
    draw_odd(rng, HERE / "odd")
    total = sum(file.stat().st_size for file in HERE.rglob("*") if file.is_file())
    print(f"{HERE}: shapes/, shapes.csv, scenes/, scenes.json, odd/; {total / 1e6:.2f} MB in all")


def draw_shapes(rng: np.random.Generator, folder: Path) -> None:
    """shapes/<class>/, and shapes.csv, which lists them."""
    rows = []
    for kind, name in enumerate(SHAPES):
        (folder / "shapes" / name).mkdir(parents=True, exist_ok=True)
        for number, size in enumerate(SIZES):
            picture = _shape_picture(rng, name, Grid(*size), GROUNDS[(kind + number) % 4])
            suffix = "png" if number == 2 else "jpg"
            file = f"shapes/{name}/{ODD_NAMES.get((name, number), f'{number:02d}.{suffix}')}"
            _save(picture, folder / file)
            rows.append((file, name))
    with (folder / "shapes.csv").open("w", encoding="utf-8", newline="") as table:
        csv.writer(table, lineterminator="\n").writerows([("path", "label"), *rows])


def _shape_picture(rng: np.random.Generator, name: str, grid: Grid, ground: Any) -> Picture:
    radius = min(grid.height, grid.width) * rng.uniform(0.26, 0.42)
    room = np.array([grid.width, grid.height]) - 2.1 * radius
    center = 1.05 * radius + room * rng.random(2)
    field = shape_field(name, grid, center, radius, rng.uniform(0, 2 * np.pi))
    return draw_shape(rng, ground(rng, grid), field, radius, rng.uniform(0, 360))


class Thing(NamedTuple):
    """Something in a scene: its category, counted from 1, its outline, and a robot's joints."""

    category: int
    field: Field
    joints: Points | None


def draw_scenes(rng: np.random.Generator, folder: Path) -> None:
    """scenes/, and scenes.json, which says in COCO's format what is where."""
    (folder / "scenes").mkdir(exist_ok=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number in range(1, SCENES + 1):
        grid = Grid(*SCENE_SIZE)
        picture, things = _scene(rng, grid, GROUNDS[number % 4])
        file = f"{number:02d}.jpg"
        _save(picture, folder / "scenes" / file)
        images.append({"id": number, "file_name": file, "height": grid.height, "width": grid.width})
        for at, thing in enumerate(things):
            hidden = [other.field for other in things[at + 1 :]]
            found = _annotation(thing, hidden)
            annotations.append({"id": len(annotations) + 1, "image_id": number, **found})
    categories = [{"id": at, "name": name} for at, name in enumerate(SHAPES, 1)]
    categories.append(_robot_category())
    document = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "scenes.json").write_text(json.dumps(document) + "\n", encoding="utf-8")


def _robot_category() -> dict[str, Any]:
    return {
        "id": len(SHAPES) + 1,
        "name": "robot",
        "keypoints": list(KEYPOINTS),
        "skeleton": [[1, 2], [1, 3], [1, 4], [1, 5]],  # COCO counts keypoints from 1 here
        "flip_pairs": [[1, 2], [3, 4]],  # and we from 0, what a mirror swaps
    }


def _scene(rng: np.random.Generator, grid: Grid, ground: Any) -> tuple[Picture, list[Thing]]:
    """Two to four shapes and one or two robots, back to front."""
    picture = ground(rng, grid)
    slots = rng.permutation(5)[: rng.integers(4, 6)]
    robots = rng.choice(slots, rng.integers(1, 3), replace=False)
    things = []
    for slot in slots:
        middle = np.array([(slot + 0.5) * grid.width / 5, grid.height * rng.uniform(0.3, 0.75)])
        if slot in robots:
            size = rng.uniform(95, 135)
            feet = np.array([middle[0], grid.height * rng.uniform(0.8, 0.97)])
            robot = build_robot(rng, grid, feet, size)
            picture = draw_robot(picture, robot, size)
            things.append(Thing(len(SHAPES) + 1, robot.field, robot.joints))
        else:
            kind, radius = int(rng.integers(len(SHAPES))), rng.uniform(20, 36)
            field = shape_field(SHAPES[kind], grid, middle, radius, rng.uniform(0, 2 * np.pi))
            picture = draw_shape(rng, picture, field, radius, rng.uniform(0, 360))
            things.append(Thing(kind + 1, field, None))
    return picture, things


def _annotation(thing: Thing, in_front: list[Field]) -> dict[str, Any]:
    """What can be seen of a thing: polygons, box, area, and for a robot its keypoints."""
    visible = _without_specks(np.maximum.reduce([thing.field, *(-field for field in in_front)]))
    ys, xs = np.nonzero(visible < 0)
    box = [xs.min(), ys.min(), xs.max() + 1 - xs.min(), ys.max() + 1 - ys.min()]
    found = {
        "category_id": thing.category,
        "bbox": [int(value) for value in box],
        "area": len(xs),
        "iscrowd": 0,
        "segmentation": _polygons(visible),
    }
    if thing.joints is not None:
        found |= _keypoints(thing.joints, in_front)
    return found


def _without_specks(field: Field) -> Field:
    """The field without parts of less than 20 pixels, which an annotator would pass over."""
    _, parts = cv2.connectedComponents((field < 0).astype(np.uint8))
    small = np.bincount(parts.ravel()) < 20
    return np.where(small[parts], np.abs(field) + 1, field)


def _polygons(field: Field) -> list[list[float]]:
    """The outlines of a field in continuous coordinates, traced at four times the resolution."""
    fine = cv2.resize(field, None, fx=4, fy=4, interpolation=cv2.INTER_LINEAR)
    outlines, _ = cv2.findContours(
        (fine < 0).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    simple = [cv2.approxPolyDP(outline, 1.5, closed=True) for outline in outlines]
    return [((line.reshape(-1) + 0.5) / 4).tolist() for line in simple if len(line) >= 3]


def _keypoints(joints: Points, in_front: list[Field]) -> dict[str, Any]:
    """COCO's x, y, visibility: 2 seen, 1 hidden behind something, 0 (and no place) outside.

    COCO counts pixels in keypoints: the centre of the first is 0, not 0.5.
    """
    height, width = SCENE_SIZE
    flat: list[float] = []
    for x, y in joints:
        if not (0 <= x < width and 0 <= y < height):
            flat += [0, 0, 0]
            continue
        hidden = any(field[int(y), int(x)] < 0 for field in in_front)
        flat += [round(float(x) - 0.5, 2), round(float(y) - 0.5, 2), 1 if hidden else 2]
    return {"keypoints": flat, "num_keypoints": sum(seen > 0 for seen in flat[2::3])}


def draw_odd(rng: np.random.Generator, folder: Path) -> None:
    """odd/: one small picture in the formats and flavours that decoders get wrong."""
    folder.mkdir(exist_ok=True)
    grid = Grid(48, 64)
    field = shape_field("star", grid, np.array([23.0, 27.0]), 20, 0.3)
    pixels = to_uint8(draw_shape(rng, GROUNDS[1](rng, grid), field, 20, 40))
    alpha = to_uint8(coverage(cv2.GaussianBlur(field, (0, 0), 2) / 6 - 0.5))
    picture, cut_out = Image.fromarray(pixels), Image.fromarray(np.dstack([pixels, alpha]))
    picture.save(folder / "rgb.png")
    picture.convert("L").save(folder / "grey.png")
    picture.convert("L").save(folder / "grey.jpg", **JPEG)
    cut_out.convert("LA").save(folder / "grey_alpha.png")
    cut_out.save(folder / "rgba.png")
    cut_out.save(folder / "rgba.webp", lossless=True)
    palette = picture.quantize(128, dither=Image.Dither.NONE)
    palette.save(folder / "palette.png")
    palette.save(folder / "palette_transparent.png", transparency=palette.getpixel((2, 2)))
    palette.save(folder / "still.gif")
    palette.save(folder / "animated.gif", save_all=True, append_images=[palette.rotate(180)])
    picture.save(folder / "rgb.bmp")
    picture.save(folder / "rgb.tif", compression="tiff_lzw")
    picture.save(folder / "progressive.jpg", progressive=True, **JPEG)
    picture.convert("CMYK").save(folder / "cmyk.jpg", **JPEG)
    _save_16_bit(pixels, folder)
    _save_turned(picture, folder)


def _save_16_bit(pixels: NDArray[np.uint8], folder: Path) -> None:
    """The same picture again at 16 bits: 257 times as much, so that both ends are full."""
    deep = pixels.astype(np.uint16) * 257
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.uint16) * 257
    cv2.imwrite(str(folder / "rgb_16_bit.png"), cv2.cvtColor(deep, cv2.COLOR_RGB2BGR))
    cv2.imwrite(str(folder / "grey_16_bit.png"), grey)


def _save_turned(picture: Image.Image, folder: Path) -> None:
    """exif_1.jpg to exif_8.jpg: stored turned, with the orientation that turns them back."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[EXIF_ORIENTATION] = orientation
        stored = picture.transpose(undo[orientation]) if orientation > 1 else picture
        file = folder / f"exif_{orientation}.jpg"
        stored.save(file, exif=exif, subsampling=0, **(JPEG | {"quality": 95}))


def _save(picture: Picture, file: Path) -> None:
    image = Image.fromarray(to_uint8(picture))
    image.save(file, **(JPEG if file.suffix == ".jpg" else {"optimize": True}))


if __name__ == "__main__":
    main()
