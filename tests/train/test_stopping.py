import pytest

from augpipe.train.config import EarlyStoppingConfig
from augpipe.train.stopping import EarlyStopping, build_stopping


def epochs_until(stopping, accuracies):
    for epoch, accuracy in enumerate(accuracies, start=1):
        stopping.note(accuracy)
        if stopping.due:
            return epoch
    return None


@pytest.mark.parametrize(
    ("patience", "min_delta", "ends"),
    [(2, 0.0, 5), (3, 0.0, None), (2, 0.05, 4), (1, 0.0, 4)],
)
def test_it_ends_after_so_many_epochs_that_were_no_better(patience, min_delta, ends):
    config = EarlyStoppingConfig(patience=patience, min_delta=min_delta)
    assert epochs_until(build_stopping(config), [0.5, 0.6, 0.61, 0.61, 0.6, 0.7]) == ends


def test_without_patience_it_never_ends():
    assert epochs_until(build_stopping(None), [0.5] * 99) is None


def test_it_goes_on_waiting_where_it_was():
    one, other = EarlyStopping(2), EarlyStopping(2)
    one.note(0.5)
    one.note(0.4)
    other.load_state_dict(one.state_dict())
    other.note(0.5)
    assert other.due
    assert not one.due
