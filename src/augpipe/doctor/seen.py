"""What probes are asked and what they see: plain values, as they travel between processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Request:
    """What is asked of a probe.

    Attributes:
        target: `module:function`.
        workers: the number of workers.
        samples: how many samples of an epoch.
        epochs: how many epochs.
        again: whether it only repeats another probe, to see what changes.
        use: whether to measure what the loader costs.
    """

    target: str
    workers: int
    samples: int
    epochs: int
    again: bool
    use: bool


@dataclass(frozen=True)
class Held:
    """Something that a dataset holds.

    Attributes:
        path: how one gets at it, such as `dataset.transform`.
        kind: "albumentations" or "imgaug" for their transforms, "generator", or "objects" for a
            long list or mapping of Python objects.
        count: how many objects.
    """

    path: str
    kind: str
    count: int = 1


@dataclass(frozen=True)
class Use:
    """What a loader with workers cost.

    Attributes:
        first_s: seconds to the first batch.
        batch_s: seconds from one batch to the next, on average.
        samples: how many were made from one look at its memory to the next.
        memory: at every look the bytes of all its processes; empty where the system does not tell.
        threads: for each worker, how many of its threads worked.
        cores: the processors there are for all of them.
    """

    first_s: float
    batch_s: float
    samples: int
    memory: list[int]
    threads: list[int]
    cores: int


@dataclass(frozen=True)
class Seen:
    """What one probe saw.

    Attributes:
        workers: the number of workers.
        ordered: for each epoch, fingerprints of the first samples in order.
        repeated: for each epoch, fingerprints of one row that was asked for again and again; None
            if the loader cannot be asked for that.
        batch: the samples in a batch of `repeated`.
        rows: whether `ordered` are known to be the same rows for any number of workers.
        held: what could be to blame.
        use: what it cost; None if that was not measured.
        error: why there is nothing else, or None.
    """

    workers: int
    ordered: list[list[str]]
    repeated: list[list[str]] | None = None
    batch: int = 1
    rows: bool = True
    held: list[Held] | None = None
    use: Use | None = None
    error: str | None = None

    @classmethod
    def of(cls, values: dict[str, Any]) -> Self:
        """From what `dataclasses.asdict` made of one."""
        held = [Held(**one) for one in values["held"] or []]
        use = Use(**values["use"]) if values["use"] else None
        return cls(**values | {"held": held, "use": use})
