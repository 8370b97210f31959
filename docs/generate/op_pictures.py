"""Pictures of what ops do, drawn as `augpipe ops NAME` draws them: the same at every build."""

from __future__ import annotations

from functools import cache
from io import BytesIO

from PIL import Image, ImageOps

from augpipe.cli.ops import draw_strip, example_fields, photos_through
from augpipe.ops import Op, find_op, make_op
from augpipe.preview import epoch_columns, line_of, percentile_columns
from words import value_in_words

_DRAWS = 2  # with the original and three strengths, as many columns as a page is wide
_THUMBNAIL = (264, 176)
_STRONG = 90


def example(name: str) -> Op:
    """The op with the parameters that its page shows."""
    return make_op({name: example_fields(find_op(name))})


def spelling(name: str) -> str:
    """The example as a recipe has it; `reference` lies elsewhere on each machine."""
    fields = example_fields(find_op(name))
    if "reference" in fields:
        fields["reference"] = "photos/night"
    return f"{name}: {value_in_words(fields)}" if fields else name


@cache
def strip_of(name: str) -> bytes:
    """Two photos as they are, at three strengths, and as drawn in two epochs; a WebP file."""
    return _file(draw_strip(example(name), _DRAWS, spelling(name)))


@cache
def thumbnail_of(name: str) -> bytes:
    """One photo through the op, nearly as strongly as it draws; a WebP file."""
    op = example(name)
    loader = photos_through(op)
    if loader.pipeline.views > 1 or op.partners or op.needs_boxes:  # of which none is the strongest
        columns = epoch_columns(loader, 0, 1)
    else:
        columns = percentile_columns(loader, [_STRONG])
    image = line_of(0, columns).cells[-1].image
    return _file(ImageOps.fit(Image.fromarray(image), _THUMBNAIL, Image.Resampling.LANCZOS))


def _file(picture: Image.Image) -> bytes:
    file = BytesIO()
    picture.save(file, "WEBP", quality=85)
    return file.getvalue()
