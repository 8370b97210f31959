"""What to do, in one line each."""

from __future__ import annotations

from collections.abc import Sequence

from augpipe.doctor.seen import Held

RUNS = "go through the loader in a plain `for`, with that number of workers, and mend what it says"
DRAWS = "seed once, before the first epoch, and not again in each"
EPOCH = (
    "workers that live on do not see set_epoch: keep the epoch in a tensor in shared memory "
    "(tensor.share_memory_()), or give the loader persistent_workers=False"
)
STREAM = "let __iter__ take each worker's share only, by torch.utils.data.get_worker_info()"
WORKERS = (
    "draw from (seed, epoch, row) alone: augpipe.build_loader(dataset, ...) does so for any "
    "dataset and its transforms; until then compare only runs of the same num_workers"
)
MEMORY = "keep nothing of a sample in the dataset, in its transforms or in lists of the module"
OBJECTS = "hold them as one array (NumPy, Arrow), which workers share"
THREADS = "call cv2.setNumThreads(0) and torch.set_num_threads(1) in worker_init_fn"
START = (
    "give the loader persistent_workers=True, and open, index and download before it is made; "
    "with spawn, import little at the top of the module"
)

_IN_WORKER = "in worker_init_fn call torch.utils.data.get_worker_info()."

# How each kind is given a generator of the worker's own; torch's seed is new in every epoch.
_RESEED = {
    "albumentations": ".set_random_seed(torch.initial_seed() % 2**32)",
    "imgaug": ".seed_(torch.initial_seed() % 2**32)",
    "generator": " = a generator seeded with torch.initial_seed()",
}


def reseed(held: Sequence[Held]) -> str:
    """How workers come to draw numbers of their own, given what the dataset holds."""
    for one in held:
        if one.kind in _RESEED and one.path.startswith("dataset"):
            verb = _IN_WORKER.replace("call", "set") if one.kind == "generator" else _IN_WORKER
            return (
                f"{verb}{one.path}{_RESEED[one.kind]}; or hand the dataset to "
                "augpipe.build_loader, which seeds it for each sample"
            )
    return (
        "seed what draws from torch.initial_seed() in worker_init_fn; or hand the dataset to "
        "augpipe.build_loader, which seeds it for each sample"
    )
