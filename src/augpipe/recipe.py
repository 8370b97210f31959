"""Recipes: YAML files that say what to load, how to augment it, and how to train on it.

No key is ever ignored. An error names the file, the path to the line, and what would be right.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

import yaml
from pydantic import BeforeValidator, WithJsonSchema

from augpipe.boxes import BoxParams
from augpipe.errors import RecipeError, suggest, within
from augpipe.loader.config import LoaderConfig
from augpipe.ops import Normalize, make_op
from augpipe.ops.base import OpLike
from augpipe.pipeline import Pipeline
from augpipe.schema import OP_FORMAT, PLACE_FORMAT, Settings, check, read_yaml
from augpipe.train.config import TrainConfig

Part = Literal["train", "val"]
PARTS: tuple[Part, ...] = get_args(Part)

# Mean and standard deviation of the training images, scaled to [0, 1]; those of ImageNet are the
# ones that all of torchvision's weights were trained with.
STATISTICS: Mapping[str, dict[str, Any]] = {
    "imagenet": {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
    "half": {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)},
}

_Ops = Annotated[tuple[Any, ...], WithJsonSchema({"type": "array", "items": {"format": OP_FORMAT}})]
_Place = Annotated[str | dict[str, Any], WithJsonSchema({"format": PLACE_FORMAT})]


# What stands for statistics that are to be computed from the training data.
COMPUTED = "computed"


def _named_statistics(value: Any) -> Any:
    if not isinstance(value, str) or value == COMPUTED:
        return value
    if value not in STATISTICS:
        raise ValueError(f"unknown statistics; {suggest(value, [*STATISTICS, COMPUTED])}")
    return STATISTICS[value]


_Statistics = BeforeValidator(
    _named_statistics, json_schema_input_type=Literal[*STATISTICS, COMPUTED] | Normalize | None
)


class DataConfig(Settings):
    """Where the rows are: paths, or mappings of a path and its options."""

    train: _Place | None = None
    val: _Place | None = None


class PipelineConfig(Settings):
    """What is done to pictures.

    Attributes:
        train: ops for each training picture, in the workers.
        val: ops for each validation picture; by default none.
        batch: ops for each training batch, on the device.
        normalize: statistics, or their name; the last step of training and of validation.
            `computed` leaves them to be computed from the training data, see `Recipe.normalized`.
        boxes: how boxes are written, and which are kept.
    """

    train: _Ops = ()
    val: _Ops = ()
    batch: _Ops = ()
    normalize: Annotated[Normalize | Literal["computed"] | None, _Statistics] = None
    boxes: BoxParams = BoxParams()


class Recipe(Settings):
    """A whole recipe; every section may be absent."""

    data: DataConfig = DataConfig()
    pipeline: PipelineConfig = PipelineConfig()
    loader: LoaderConfig = LoaderConfig()
    train: TrainConfig | None = None

    @classmethod
    def load(cls, recipe: str | Path, overrides: Mapping[str, Any] | None = None) -> Self:
        """Read a recipe.

        Args:
            recipe: a file, or the name of a shipped recipe.
            overrides: values by dotted path, such as `{"loader.batch_size": 32}`; they take the
                place of what the file says.

        Raises:
            RecipeError: no such recipe, not YAML, an unknown key, or a wrong value.
        """
        path = find_recipe(recipe)
        with within(str(path)):
            values = _read(path)
            for key, value in (overrides or {}).items():
                _override(values, key, value)
            return cls.parse(values)

    @classmethod
    def parse(cls, values: Any) -> Self:
        """Check plain values.

        Raises:
            RecipeError: an unknown key, or a wrong value.
        """
        if not isinstance(values, Mapping):
            raise RecipeError(
                f"a recipe is a mapping with the keys {', '.join(cls.model_fields)}, "
                f"not a {type(values).__name__}"
            )
        recipe = check(cls, values)
        for part in PARTS:
            recipe.provisional.ops(part)
        return recipe

    def ops(self, part: Part) -> Pipeline:
        """The pipeline of one part; `batch` and `normalize` run on batches.

        Raises:
            RecipeError: its statistics are still to be computed.
        """
        config = self.pipeline
        own = config.train if part == "train" else config.val
        batch = config.batch if part == "train" else ()
        last = [normalize] if (normalize := self.known_normalize) else []
        ops = _made(own, f"pipeline.{part}")
        batch_ops = _made(batch, "pipeline.batch")
        with within("pipeline"):
            return Pipeline(ops, batch=[*batch_ops, *last], boxes=config.boxes)

    @property
    def known_normalize(self) -> Normalize | None:
        """The last step of training and of validation, if there is one.

        Raises:
            RecipeError: its statistics are still to be computed.
        """
        if isinstance(self.pipeline.normalize, str):
            raise RecipeError(
                "pipeline.normalize: computed needs the training data, which is not known here; "
                "write down what `augpipe stats DATA` prints, or take Recipe.normalized"
            )
        return self.pipeline.normalize

    @property
    def is_open(self) -> bool:
        """Whether its statistics are still to be computed."""
        return self.pipeline.normalize == COMPUTED

    def normalized(self, mean: Sequence[float], std: Sequence[float]) -> Self:
        """The recipe with these statistics, such as `data.statistics.measure` finds.

        Args:
            mean: RGB, of pixels scaled to [0, 1].
            std: RGB, likewise; above zero.
        """
        normalize = check(Normalize, {"mean": tuple(mean), "std": tuple(std)}, "statistics")
        pipeline = self.pipeline.model_copy(update={"normalize": normalize})
        return self.model_copy(update={"pipeline": pipeline})

    @property
    def provisional(self) -> Self:
        """The recipe with stand-ins for statistics that are still to be computed.

        It serves to look at pictures, plans and times, which they do not change.
        """
        if not self.is_open:
            return self
        return self.normalized(**STATISTICS["half"])

    def to_yaml(self) -> str:
        """The recipe with all defaults filled in, except those of the ops."""
        values = self.model_dump(mode="json", exclude={"pipeline": {"normalize"}})
        normalize = self.pipeline.normalize
        if isinstance(normalize, Normalize):
            values["pipeline"]["normalize"] = normalize.model_dump(mode="json")
        elif normalize:
            values["pipeline"]["normalize"] = normalize
        return str(yaml.safe_dump(values, sort_keys=False))

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits over what decides the weights: not paths, workers, checkpoints."""
        exclude: dict[str, bool | set[str]] = {
            "data": True,
            "loader": {"num_workers"},
            "train": {"checkpoint", "writers"},
        }
        values = self.model_dump(mode="json", exclude=exclude)
        return hashlib.sha256(yaml.safe_dump(values).encode()).hexdigest()[:16]


def load_pipeline(
    pipeline: str | Path | Pipeline | Iterable[OpLike] | None,
) -> Pipeline:
    """A pipeline from what `build_loader` takes: see there.

    Raises:
        RecipeError: no such recipe, or something in it is wrong.
    """
    if pipeline is None:
        return Pipeline()
    if isinstance(pipeline, Pipeline):
        return pipeline
    if isinstance(pipeline, str | Path):
        name, _, part = str(pipeline).partition("#")
        if part not in ("", "train", "val"):
            raise RecipeError(f"{pipeline}: a recipe has the parts #train and #val, not #{part}")
        return Recipe.load(name).ops("val" if part == "val" else "train")
    return Pipeline(pipeline)


def find_recipe(recipe: str | Path) -> Path:
    """The file of a recipe, given as a path or as a shipped recipe's name.

    Raises:
        RecipeError: there is none; the message offers the nearest name.
    """
    if (path := Path(recipe)).is_file():
        return path
    shipped = shipped_recipes()
    if str(recipe) in shipped:
        return shipped[str(recipe)]
    raise RecipeError(f"no recipe {str(recipe)!r}: no such file; {suggest(path.stem, shipped)}")


def shipped_recipes() -> dict[str, Path]:
    """The recipes that come with augpipe, by name."""
    inside = Path(str(files("augpipe"))) / "pipelines"
    folder = inside if inside.is_dir() else Path(__file__).parents[2] / "pipelines"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def _read(path: Path) -> dict[str, Any]:
    try:
        values = read_yaml(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise RecipeError(f"not YAML: {error}") from None
    if not isinstance(values, dict):
        raise RecipeError(
            f"a recipe is a mapping with the keys {', '.join(Recipe.model_fields)}, "
            f"not a {type(values).__name__}"
        )
    return values


def _override(values: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
        if not isinstance(values, dict):
            raise RecipeError(f"cannot set {key}: {parent} is not a mapping")
    values[last] = value


def _made(ops: tuple[Any, ...], where: str) -> list[OpLike]:
    made: list[OpLike] = []
    for position, spec in enumerate(ops):
        with within(f"{where}[{position}]"):
            made.append(make_op(spec))
    return made
