"""Can the model learn one batch by heart? If not, nothing else needs to be tried.

A model with enough weights for one batch fits it whatever its labels are, so a failure means that
something is broken: the learning rate, the gradients, a layer that is switched off, or labels that
do not reach the loss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from augpipe.errors import TrainError
from augpipe.loader.device import find_device
from augpipe.train.batches import Batch, Loader, first_batch, pair
from augpipe.train.config import ConstantConfig, TrainConfig
from augpipe.train.learner import Learner
from augpipe.train.pictures import Statistics
from augpipe.train.schedule import Clock
from augpipe.train.score import Scores, Tally, evaluate
from augpipe.train.seed import seed_torch

# A batch that takes more is not learnt by heart.
STEPS = 200

# Often enough to stop early, seldom enough to cost little.
_JUDGE_EVERY = 10


@dataclass(frozen=True, slots=True)
class Overfit:
    """What came of it.

    Attributes:
        samples: how many the batch has.
        steps: how many were taken.
        before: the scores on the batch at first.
        after: and at last.
    """

    samples: int
    steps: int
    before: Scores
    after: Scores

    @property
    def passed(self) -> bool:
        """Whether every sample of the batch is told right, by the model as it is evaluated."""
        return self.after.accuracy == 1.0

    def __str__(self) -> str:
        return (
            f"{self.samples} samples, {self.steps} steps: loss {self.before.loss:.4f} to "
            f"{self.after.loss:.4f}, accuracy {self.before.accuracy:.2%} to "
            f"{self.after.accuracy:.2%}"
        )


class OneBatch:
    """A loader of one batch, the same tensors each time."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[Batch]:
        yield self._batch


def overfit_batch(
    config: TrainConfig,
    loader: Loader,
    *,
    seed: int,
    device: str = "cpu",
    steps: int = STEPS,
    statistics: Statistics | None = None,
    on_step: Callable[[int], None] = lambda taken: None,
) -> Overfit:
    """Train on the first batch only, and evaluate on the same tensors.

    Everything is as the recipe says, but the learning rate, which stays at its peak. Nothing is
    written. It ends as soon as every sample is told right.

    Args:
        config: the recipe's `train:` section.
        loader: whose first batch of epoch 0 is taken, augmented once.
        seed: of the initial weights and of dropout.
        device: `cpu`, `cuda` or `cuda:N`.
        steps: the most to take.
        statistics: what pictures were normalised with; see `Trainer`.
        on_step: told how many were taken.

    Raises:
        DataError: the loader has no batch.
        TrainError: the loss stayed infinite or NaN.
    """
    where = find_device(device)
    seed_torch(seed)
    constant = config.model_copy(update={"schedule": ConstantConfig(name="constant")})
    learner = Learner(constant, loader, Clock(steps, steps), where, statistics)
    one = OneBatch(first_batch(loader))
    window = [pair(batch, where, learner.layout) for batch in one]
    learner.suit(window[0].images)
    before = after = _scores(learner, one)
    taken = 0
    while taken < steps and after.accuracy < 1.0:
        learner.start_epoch(taken)
        learner.learn(window, Tally(where), taken)
        taken += 1
        on_step(taken)
        if taken % _JUDGE_EVERY == 0 or taken == steps:
            learner.guard.check()
            after = _scores(learner, one)
    return Overfit(len(window[0].labels), taken, before, after)


def require(result: Overfit) -> None:
    """Turn a failure into an error.

    Raises:
        TrainError: the batch was not learnt by heart.
    """
    if not result.passed:
        raise TrainError(
            f"the model did not learn one batch by heart ({result}); look at the labels with "
            "`augpipe preview`, change train.optimizer.lr, or take regularisation out"
        )


def _scores(learner: Learner, one: OneBatch) -> Scores:
    device = next(learner.model.parameters()).device
    models = {"val": learner.model}
    scores = evaluate(models, one, device, precision=learner.precision, layout=learner.layout)
    return scores["val"]
