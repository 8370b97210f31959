"""The API reference: which public names stand on which page; the texts are their docstrings."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import getdoc

import augpipe
import augpipe.ops
from augpipe.ops import Op


@dataclass(frozen=True)
class Page:
    """A page of the reference.

    Attributes:
        title: its heading.
        about: what stands above the names.
        names: in the order of the page, as they are imported.
    """

    title: str
    about: str
    names: tuple[str, ...]


def _under(module: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{module}.{name}" for name in names)


_ARE_OPS = {
    name
    for name in augpipe.ops.__all__
    if isinstance(one := getattr(augpipe.ops, name), type) and issubclass(one, Op) and one is not Op
}

PAGES = {
    "loader": Page(
        "Loaders and pipelines",
        "What most programs import from `augpipe`.",
        _under("augpipe", "build_loader", "Loader", "Batch", "Pipeline", "Sample", "AugmentBatch")
        + _under("augpipe", "Recipe", "BoxParams"),
    ),
    "data": Page(
        "Datasets",
        "`build_loader` makes these of folders and files; made by hand, they take more settings.",
        _under("augpipe", "FolderDataset", "TableDataset", "CocoDataset", "VocDataset")
        + _under("augpipe", "YoloDataset", "ArrayDataset", "MappedDataset"),
    ),
    "ops": Page(
        "The contract of ops",
        "What an op is, and how ops are found by name. [How to add one](../new_op.md) uses it; "
        "[all ops](../ops/index.md) have pages of their own.",
        _under("augpipe.ops", "Op", "register", "list_ops", "find_op", "make_op", "Foreign"),
    ),
    "plan": Page(
        "Plans and steps",
        "What ops are lowered to: the steps that fuse, and that executors carry out.",
        _under("augpipe.plan", "Plan", "Warp", "Recolor", "Lookup", "Kernel", "Branch", "Mix")
        + _under("augpipe.plan", "Border", "fuse", "fold"),
    ),
    "train": Page(
        "Training",
        "The trainer, and techniques that work alone in a loop of your own.",
        _under("augpipe.train.trainer", "Trainer", "Result")
        + _under("augpipe.train.restore", "trained", "Trained")
        + _under("augpipe.train.optim", "build_optimizer", "parameter_groups")
        + _under("augpipe.train.schedule", "lr_factor", "momentum")
        + _under("augpipe.train.init", "init_weights")
        + _under("augpipe.train.lsuv", "lsuv")
        + _under("augpipe.train.freeze", "freeze", "train_mode")
        + _under("augpipe.train.ema", "Ema")
        + _under("augpipe.train.averaging", "Swa", "recompute_norms", "average_checkpoints")
        + _under("augpipe.train.attack", "PixelScale", "Attack", "fgsm", "fast_fgsm", "pgd")
        + _under("augpipe.train.awp", "perturbed")
        + _under("augpipe.train.distill", "Distiller", "soft_loss")
        + _under("augpipe.train.split", "split", "folds")
        + _under("augpipe.train.hooks", "observe", "outputs_of")
        + _under("augpipe.train.fuse", "fuse")
        + _under("augpipe.train.export", "export"),
    ),
    "testing": Page(
        "For your own tests",
        "Assertions about loaders and ops of yours.",
        _under("augpipe.testing", "assert_resumes_everywhere", "assert_executors_agree")
        + _under("augpipe.testing", "samples_of"),
    ),
    "errors": Page(
        "Errors",
        "All derive from `AugpipeError`, and say what is wrong, where, and what to do.",
        ("augpipe.errors",),
    ),
}


def navigation() -> list[str]:
    """The entries of these pages, as mkdocs.yml would have them."""
    return [f"api/{stem}.md" for stem in PAGES]


def page(stem: str) -> str:
    """A page of the reference, for mkdocstrings to fill in."""
    about = PAGES[stem]
    blocks = "\n\n".join(f"::: {name}" for name in about.names)
    table = f"\n\n## The classes\n\n{_classes()}" if stem == "ops" else ""
    return f"# {about.title}\n\n{about.about}\n\n{blocks}{table}\n"


def documented() -> set[str]:
    """Every name that has its place in the reference."""
    named = {name for page in PAGES.values() for name in page.names}
    return named | {f"augpipe.ops.{name}" for name in _ARE_OPS}


def _classes() -> str:
    lines = ["| class | in recipes | what |", "|---|---|---|"]
    for name in sorted(_ARE_OPS - {"Foreign"}):
        op = getattr(augpipe.ops, name)
        summary = (getdoc(op) or "").splitlines()[0]
        lines.append(
            f"| `augpipe.ops.{name}` | [`{op.name()}`](../ops/{op.name()}.md) | {summary} |"
        )
    return "\n".join(lines)
