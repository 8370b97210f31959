import pytest
import torch
from torch.optim import lr_scheduler

from augpipe.train.config.schedule import PlateauConfig
from augpipe.train.plateau import Plateau

SCORES = [1.0, 0.9, 0.95, 0.9, 0.91, 0.5, 0.5, 0.49999, 0.6, float("nan"), 0.7, 0.8, 0.4, 0.41] + [
    0.45
] * 20


@pytest.mark.parametrize("monitor", ["loss", "accuracy"])
@pytest.mark.parametrize(
    "options",
    [
        {"patience": 2},
        {"patience": 0, "factor": 0.3, "cooldown": 2},
        {"patience": 1, "threshold": 0.1, "least": 0.2},
    ],
    ids=repr,
)
def test_it_is_torchs_step_by_step(monitor, options):
    config = PlateauConfig(monitor=monitor, **options)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = lr_scheduler.ReduceLROnPlateau(
        optimizer,
        mode="min" if monitor == "loss" else "max",
        factor=config.factor,
        patience=config.patience,
        threshold=config.threshold,
        cooldown=config.cooldown,
        min_lr=config.least,
    )
    plateau = Plateau(config)
    for score in SCORES:
        before = plateau.factor
        assert plateau.update(score) == (plateau.factor < before)
        scheduler.step(score)
        assert plateau.factor == pytest.approx(optimizer.param_groups[0]["lr"])
    assert plateau.factor < 1


@pytest.mark.parametrize("stop", range(0, len(SCORES), 3))
def test_it_goes_on_where_it_was_stopped(stop, tmp_path):
    config = PlateauConfig(patience=1, cooldown=1, factor=0.7)
    whole, first, second = Plateau(config), Plateau(config), Plateau(config)
    for score in SCORES[:stop]:
        first.update(score)
    torch.save(first.state_dict(), tmp_path / "state.pt")
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for score in SCORES:
        whole.update(score)
    for score in SCORES[stop:]:
        second.update(score)
    assert second.state_dict() == whole.state_dict()
