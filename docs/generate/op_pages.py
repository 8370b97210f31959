"""A page for each op that is registered, and one that shows them all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import getdoc
from itertools import groupby
from textwrap import indent

from griffe import Docstring, DocstringSectionAttributes, DocstringSectionText

import counterparts
import op_pictures
from augpipe.ops import Op, find_op, list_ops
from augpipe.pipeline import Pipeline
from words import limits_in_words, value_in_words

FAMILIES = {
    "Geometry": ("geometry",),
    "Crops and canvases": ("crop", "crop_boxes"),
    "Distortion": ("distort",),
    "Colour": ("color", "channels"),
    "Light": ("light",),
    "Tone": ("tone",),
    "Weather": ("weather",),
    "Blur and sharpness": ("filter",),
    "Noise": ("noise",),
    "Erasing": ("erase",),
    "Mixing": ("mix",),
    "Pictures from elsewhere": ("domain",),
    "Automatic policies": ("auto", "auto_augment"),
    "Ops made of ops": ("policy",),
    "Views": ("views",),
    "Control": ("control",),
}
"""What the files of `augpipe.ops` are called here, in the order in which pages show them."""

_SIZE = (427, 640)

_INDEX = """\
# All ops

{count} ops, each drawn at nine tenths of its strength. A page has its parameters, its source, and
what it becomes in a plan. `augpipe ops NAME` prints and draws the same on your machine, with
parameters of your choice.

{families}

The photos are scikit-learn's samples, licensed CC BY 2.0: *china* by danielbuechele, *flower* by
vultilion.
"""

_PAGE = """\
---
description: {description}
---

# {name}

{summary}

[![{name}: photos as they are, at three strengths, and in two epochs][strip]{{ .strip }}][strip]

[strip]: pictures/{name}.webp

{story}

## Parameters

{parameters}

## In a recipe

```yaml
{recipe}
```

In Python, `{{"{name}": {{...}}}}` in a list of ops, or `augpipe.ops.{cls}(...)`.

## In a plan

```text
{plan}
```

## Elsewhere

{elsewhere}
"""


def families() -> dict[str, list[str]]:
    """The names of all ops by family."""
    order = {file: family for family, files in FAMILIES.items() for file in files}
    named = [(order[find_op(name).__module__.rpartition(".")[2]], name) for name in list_ops()]
    places = list(FAMILIES)
    named.sort(key=lambda pair: (places.index(pair[0]), pair[1]))
    grouped = groupby(named, key=lambda pair: pair[0])
    return {family: [name for _, name in pairs] for family, pairs in grouped}


def navigation() -> list[dict[str, list[str]]]:
    """The entries of all op pages, as mkdocs.yml would have them."""
    return [{family: [f"ops/{name}.md" for name in names]} for family, names in families().items()]


def index() -> str:
    """The page that shows all of them."""
    sections = (f"## {family}\n\n{gallery(names)}" for family, names in families().items())
    return _INDEX.format(count=len(list_ops()), families="\n\n".join(sections))


def gallery(names: list[str], folder: str = "") -> str:
    """Thumbnails that lead to ops' pages, whose folder is given as seen from the gallery."""
    cards = "\n".join(
        f"[![]({folder}pictures/{name}-small.webp){{ loading=lazy }} {name}]({folder}{name}.md)"
        for name in names
    )
    return f'<div class="gallery" markdown>\n{cards}\n</div>'


def page(name: str) -> str:
    """An op's page."""
    op = find_op(name)
    summary, story, meanings = _docstring(op)
    return _PAGE.format(
        name=name,
        cls=op.__name__,
        summary=summary,
        description=value_in_words(summary),
        story=story,
        parameters=_parameters(op, meanings),
        recipe=f"- {op_pictures.spelling(name)}",
        plan=_plan(name),
        elsewhere=_elsewhere(name),
    )


def files() -> Iterator[tuple[str, str | bytes]]:
    """Every file of the folder `ops/`, and what it holds."""
    yield "ops/index.md", index()
    for name in list_ops():
        yield f"ops/{name}.md", page(name)
        yield f"ops/pictures/{name}.webp", op_pictures.strip_of(name)
        yield f"ops/pictures/{name}-small.webp", op_pictures.thumbnail_of(name)


def _docstring(op: type[Op]) -> tuple[str, str, dict[str, str]]:
    """The first line, what follows it, and what each parameter means."""
    text = ""
    meanings: dict[str, str] = {}
    for section in Docstring(getdoc(op) or "").parse("google", warnings=False):
        if isinstance(section, DocstringSectionText):
            text += section.value
        elif isinstance(section, DocstringSectionAttributes):
            meanings |= {attribute.name: attribute.description for attribute in section.value}
    summary, _, story = text.partition("\n\n")
    return " ".join(summary.split()), _with_notes(story), meanings


def _with_notes(story: str) -> str:
    """What differs from the source, set apart from the rest."""
    return "\n\n".join(map(_with_note, story.split("\n\n")))


def _with_note(paragraph: str) -> str:
    before, *differs = re.split(r"(?:^|\s)Deviations?:\s", paragraph, maxsplit=1)
    if not differs:
        return paragraph
    note = indent(differs[0][0].upper() + differs[0][1:], "    ")
    return f'{before}\n\n!!! note "Differs from its source"\n{note}'.lstrip()


def _parameters(op: type[Op], meanings: dict[str, str]) -> str:
    if not op.model_fields:
        return "None."
    schema = op.model_json_schema()
    lines = ["| name | default | allowed | meaning |", "|---|---|---|---|"]
    for field, info in op.model_fields.items():
        default = "**required**" if info.is_required() else f"`{value_in_words(info.default)}`"
        allowed = limits_in_words(schema["properties"][field])
        meaning = " ".join(meanings.get(field, "").split())
        cells = [f"`{field}`", default, allowed, meaning]
        lines.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join(lines)


def _plan(name: str) -> str:
    op = op_pictures.example(name)
    pipeline = Pipeline(batch=[op]) if name == "generator" else Pipeline([op])
    return pipeline.explain(_SIZE)


def _elsewhere(name: str) -> str:
    lines = [
        f"- {row.library}: {', '.join(f'`{one}`' for one in row.theirs)}"
        f" ([how its parameters translate](../migrate/{row.page}.md))"
        for row in counterparts.of_op(name)
    ]
    op = find_op(name)
    file = f"src/{op.__module__.replace('.', '/')}.py"
    return "\n".join([*lines, f"- The code: [{file}](../../{file})"])
